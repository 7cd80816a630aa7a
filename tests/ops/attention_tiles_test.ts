import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { attention } from "../../src/ops/attention.ts";
import { recordTiledAttention } from "../../src/ops/attention_kernels.ts";
import type { AttentionOperands } from "../../src/ops/attention_operands.ts";
import { attentionTileName, attentionTilesFor, tileBytes } from "../../src/ops/attention_tiles.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { randomDraws } from "../../src/ops/checks/draws.ts";
import { tolerance } from "../../src/ops/checks/trials.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { queryBlocks } from "../../src/ops/query_blocks.ts";
import { gpuTest } from "../adapter.ts";
import { assertSameBits } from "../bits.ts";

/** Every adapter has so many bytes of workgroup memory. */
const least = 16384;

Deno.test("there is a tile of attention for every adapter, and a larger one where it fits", () => {
  for (const headDim of [4, 32, 64, 80, 96, 128, 160, 256]) {
    const [tile] = attentionTilesFor(headDim, least);
    assert.ok(tileBytes(headDim, tile!) <= least, `${headDim}`);
    const [larger] = attentionTilesFor(headDim, 2 * least);
    assert.ok(tileBytes(headDim, larger!) > least, `${headDim}`);
  }
  assert.equal(attentionTileName(attentionTilesFor(128, 2 * least)[0]!), "64x8");
  assert.equal(attentionTileName(attentionTilesFor(256, 3 * least)[0]!), "32x8");
});

/** A prompt of 70 tokens with two responses to it, then 150 tokens of their own: tiles full and ragged. */
function operandsOf(
  backend: Backend,
  headDim: number,
  causal: boolean,
  window: number,
): AttentionOperands {
  const random = randomDraws(3);
  const [heads, keyHeads] = [2, 1];
  const rows = 70 + 5 + 66 + 150;
  const spans: number[] = [];
  const lengths: number[] = [];
  const segment = (prefix: number, own: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      spans.push(prefix + i, 0, prefix, own);
      lengths.push(prefix + count);
    }
  };
  segment(0, 0, 70);
  segment(70, 70, 5);
  segment(70, 75, 66);
  segment(0, 141, 150);
  const matrix = (columns: number) => backend.upload(rows, columns, random.numbers(rows * columns));
  const asking = Uint32Array.from(spans);
  return {
    queries: matrix(heads * headDim),
    keys: matrix(keyHeads * headDim),
    values: matrix(keyHeads * headDim),
    spans: backend.uploadIndices(asking),
    blocks: backend.uploadIndices(
      queryBlocks(asking, Uint32Array.from(lengths), backend.queriesPerBlock),
    ),
    ...{ heads, keyHeads, headDim, causal, window },
    output: backend.upload(rows, heads * headDim, new Float32Array(rows * heads * headDim)),
  };
}

async function onCpu(headDim: number, causal: boolean, window: number) {
  const cpu = new CpuBackend();
  const operands = operandsOf(cpu, headDim, causal, window);
  cpu.run(attention, operands);
  const [numbers] = await cpu.read([operands.output]);
  return numbers!;
}

// 80: a head of three stripes, the last one not full, as is its last piece.
for (const [causal, window] of [[true, 0], [false, 20]] as const) {
  gpuTest(`attention gives the same bits with every tile, causal ${causal}`, async () => {
    const device = await Device.open();
    using gpu = new GpuBackend(device, "tiled");
    const operands = operandsOf(gpu, 80, causal, window);
    await gpu.finish();
    const twin = await onCpu(80, causal, window);
    const tiles = attentionTilesFor(80, device.limits.maxComputeWorkgroupStorageSize);
    let expected: Uint32Array | undefined;
    for (const tile of tiles) {
      const name = attentionTileName(tile);
      const recorder = new Recorder(device, "tiled", () => name);
      recordTiledAttention(recorder, operands);
      const [bytes] = await recorder.read([operands.output.device]);
      assert.deepEqual(device.uncapturedErrors, []);
      const found = new Uint32Array(bytes!.buffer);
      expected ??= found;
      assertSameBits([found], [expected], name);
    }
    const numbers = new Float32Array(expected!.buffer);
    const difference = twin.reduce((most, x, i) => Math.max(most, Math.abs(x - numbers[i]!)), 0);
    assert.ok(difference <= tolerance, `${difference}`);
  });
}

gpuTest("attention in heads of 256 equals its twin", async () => {
  using gpu = new GpuBackend(await Device.open(), "tiled");
  const operands = operandsOf(gpu, 256, true, 75);
  gpu.run(attention, operands);
  const [numbers] = await gpu.read([operands.output]);
  const twin = await onCpu(256, true, 75);
  assert.deepEqual(gpu.device.uncapturedErrors, []);
  const difference = twin.reduce((most, x, i) => Math.max(most, Math.abs(x - numbers![i]!)), 0);
  assert.ok(difference <= tolerance, `${difference}`);
});
