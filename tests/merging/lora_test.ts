import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { blobFolder, type CheckpointFolder, localFolder } from "../../src/checkpoint/folder.ts";
import type { TensorToWrite } from "../../src/checkpoint/safetensors_writer.ts";
import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { LoraAdapter } from "../../src/merging/lora.ts";
import { allClose, close, golden } from "../voting/golden.ts";
import { floats, safetensorsBlob, tinyFolder } from "./tiny_checkpoint.ts";

const projection = "model.layers.0.self_attn.q_proj";

async function adapterFolder(
  config: Record<string, unknown>,
  tensors: readonly TensorToWrite[],
): Promise<CheckpointFolder> {
  const text = JSON.stringify({ peft_type: "LORA", bias: "none", r: 1, lora_alpha: 1, ...config });
  return blobFolder(
    "adapter",
    new Map([
      ["adapter_config.json", new Blob([text])],
      ["adapter_model.safetensors", await safetensorsBlob(tensors)],
    ]),
  );
}

function matrix(name: string, rows: readonly (readonly number[])[]): TensorToWrite {
  return floats(name, [rows.length, rows[0]!.length], rows.flat());
}

/** The tensor `name` of a base with an adapter merged in. */
async function mergedValues(base: CheckpointFolder, adapter: CheckpointFolder, name: string) {
  using checkpoint = await Checkpoint.open(base);
  using lora = await LoraAdapter.open(adapter);
  using merged = await Checkpoint.open(lora.mergedFolder(base, checkpoint));
  return [...toFloat32(await merged.read(name))];
}

const A = matrix(`base_model.model.${projection}.lora_A.weight`, [[1, 2]]);
const B = matrix(`base_model.model.${projection}.lora_B.weight`, [[3], [4], [5]]);
const base = await tinyFolder("base", [
  matrix(`${projection}.weight`, [[1, 1], [1, 1], [1, 1]]),
  floats("score.weight", [1, 2], [7, 8]),
]);

Deno.test("LoraAdapter merges as NumPy does: α / r and rsLoRA, [out, in] and [in, out]", async () => {
  for (const { useRslora, fanInFanOut, r, alpha, weight, a, b, merged } of golden.lora) {
    const folder = await tinyFolder("base", [matrix(`${projection}.weight`, weight)]);
    const adapter = await adapterFolder(
      { r, lora_alpha: alpha, use_rslora: useRslora, fan_in_fan_out: fanInFanOut },
      [
        matrix(`base_model.model.${projection}.lora_A.weight`, a),
        matrix(`base_model.model.${projection}.lora_B.weight`, b),
      ],
    );
    allClose(await mergedValues(folder, adapter, `${projection}.weight`), merged.flat(), 1e-6);
  }
});

Deno.test("LoraAdapter merges the same whole and row by row", async () => {
  const { weight, a, b } = golden.lora[0];
  const folder = await tinyFolder("base", [matrix(`${projection}.weight`, weight)]);
  const adapter = await adapterFolder({ r: 2 }, [
    matrix(`base_model.model.${projection}.lora_A.weight`, a),
    matrix(`base_model.model.${projection}.lora_B.weight`, b),
  ]);
  using checkpoint = await Checkpoint.open(folder);
  using lora = await LoraAdapter.open(adapter);
  using merged = await Checkpoint.open(lora.mergedFolder(folder, checkpoint));
  const whole = toFloat32(await merged.read(`${projection}.weight`));
  const rows = toFloat32(await merged.gatherRows(`${projection}.weight`, [4, 1, 1]));
  const columns = weight[0].length;
  const expected = [4, 1, 1].flatMap((
    row,
  ) => [...whole.subarray(row * columns, (row + 1) * columns)]);
  assert.deepEqual([...rows], expected);
});

Deno.test("LoraAdapter replaces modules saved whole, and leaves the rest alone", async () => {
  for (const name of ["score.weight", "score.modules_to_save.default.weight"]) {
    const head = floats(`base_model.model.${name}`, [1, 2], [-1, -2]);
    const adapter = await adapterFolder({}, [A, B, head]);
    assert.deepEqual(await mergedValues(base, adapter, "score.weight"), [-1, -2]);
  }
  const adapter = await adapterFolder({ lora_alpha: 2 }, [A, B]);
  assert.deepEqual(await mergedValues(base, adapter, "score.weight"), [7, 8]);
  const merged = await mergedValues(base, adapter, `${projection}.weight`);
  assert.deepEqual(merged, [7, 13, 9, 17, 11, 21]);
});

Deno.test("LoraAdapter keeps the base's dtype, or 32 bits where asked", async () => {
  const folder = await tinyFolder("base", [
    floats(`${projection}.weight`, [3, 2], [1, 1, 1, 1, 1, 1], "BF16"),
  ]);
  using checkpoint = await Checkpoint.open(folder);
  using lora = await LoraAdapter.open(await adapterFolder({ lora_alpha: 0.001 }, [A, B]));
  using rounded = await Checkpoint.open(lora.mergedFolder(folder, checkpoint));
  assert.equal(rounded.tensors.get(`${projection}.weight`)?.dtype, "BF16");
  using exact = await Checkpoint.open(lora.mergedFolder(folder, checkpoint, "F32"));
  allClose(
    toFloat32(await exact.read(`${projection}.weight`)),
    [1.003, 1.006, 1.004, 1.008, 1.005, 1.01],
    1e-6,
  );
});

Deno.test("LoraAdapter reads ranks and alphas of single modules", async () => {
  const ends = { rank_pattern: { "q_proj": 1 }, alpha_pattern: { "self_attn.q_proj": 3 } };
  const adapter = await adapterFolder({ r: 8, lora_alpha: 100, ...ends }, [A, B]);
  const merged = await mergedValues(base, adapter, `${projection}.weight`);
  assert.deepEqual(merged, [10, 19, 13, 25, 16, 31]);
  const whole = await adapterFolder(
    { alpha_pattern: { [`^${projection}`]: 2, "^q_proj": 50 } },
    [A, B],
  );
  assert.equal((await mergedValues(base, whole, `${projection}.weight`))[0], 7);
});

Deno.test("LoraAdapter refuses what is not W + scale · B·A", async () => {
  const settings: Record<string, unknown>[] = [
    { peft_type: "IA3" },
    { use_dora: true },
    { bias: "all" },
    { lora_bias: true },
    { layer_replication: [[0, 4]] },
    { init_lora_weights: "pissa_niter_16" },
    { kasa_config: {} },
    { r: 0 },
    { r: 2 },
    { lora_alpha: "x" },
    { rank_pattern: { "layers\\.[0-9]+": 4 } },
  ];
  const refused = { code: "voting/bad-adapter" };
  for (const config of settings) {
    await assert.rejects(LoraAdapter.open(await adapterFolder(config, [A, B])), refused);
  }
  for (
    const tensors of [
      [A],
      [B],
      [A, B, matrix("base_model.model.embed.lora_embedding_A", [[1]])],
      [A, B, matrix(`base_model.model.${projection}.lora_magnitude_vector.weight`, [[1]])],
      [A, B, matrix("stray.weight", [[1]])],
      [A, matrix(`base_model.model.${projection}.lora_B.weight`, [[1, 2]])],
    ]
  ) {
    await assert.rejects(LoraAdapter.open(await adapterFolder({}, tensors)), refused);
  }
  await assert.rejects(LoraAdapter.open(blobFolder("nothing", new Map())), refused);
});

Deno.test("LoraAdapter refuses a base that it does not fit", async () => {
  using lora = await LoraAdapter.open(await adapterFolder({}, [A, B]));
  for (const tensor of [matrix(`${projection}.weight`, [[1, 1]]), matrix("other.weight", [[1]])]) {
    const folder = await tinyFolder("base", [tensor]);
    using checkpoint = await Checkpoint.open(folder);
    assert.throws(() => lora.mergedFolder(folder, checkpoint), { code: "voting/bad-adapter" });
  }
});

Deno.test("LoraAdapter merges an adapter that PEFT saved as merge_and_unload() does", async () => {
  const folder = "tests/golden/voting/peft_adapter";
  const parity = localFolder("tests/golden/parity/llama");
  using base = await Checkpoint.open(parity);
  using lora = await LoraAdapter.open(localFolder(folder));
  assert.equal(lora.updates.size, 4);
  assert.deepEqual([...lora.replaced], ["score.weight"]);
  using merged = await Checkpoint.open(lora.mergedFolder(parity, base, "F32"));
  const { rows, sums } = JSON.parse(await Deno.readTextFile(`${folder}/merged.json`));
  for (const [name, expected] of Object.entries<number[][]>(rows)) {
    const columns = merged.tensors.get(name)!.shape[1]!;
    const values = toFloat32(await merged.read(name));
    expected.forEach((row, i) =>
      allClose(values.subarray(i * columns, i * columns + row.length), row, 1e-6)
    );
    close(values.reduce((a, b) => a + b, 0), sums[name], 1e-4);
  }
});

Deno.test("LoraAdapter takes fan_in_fan_out as false for linear layers, and says so, as PEFT does", async () => {
  const wide = await adapterFolder({ fan_in_fan_out: true }, [A, B]);
  const plain = await adapterFolder({}, [A, B]);
  const name = `${projection}.weight`;
  assert.deepEqual(await mergedValues(base, wide, name), await mergedValues(base, plain, name));
  const square = await tinyFolder("square", [matrix(name, [[1, 0], [0, 1]])], {
    "config.json": '{"model_type":"llama"}',
  });
  const up = matrix(`base_model.model.${projection}.lora_B.weight`, [[3], [4]]);
  const adapter = await adapterFolder({ fan_in_fan_out: true }, [A, up]);
  assert.deepEqual(await mergedValues(square, adapter, name), [4, 6, 4, 9]);
  using checkpoint = await Checkpoint.open(square);
  using lora = await LoraAdapter.open(adapter);
  assert.match(lora.warnings(checkpoint).join(), /fan_in_fan_out: true.*taken as false/);
  using without = await LoraAdapter.open(plain);
  assert.deepEqual(without.warnings(await Checkpoint.open(base)), []);
});
