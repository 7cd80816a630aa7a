import assert from "node:assert/strict";
import { inspectCommand } from "../../src/cli/inspect/inspect.ts";
import { run } from "../../src/cli/main.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

// deno-lint-ignore no-explicit-any
type Report = any;

async function inspect(
  ...args: string[]
): Promise<{ status: number; stdout: string; stderr: string; report: () => Report }> {
  const { output, stdout, stderr } = captureOutput();
  const pinned = args.includes("--backend") ? [] : ["--backend", "cpu"];
  const all = ["inspect", ...args, ...pinned];
  const status = await run([inspectCommand(output)], all, output);
  return { status, stdout: stdout(), stderr: stderr(), report: () => JSON.parse(stdout()) };
}

Deno.test("assay inspect tells architecture, head, template, memory plan and tensors", async () => {
  const { status, report } = await inspect("tests/golden/parity/armo");
  const told = report();
  assert.equal(status, 0);
  assert.deepEqual(told.architectures, ["LlamaForRewardModelWithGating"]);
  assert.equal(told.backbone.family, "llama");
  assert.equal(told.backbone.hidden_size, 64);
  assert.equal(told.head.kind, "armo");
  assert.equal(told.head.objectives.length, 19);
  assert.equal(told.template.header_pattern.length, 5);
  assert.match(told.template.source, /start_header_id/);
  assert.equal(told.memory.layers, "resident");
  assert(told.memory.peak_bytes > told.memory.weight_bytes);
  const { set, tile, timed } = told.kernels;
  if (told.memory.backend === "cpu") assert.deepEqual([set, tile], ["cpu", null]);
  else assert.match(`${set} ${tile}`, /^(tiled|texture) \d+x\d+x\d+$/);
  assert.deepEqual(timed, []); // never so small a model
  const names = told.tensors.map(({ name }: { name: string }) => name);
  assert(names.includes("reward_transform_matrix"));
  assert.equal(
    told.parameters,
    told.tensors.reduce(
      (sum: number, { shape }: { shape: number[] }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    ),
  );
});

Deno.test("assay inspect plans the memory as scoring does, by whatever computes", async () => {
  const folder = "models/demo";
  for (const backend of ["auto", "wasm", "cpu"] as const) {
    for (const budget of [undefined, 2 ** 23]) {
      const flags = budget === undefined ? [] : ["--memory-budget", `${budget / 2 ** 20}MiB`];
      const { status, stderr, report } = await inspect(folder, "--backend", backend, ...flags);
      assert.deepEqual([status, stderr], [0, ""]);
      using model = await RewardModel.load(folder, { backend, memoryBudget: budget });
      const { memory, kernels } = report();
      assert.equal(memory.backend, model.backend);
      assert.equal(kernels.set, model.kernels);
      for (const [name, value] of Object.entries(model.plan)) {
        const spelt = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
        assert.deepEqual(memory[spelt], value, `${backend}: ${name}`);
      }
    }
  }
});

Deno.test("assay inspect refuses an option of an engine that does not compute, as scoring does", async () => {
  const { status, stderr } = await inspect("models/demo", "--backend", "cpu", "--threads", "2");
  assert.equal(status, 2);
  assert.match(stderr, /"threads" for the WebAssembly engine alone.*\[scoring\/bad-option\]/);
});

Deno.test("assay inspect --text shows the exact tokens and the pooled positions", async () => {
  const args = ["tests/golden/parity/armo", "--prompt", "Hi", "--text", "A B"];
  const { status, report } = await inspect(...args);
  assert.equal(status, 0);
  const [text] = report().texts;
  assert.deepEqual(text.conversation, [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "A B" },
  ]);
  const joined = text.tokens.map((token: { text: string }) => token.text).join("");
  assert.match(joined, /^<\|begin_of_text\|><\|start_header_id\|>user/);
  assert.match(joined, /A B<\|eot_id\|>$/);
  const { score: [score], gate: [gate] } = text.pooled_positions;
  assert.equal(score, text.tokens.length - 1);
  assert.equal(text.tokens[score].read, "score");
  assert.equal(text.tokens[gate].read, "gate");
  assert.deepEqual(
    text.tokens.slice(gate, gate + 5).map((token: { id: number }) => token.id),
    report().template.header_pattern.map((token: { id: number }) => token.id),
  );
});

Deno.test("assay inspect --text takes messages and rows as JSON", async () => {
  const messages = '[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]';
  const list = (await inspect("tests/golden/parity/armo", "--text", messages)).report();
  const pair = '{"prompt":"Q","chosen":"A","rejected":"B"}';
  const row = (await inspect("tests/golden/parity/armo", "--text", pair)).report();
  assert.equal(list.texts.length, 1);
  assert.equal(row.texts.length, 2);
  assert.deepEqual(row.texts[0].tokens, list.texts[0].tokens);
});

Deno.test("assay inspect tells why a text has no tokens, with 1", async () => {
  const messages = '[{"role":"assistant","content":"A"}]';
  const { status, report } = await inspect("tests/golden/parity/armo", "--text", messages);
  assert.equal(status, 1);
  assert.equal(report().texts[0].error.code, "text/no-gating-pattern");
  assert.equal(report().backbone.family, "llama");
});

Deno.test("assay inspect --format table shows it to people", async () => {
  const args = ["tests/golden/parity/llama", "--format", "table", "--text", "A"];
  const { status, stdout } = await inspect(...args);
  assert.equal(status, 0);
  for (
    const heading of ["Model", "Backbone", "Head", "Template", "Memory plan", "Tensors", "Text 1"]
  ) {
    assert(stdout.split("\n").includes(heading), heading);
  }
  assert.match(stdout, /kind {8}scalar/);
  assert.match(stdout, /\d+ × {2}[BF0-9]+ +\[64\] +model\.layers\.\*\.input_layernorm\.weight/);
  assert.match(stdout, /<- score is read here/);
  assert.doesNotMatch(stdout, /<- gate is read here/);
});

Deno.test("assay inspect folds layers and experts, and tells what the score is of objectives", async () => {
  const shown = async (model: string) =>
    (await inspect(`tests/golden/parity/${model}`, "--format", "table")).stdout;
  const encoder = await shown("bert");
  assert.match(encoder, /2 × .* bert\.encoder\.layer\.\*\.output\.dense\.bias/);
  assert.doesNotMatch(encoder, /assistant header/); // a pair has none
  assert.match(await shown("mixtral"), /\.layers\.\*\.block_sparse_moe\.experts\.\*\.w1\.weight/);
  assert.match(await shown("head_urm"), /score {7}the sum of the objectives' rewards/);
});

Deno.test("assay inspect tells what it can of a model that it does not understand, with 1", async () => {
  await inFolder(async (folder) => {
    const from = "tests/golden/parity/llama";
    for (const { name, isFile } of Deno.readDirSync(from)) {
      if (isFile) await Deno.copyFile(`${from}/${name}`, `${folder}/${name}`);
    }
    const config = JSON.parse(await Deno.readTextFile(`${from}/config.json`));
    await Deno.writeTextFile(
      `${folder}/config.json`,
      JSON.stringify({ ...config, model_type: "mamba" }),
    );
    const { status, report } = await inspect(folder);
    assert.equal(status, 1);
    const told = report();
    assert.equal(told.backbone.error.code, "models/unsupported-architecture");
    assert.deepEqual(told.memory.error, told.backbone.error);
    assert(told.tensors.length > 0);
    assert.match(told.template.source, /message/);
  });
});

Deno.test("assay inspect tells that a budget is too small, with 1", async () => {
  const { status, report } = await inspect("tests/golden/parity/llama", "--memory-budget", "1KiB");
  assert.equal(status, 1);
  assert.equal(report().memory.error.code, "scoring/over-budget");
  assert.equal(report().head.kind, "scalar");
});

Deno.test("assay inspect fails with 2 where there is no checkpoint, and on a text that is no row", async () => {
  const missing = await inspect("no/such/model");
  assert.deepEqual([missing.status, missing.stdout], [2, ""]);
  const text = await inspect("tests/golden/parity/llama", "--text", '{"id":1}');
  assert.deepEqual([text.status, text.stdout], [2, ""]);
  assert.match(text.stderr, /\[data\/bad-row\]/);
});
