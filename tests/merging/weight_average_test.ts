import assert from "node:assert/strict";
import fc from "fast-check";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { blobFolder } from "../../src/checkpoint/folder.ts";
import type { TensorToWrite } from "../../src/checkpoint/safetensors_writer.ts";
import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { averageWeights, type WeightAverageOptions } from "../../src/merging/weight_average.ts";
import { allClose, close } from "../voting/golden.ts";
import { bytes, floats, safetensorsBlob, tinyCheckpoint } from "./tiny_checkpoint.ts";

/** The averaged checkpoint, written and opened again. */
async function soup(
  members: readonly Checkpoint[],
  options?: WeightAverageOptions,
): Promise<Checkpoint> {
  const { tensors, files } = await averageWeights(members, options);
  const blobs = [...files].map(([file, text]) => [file, new Blob([text])] as const);
  const weights = await safetensorsBlob(tensors);
  return await Checkpoint.open(
    blobFolder("soup", new Map([...blobs, ["model.safetensors", weights]])),
  );
}

async function values(checkpoint: Checkpoint, name: string): Promise<number[]> {
  return [...toFloat32(await checkpoint.read(name))];
}

async function refusal(first: TensorToWrite[], second: TensorToWrite[], code: string) {
  const members = await Promise.all([first, second].map((t, i) => tinyCheckpoint(`m${i}`, t)));
  await assert.rejects(soup(members), { code });
}

Deno.test("averageWeights() of WARM's toy is what the ensemble scores", async () => {
  const member = (weight: number[], bias: number) =>
    tinyCheckpoint("member", [floats("w", [1, 2], weight), floats("b", [1], [bias])]);
  const members = [await member([0.5, 1], 0.1), await member([0.3, 1.4], -0.1)];
  using averaged = await soup(members);
  const [w, b] = [await values(averaged, "w"), await values(averaged, "b")];
  close(w[0]! * 1 + w[1]! * 2 + b[0]!, 2.8, 1e-6);
});

Deno.test("averageWeights() equals the mean ensemble of linear heads, whatever the weights", async () => {
  const number = fc.float({ min: -100, max: 100, noNaN: true });
  const head = fc.array(number, { minLength: 6, maxLength: 6 });
  const lambdas = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      lambdas,
      fc.array(head, { minLength: 4, maxLength: 4 }),
      head,
      async (l, heads, h) => {
        const total = l.reduce((a, b) => a + b);
        const weights = l.map((part) => part / total);
        const members = await Promise.all(
          weights.map((_, m) =>
            tinyCheckpoint(`m${m}`, [floats("score.weight", [1, 6], heads[m]!)])
          ),
        );
        using averaged = await soup(members, { weights });
        const dot = (w: readonly number[]) => w.reduce((sum, x, i) => sum + x * h[i]!, 0);
        const ensemble = weights.reduce((sum, weight, m) => sum + weight * dot(heads[m]!), 0);
        const size = 1e4 * 6; // the largest product times their number, which rounding is relative to
        assert.ok(
          Math.abs(dot(await values(averaged, "score.weight")) - ensemble) <= size * 2 ** -23,
        );
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("averageWeights() of one checkpoint with itself is that checkpoint, in every dtype", async () => {
  const data = Array.from({ length: 24 }, (_, i) => Math.sin(i) * 2 ** (i - 12));
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    using member = await tinyCheckpoint("m", [floats("w", [4, 6], data, dtype)]);
    using averaged = await soup([member, member, member]);
    assert.equal(averaged.tensors.get("w")?.dtype, dtype);
    assert.deepEqual((await averaged.read("w")).bytes, (await member.read("w")).bytes);
  }
});

Deno.test("averageWeights() takes a tensor in pieces without a trace, and reports its progress", async () => {
  const data = (m: number) => Array.from({ length: 70 }, (_, i) => Math.cos(i * m));
  const tensors = (m: number) => [
    floats("w", [10, 7], data(m)),
    floats("scalar", [], [m]),
    floats("none", [0, 3], []),
  ];
  const members = [await tinyCheckpoint("a", tensors(1)), await tinyCheckpoint("b", tensors(2))];
  const reports: number[] = [];
  using whole = await soup(members);
  using pieces = await soup(members, {
    chunkElements: 15,
    onProgress: ({ done, total }) => reports.push(done / total),
  });
  assert.deepEqual(await values(pieces, "w"), await values(whole, "w"));
  assert.deepEqual(await values(pieces, "scalar"), [1.5]);
  assert.equal(reports.at(-1), 1);
  assert.equal(reports.length, 6);
});

Deno.test("averageWeights() can write another dtype, and says so in the configuration", async () => {
  const config = JSON.stringify({ model_type: "llama", torch_dtype: "bfloat16" });
  const member = (value: number) =>
    tinyCheckpoint("m", [floats("w", [1], [value], "BF16")], { "config.json": config });
  const members = [await member(1), await member(1.0078125)];
  using averaged = await soup(members, { dtype: "F32" });
  assert.equal(averaged.config.torch_dtype, "float32");
  allClose(await values(averaged, "w"), [1.00390625]);
});

Deno.test("averageWeights() copies the tokenizer and equal whole-number tensors", async () => {
  const files = {
    "tokenizer.json": '{"model": {"vocab": {"a": 0}}}',
    "chat_template.jinja": "{{ x }}",
  };
  const tensors = [floats("w", [1], [1]), bytes("ids", "I32", [1], [1, 0, 0, 0])];
  const members = [
    await tinyCheckpoint("a", tensors, files),
    await tinyCheckpoint("b", tensors, {
      ...files,
      "tokenizer.json": '{"version":"1.0","model":{"vocab":{"a":0}}}',
    }),
  ];
  using averaged = await soup(members);
  assert.equal(await averaged.readText("tokenizer.json"), files["tokenizer.json"]);
  assert.deepEqual([...(await averaged.read("ids")).bytes], [1, 0, 0, 0]);
});

Deno.test("averageWeights() refuses members that do not fit together", async () => {
  const w = floats("w", [2], [1, 2]);
  await refusal([w], [floats("w", [1, 2], [1, 2])], "voting/cannot-average");
  await refusal([w], [floats("w", [2], [1, 2], "BF16")], "voting/cannot-average");
  await refusal([w], [floats("v", [2], [1, 2])], "voting/cannot-average");
  await refusal([w], [w, floats("v", [2], [1, 2])], "voting/cannot-average");
  const ids = (value: number) => [bytes("ids", "I32", [1], [value, 0, 0, 0])];
  await refusal(ids(1), ids(2), "voting/cannot-average");
  const quantised = [bytes("w", "I8", [2], [1, 2])];
  await refusal(quantised, quantised, "voting/cannot-average");
});

Deno.test("averageWeights() refuses other settings, tokenizers and templates, and says which", async () => {
  const w = [floats("w", [1], [1])];
  const pairs: [Record<string, string>, Record<string, string>, RegExp][] = [
    [
      { "config.json": '{"rope_theta":1}' },
      { "config.json": '{"rope_theta":2}' },
      /rope_theta.*1 and 2/,
    ],
    [{ "config.json": '{"tie_word_embeddings":true}' }, {}, /tie_word_embeddings/],
    [{ "tokenizer.json": '{"model":1}' }, { "tokenizer.json": '{"model":2}' }, /same tokenizer/],
    [{ "chat_template.jinja": "a" }, { "chat_template.jinja": "b" }, /same chat template/],
    [{ "config.json": '{"quantization_config":{}}' }, {}, /quantization_config/],
  ];
  for (const [first, second, message] of pairs) {
    const members = [await tinyCheckpoint("a", w, first), await tinyCheckpoint("b", w, second)];
    await assert.rejects(soup(members), { code: "voting/cannot-average", message });
  }
  const harmless = [
    await tinyCheckpoint("a", w, { "config.json": '{"transformers_version":"4.1"}' }),
    await tinyCheckpoint("b", w),
  ];
  (await soup(harmless))[Symbol.dispose]();
});

Deno.test("averageWeights() refuses one member, weights that are none, and broken numbers", async () => {
  using member = await tinyCheckpoint("m", [floats("w", [2], [1, 2])]);
  await assert.rejects(soup([member]), { code: "voting/cannot-average" });
  for (const weights of [[0.5], [0.5, 0.6], [1.5, -0.5], [NaN, 1]]) {
    await assert.rejects(soup([member, member], { weights }), { code: "voting/bad-weights" });
  }
  using broken = await tinyCheckpoint("broken", [floats("w", [2], [1, NaN])]);
  await assert.rejects(soup([member, broken]), {
    code: "voting/not-finite",
    message: /tensor w of broken/,
  });
});
