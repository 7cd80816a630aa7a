import assert from "node:assert/strict";
import { BindGroupCache } from "../../src/gpu/bind_group_cache.ts";
import { Device } from "../../src/gpu/device.ts";
import { gatherRows } from "../../src/ops/gather_rows.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { gpuTest } from "../adapter.ts";

const storage = 0x80 | 0x08;
const copy = {
  name: "copy",
  source: `@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> b: array<u32>;
@compute @workgroup_size(1) fn main() { b[0] = a[0]; }`,
};

gpuTest("a bind group is found again by its memory, and let go with it", async () => {
  using device = await Device.open();
  const pipeline = device.pipelines.get(copy, {});
  const cache = new BindGroupCache(device.gpu, 3);
  const range = (size = 16) => {
    const buffer = device.createBuffer(256 + size, storage);
    return { buffer, offset: 0, size };
  };
  const [a, b, c] = [range(), range(), range()];
  const group = cache.get(pipeline, [a, b]);
  assert.equal(cache.get(pipeline, [{ ...a }, { ...b }]), group);
  assert.notEqual(cache.get(pipeline, [b, a]), group);
  assert.notEqual(cache.get(pipeline, [{ ...a, size: 12 }, b]), group);
  assert.equal(cache.size, 3);
  cache.get(pipeline, [a, b]); // the latest one used, now
  cache.get(pipeline, [a, c]); // one over what is kept
  assert.equal(cache.size, 3);
  assert.equal(cache.get(pipeline, [a, b]), group);
  cache.forget(b.buffer);
  assert.equal(cache.size, 1); // of a and c
  assert.notEqual(cache.get(pipeline, [a, b]), group);
  cache.forget(a.buffer);
  assert.equal(cache.size, 0);
  await device.settle();
  assert.deepEqual(device.uncapturedErrors, []);
});

gpuTest("memory that pools and weights give up takes its bind groups with it", async () => {
  const device = await Device.open();
  using gpu = new GpuBackend(device);
  const rows = Uint32Array.of(2, 0, 1, 2);
  const run = async (): Promise<void> => {
    const bytes = new Uint8Array(Float32Array.from({ length: 64 }, (_, i) => i % 9 ? 0 : 1).buffer);
    const weight = gpu.weight(8, 8, "F32", bytes);
    const input = gpu.upload(3, 8, Float32Array.from({ length: 24 }, (_, i) => i));
    const chosen = gpu.uploadIndices(rows);
    const [gathered, output] = [gpu.matrix(4, 8), gpu.matrix(4, 8)];
    gpu.run(gatherRows, { input, rows: chosen, output: gathered });
    gpu.run(matmul, { input: gathered, weight, output });
    const [numbers] = await gpu.read([output]);
    gpu.release(input, chosen, gathered, output);
    const kept = device.groups.size;
    weight[Symbol.dispose]();
    assert.ok(device.groups.size < kept);
    const expected = Float32Array.from({ length: 32 }, (_, i) => 8 * rows[i >> 3]! + i % 8);
    assert.deepEqual(numbers, expected);
  };
  for (let turn = 0; turn < 3; turn++) {
    await run();
    await run(); // in the same memory, with another weight
    assert.ok(device.groups.size > 0);
    gpu.discard();
    device.pool.evict(Infinity);
    device.textures.evict(Infinity);
    assert.equal(device.groups.size, 0);
  }
  assert.deepEqual(device.uncapturedErrors, []);
});
