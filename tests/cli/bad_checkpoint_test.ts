import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors_writer.ts";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

const good = "tests/golden/parity/llama";
const goodConfig = JSON.parse(await Deno.readTextFile(`${good}/config.json`));

/** Files by their path; a text, a change of the good config, or the good file of that name. */
type Files = Readonly<Record<string, string | Readonly<Record<string, unknown>> | true>>;

const whole: Files = {
  "config.json": true,
  "model.safetensors": true,
  "tokenizer.json": true,
  "tokenizer_config.json": true,
  "chat_template.jinja": true,
};
const { "model.safetensors": _weights, ...withoutWeights } = whole;
const { "config.json": _config, ...withoutConfig } = whole;
const { "tokenizer.json": _tokenizer, ...withoutTokenizer } = whole;
const { "chat_template.jinja": _template, ...withoutTemplate } = whole;

/** What a folder holds, the error's code, and what its one sentence says was found, and to do. */
const bad: readonly (readonly [what: string, Files, code: string, RegExp])[] = [
  ["nothing", {}, "checkpoint/missing-config", /found an empty folder: download the model/],
  [
    "a model without its config",
    withoutConfig,
    "checkpoint/missing-config",
    /found weights without it: copy config\.json/,
  ],
  [
    "no tokenizer.json",
    { ...withoutTokenizer, "tokenizer.model": "" },
    "text/missing-tokenizer",
    /expected a tokenizer\.json .*AutoTokenizer\.from_pretrained/,
  ],
  [
    "no template",
    withoutTemplate,
    "text/no-chat-template",
    /add the template the model was trained/,
  ],
  ...["pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth", "model.pt"].map((
    file,
  ) =>
    [
      `${file} alone`,
      { ...withoutWeights, [file]: "", "training_args.bin": "" },
      "checkpoint/no-safetensors",
      new RegExp(`found ${file}, PyTorch weights: convert them`),
    ] as const
  ),
  [
    "Mistral's own weights",
    { ...withoutWeights, "consolidated.safetensors": "" },
    "checkpoint/no-safetensors",
    /consolidated\.safetensors, .*take the ones that transformers reads/,
  ],
  [
    "a GGUF file and no config",
    { "reward.Q4_K_M.gguf": "" },
    "checkpoint/missing-config",
    /found reward\.Q4_K_M\.gguf, GGUF weights.*take the original model's folder/,
  ],
  [
    "a GGUF file beside a config",
    { ...withoutWeights, "reward.gguf": "" },
    "checkpoint/no-safetensors",
    /found reward\.gguf, GGUF weights/,
  ],
  [
    "an ONNX export",
    { ...withoutWeights, "onnx/model.onnx": "" },
    "checkpoint/no-safetensors",
    /found onnx, an export to ONNX: take the original/,
  ],
  [
    "a LoRA adapter without its base",
    { "adapter_config.json": "{}", "adapter_model.safetensors": "" },
    "checkpoint/missing-config",
    /an adapter without its base model: name the base model.* with --adapter/,
  ],
  [
    "a sentence-transformers model of before version 1",
    { "modules.json": "[]", "0_Transformer/config.json": true, "1_Pooling/config.json": "{}" },
    "checkpoint/missing-config",
    /sentence-transformers model.*vectors, not scores/,
  ],
  [
    "a run's checkpoints",
    { "checkpoint-500/config.json": true },
    "checkpoint/missing-config",
    /checkpoint-500, a training run: name one of the folders/,
  ],
  [
    "another architecture",
    { ...whole, "config.json": { model_type: "mamba" } },
    "models/unsupported-architecture",
    /its model_type is "mamba"; Assay runs .*; take a reward model on one of these/,
  ],
  [
    "a key that nobody knows",
    { ...whole, "config.json": { brand_new_key: 3 } },
    "models/unknown-config-key",
    /found "brand_new_key", .*--ignore-config-key brand_new_key/,
  ],
  [
    "two labels and one row of the head",
    { ...whole, "config.json": { id2label: { 0: "bad", 1: "good" } } },
    "heads/contradicted-labels",
    /config\.json has 2 labels .* has 1 row; .*correct the config, or the weights/,
  ],
  [
    "sizes that the weights don't have",
    { ...whole, "config.json": { intermediate_size: 128 } },
    "checkpoint/wrong-shape",
    /have the shape \[128,64\] that config\.json gives it, found \[112,64\]/,
  ],
  ...(["gptq", "awq", "bitsandbytes", "fp8", "compressed-tensors"] as const).map((method) =>
    [
      `weights quantized by ${method}`,
      { ...whole, "config.json": { quantization_config: { quant_method: method, bits: 4 } } },
      "models/quantized",
      new RegExp(
        `found quantized ones \\(.*by ${method}, 4 bits\\); take the model as it was before`,
      ),
    ] as const
  ),
];

for (const [what, files, code, message] of bad) {
  Deno.test(`assay score says in one sentence what to do with a folder of ${what}`, async () => {
    await inFolder(async (folder) => {
      await write(folder, files);
      await refuses(folder, code, message);
    });
  });
}

Deno.test("assay score says in one sentence that experts are missing", async () => {
  await inFolder(async (folder) => {
    const mixtral = "tests/golden/parity/mixtral";
    for (const { name } of Deno.readDirSync(mixtral)) {
      await Deno.copyFile(`${mixtral}/${name}`, `${folder}/${name}`);
    }
    const config = JSON.parse(await Deno.readTextFile(`${mixtral}/config.json`));
    const more = { ...config, num_local_experts: 2 * config.num_local_experts };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(more));
    await refuses(
      folder,
      "models/missing-experts",
      /found no tensor .*; get the rest of the checkpoint/,
    );
  });
});

Deno.test("assay score --ignore-config-key leaves out a key that is named, with a warning", async () => {
  await inFolder(async (folder) => {
    await write(folder, { ...whole, "config.json": { brand_new_key: 3, other_key: 4 } });
    const score = async (...flags: string[]) => {
      const { output, rows, stderr } = captureOutput();
      const args = ["score", folder, "examples/conversations.jsonl", "--backend", "cpu", ...flags];
      return { status: await run([scoreCommand(output)], args, output), rows, stderr };
    };
    const one = await score("--ignore-config-key", "brand_new_key");
    assert.equal(one.status, 2);
    assert.match(one.stderr(), /found "other_key", which/);
    const keys = ["brand_new_key", "other_key"].flatMap((key) => ["--ignore-config-key", key]);
    const both = await score(...keys);
    assert.equal(both.status, 0);
    assert.match(both.stderr(), /brand_new_key, other_key left out, as asked/);
    assert.ok(both.rows().some(({ score }) => typeof score === "number"));
  });
});

Deno.test("assay score says what to do where the model's name is no folder", async () => {
  const name = "Skywork/Skywork-Reward-V2-Qwen3-0.6B";
  await refuses(name, "checkpoint/missing-config", /name it hf:/);
  await refuses("no/such/folder", "checkpoint/missing-config", /found no such folder \[/);
  const file = `${good}/model.safetensors`;
  await refuses(file, "checkpoint/missing-config", /found a file: name the folder that it lies in/);
});

Deno.test("assay score says what to do with a backbone of sentence-transformers, and with fp8 weights", async () => {
  using checkpoint = await Checkpoint.open(good);
  const tensors = await Promise.all([...checkpoint.tensors.values()].map(async ({ name }) => {
    const { dtype, shape, bytes } = await checkpoint.read(name);
    return { name, dtype, shape, bytes: [bytes] } satisfies TensorToWrite;
  }));
  await inFolder(async (folder) => {
    const config = { architectures: ["LlamaModel"] };
    await write(folder, { ...whole, "config.json": config, "modules.json": "[]" });
    const refusedWith = async (written: TensorToWrite[], code: string, message: RegExp) => {
      const file = await Deno.create(`${folder}/model.safetensors`);
      await writeSafetensors(file.writable, written);
      await refuses(folder, code, message);
    };
    const backbone = tensors.filter(({ name }) => name !== "score.weight");
    await refusedWith(
      backbone,
      "heads/missing-head",
      /a backbone alone, which makes vectors: take a reward model/,
    );
    const scale = {
      name: "model.layers.0.mlp.up_proj.weight_scale",
      dtype: "F32",
      shape: [1],
    } as const;
    await refusedWith(
      [...tensors, { ...scale, bytes: [new Uint8Array(4)] }],
      "models/quantized",
      /found quantized ones \(the tensor "model.*weight_scale" in F32, as fp8 or compressed-tensors has them\)/,
    );
  });
});

/** Scores with a model that is refused before any row is read. */
async function refuses(model: string, code: string, message: RegExp): Promise<void> {
  const { output, stdout, stderr } = captureOutput();
  const args = ["score", model, "examples/conversations.jsonl", "--backend", "cpu"];
  const status = await run([scoreCommand(output)], args, output);
  assert.equal(status, 2);
  assert.equal(stdout(), "");
  const lines = stderr().trim().split("\n").filter((line) => line.includes("Cannot"));
  assert.equal(lines.length, 1, stderr());
  assert.match(lines[0]!, message);
  assert.ok(lines[0]!.endsWith(`[${code}]`), lines[0]);
}

async function write(folder: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const parts = path.split("/");
    if (parts.length > 1) await Deno.mkdir(`${folder}/${parts.slice(0, -1).join("/")}`);
    const target = `${folder}/${path}`;
    if (content === true) await Deno.copyFile(`${good}/${parts.at(-1)}`, target);
    else {
      const text = typeof content === "string"
        ? content
        : JSON.stringify({ ...goodConfig, ...content });
      await Deno.writeTextFile(target, text);
    }
  }
}
