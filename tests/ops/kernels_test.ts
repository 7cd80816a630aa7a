import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import type { Trial } from "../../src/ops/checks/draws.ts";
import { compareWithTwin, tolerance, trials } from "../../src/ops/checks/trials.ts";
import { gpuTest } from "../adapter.ts";
import { type TestedKernelSet, testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { type TestedEngine, testedEngines } from "../wasm_engines.ts";

const seeds = 24;

for (const [name, trial] of Object.entries(trials)) {
  for (const tested of testedKernelSets) kernelTest(name, trial, tested);
  for (const tested of testedEngines) engineTest(name, trial, tested);
}

function kernelTest(name: string, trial: Trial, { kernelSet, missing }: TestedKernelSet): void {
  testWhere(
    missing,
    `${name} equals its CPU twin on random shapes (${kernelSet} kernels)`,
    async () => {
      const device = await Device.open();
      using gpu = new GpuBackend(device, kernelSet);
      const cpu = new CpuBackend();
      for (let seed = 1; seed <= seeds; seed++) {
        const difference = await compareWithTwin(trial, gpu, cpu, seed);
        assert.ok(difference <= tolerance, `seed ${seed}: relative difference ${difference}`);
      }
      assert.deepEqual(gpu.device.uncapturedErrors, []);
    },
  );
}

function engineTest(name: string, trial: Trial, { name: engine, missing, open }: TestedEngine) {
  testWhere(missing, `${name} equals its CPU twin on random shapes (${engine})`, async () => {
    using wasm = await open();
    const cpu = new CpuBackend();
    for (let seed = 1; seed <= seeds; seed++) {
      // Every sixth one large, so that tiles, blocks and parts are several.
      const difference = await compareWithTwin(trial, wasm, cpu, seed, seed % 6 === 0);
      assert.ok(difference <= tolerance, `seed ${seed}: relative difference ${difference}`);
      wasm.discard();
    }
  });
}

gpuTest("matmul splits a weight larger than one binding by rows", async () => {
  // A limit of 64 KiB splits most of the trials' weights into several parts.
  using gpu = new GpuBackend(await Device.open(), "tiled", 2 ** 16);
  const cpu = new CpuBackend();
  for (let seed = 1; seed <= seeds; seed++) {
    const difference = await compareWithTwin(trials.matmul!, gpu, cpu, seed);
    assert.ok(difference <= tolerance, `seed ${seed}: relative difference ${difference}`);
  }
  assert.deepEqual(gpu.device.uncapturedErrors, []);
});
