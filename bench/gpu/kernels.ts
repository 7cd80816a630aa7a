/**
 * Every kernel of the kernel sets that the adapter runs, against its CPU twin and timed by the device's
 * clock: a line of JSON for each. `kernels.ts NAME…` takes those alone.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Device } from "../../src/gpu/device.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { adapterCeiling } from "../ceilings/adapter.ts";
import { kernelRuns } from "../kernel_runs.ts";
import { kernelSetsOf, timeKernel, tryKernel } from "../kernel_times.ts";
import type { KernelRow } from "./rows.ts";

function print(row: KernelRow): void {
  console.log(JSON.stringify(row));
}

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { trials: { type: "string", default: "12" } },
});
const names = positionals.length > 0 ? positionals : Object.keys(kernelRuns);
const count = Number(values.trials);

print({ row: "ceiling", gigaflops: await adapterCeiling() });
const sets = await (async () => {
  using device = await Device.open();
  return kernelSetsOf(device);
})();
for (const set of sets) {
  const device = await Device.open();
  using gpu = new GpuBackend(device, set);
  for (const kernel of names) {
    console.error(`${kernel}, ${set} kernels …`);
    const { largest, failure } = await tryKernel(kernel, gpu, count);
    print({ row: "tried", kernel, set, trials: count, largest, ...(failure && { failure }) });
    if (failure !== undefined) Deno.exitCode = 1;
    if (failure !== undefined || !device.canTime) continue;
    for await (const timed of timeKernel(kernel, gpu, { type: "BF16" })) {
      print({ row: "timed", kernel, set, ...timed, tile: timed.tile ?? null });
    }
  }
}
