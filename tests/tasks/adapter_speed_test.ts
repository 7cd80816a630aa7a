import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { adapterSpeedCheck } from "../../src/tasks/adapter_speed.ts";
import { gpuTest } from "../adapter.ts";

gpuTest("the adapter's speed is told with its tile, and as a part of its peak", async () => {
  using gpu = new GpuBackend(await Device.open());
  const { ok, found } = await adapterSpeedCheck(gpu);
  assert.ok(ok);
  const [, tile] = /^\d+ GFLOP\/s in products of .*, tile (\S+) of \d+; /.exec(found)!;
  assert.ok(gpu.tuner.tiles.includes(tile!), found);
  assert.match(found, /; \d+ % of the \d+ GFLOP\/s of multiply-adds over registers$/);
});
