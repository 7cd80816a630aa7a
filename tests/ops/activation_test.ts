import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { activate } from "../../src/ops/activate.ts";
import type { Activation } from "../../src/ops/activation.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { testedEngines } from "../wasm_engines.ts";

/** Numbers, and what PyTorch 2.15 makes of them in float64. */
const xs = [-20, -5, -3, -1, -0.5, -1e-3, 0, 1e-3, 0.5, 1, 1.5, 3, 5, 20];
const expected: Readonly<Record<Activation, readonly number[]>> = {
  silu: [
    -4.12230724e-08,
    -0.0334642546,
    -0.14227762,
    -0.268941421,
    -0.188770334,
    -0.000499750024,
    0.0,
    0.000500250024,
    0.311229666,
    0.731058579,
    1.22636171,
    2.85772238,
    4.96653575,
    20.0,
  ],
  gelu_tanh: [
    -0.0,
    -2.2917962e-07,
    -0.00363739208,
    -0.158808009,
    -0.15428599,
    -0.000499601081,
    0.0,
    0.000500398966,
    0.34571401,
    0.841191991,
    1.39957158,
    2.99636261,
    4.99999977,
    20.0,
  ],
  gelu: [
    -0.0,
    -1.43325786e-06,
    -0.00404969409,
    -0.158655254,
    -0.154268769,
    -0.000499601081,
    0.0,
    0.000500398966,
    0.345731231,
    0.841344746,
    1.3997892,
    2.99595031,
    4.99999857,
    20.0,
  ],
  relu: [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.00100000005, 0.5, 1.0, 1.5, 3.0, 5.0, 20.0],
  tanh: [
    -1.0,
    -0.999909204,
    -0.995054754,
    -0.761594156,
    -0.462117157,
    -0.000999999714,
    0.0,
    0.000999999714,
    0.462117157,
    0.761594156,
    0.905148254,
    0.995054754,
    0.999909204,
    1.0,
  ],
  selu: [
    -1.75809934,
    -1.74625336,
    -1.67056873,
    -1.11133074,
    -0.691758188,
    -0.00175722067,
    0.0,
    0.00105070104,
    0.525350494,
    1.05070099,
    1.57605148,
    3.15210296,
    5.25350494,
    21.0140197,
  ],
  sigmoid: [
    2.06115362e-09,
    0.00669285092,
    0.0474258732,
    0.268941421,
    0.377540669,
    0.49975,
    0.5,
    0.50025,
    0.622459331,
    0.731058579,
    0.817574476,
    0.952574127,
    0.993307149,
    0.999999998,
  ],
  leaky_relu: [
    -0.2,
    -0.05,
    -0.03,
    -0.01,
    -0.005,
    -1e-05,
    0,
    0.001,
    0.5,
    1,
    1.5,
    3,
    5,
    20,
  ],
};

function onAll(name: string, test: (backend: Backend) => Promise<void>): void {
  for (const { kernelSet, missing } of testedKernelSets) {
    testWhere(missing, `${name} (${kernelSet})`, async () => {
      using backend = new GpuBackend(await Device.open(), kernelSet);
      await test(backend);
    });
  }
  for (const { name: engine, missing, open } of testedEngines) {
    testWhere(missing, `${name} (${engine})`, async () => {
      using backend = await open();
      await test(backend);
    });
  }
  Deno.test(`${name} (cpu)`, async () => {
    using backend = new CpuBackend();
    await test(backend);
  });
}

async function outputs(backend: Backend, activation: Activation, numbers: readonly number[]) {
  const input = backend.upload(1, numbers.length, Float32Array.from(numbers));
  const output = backend.matrix(1, numbers.length);
  backend.run(activate, { input, activation, output });
  const [read] = await backend.read([output]);
  return read!;
}

onAll("activations are PyTorch's", async (backend) => {
  for (const [activation, values] of Object.entries(expected)) {
    const found = await outputs(backend, activation as Activation, xs);
    values.forEach((value, i) => {
      const bound = 3e-7 * Math.max(1, Math.abs(value));
      assert.ok(Math.abs(found[i]! - value) <= bound, `${activation}(${xs[i]}) is ${found[i]}`);
    });
  }
});

onAll("activations of huge numbers are finite, of what is no number NaN", async (backend) => {
  for (const activation of Object.keys(expected) as Activation[]) {
    const [most, least] = await outputs(backend, activation, [3e38, -3e38]);
    assert.ok(Number.isFinite(most), `${activation}(3e38) is ${most}`);
    if (activation !== "silu") {
      assert.ok(Number.isFinite(least), `${activation}(-3e38) is ${least}`);
    }
    for (const x of await outputs(backend, activation, [Infinity, -Infinity, NaN])) {
      assert.ok(Number.isNaN(x), `${activation} made ${x} of what is no number`);
    }
  }
});
