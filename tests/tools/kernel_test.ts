import assert from "node:assert/strict";
import { kernelRuns } from "../../bench/kernel_runs.ts";
import { trials } from "../../src/ops/checks/trials.ts";
import { runDeno } from "../../tools/command.ts";
import { gpuTest } from "../adapter.ts";

const kernel = (...args: string[]) => runDeno("run", "--allow-all", "tools/kernel.ts", ...args);

gpuTest("`deno task kernel NAME` tries and times a kernel", async () => {
  const { code, output } = await kernel("softmax_gate", "--trials", "3", "--shape", "70x6");
  assert.equal(code, 0, output);
  assert.match(output, /^softmax_gate +tiled +3 +\d\.\de[+-]\d+ +ok$/m);
  // Where the adapter has a clock the kernel is timed too.
  assert.match(output, /^softmax_gate +tiled +70×6 +[\d.]+ +[\d.]+ GB\/s$|no clock/m);
});

Deno.test("`deno task kernel NAME --kernels wasm` tries and times the engine's kernel", async () => {
  const { code, output } = await kernel(
    ...["softmax_gate", "--trials", "3", "--shape", "70x6", "--kernels", "wasm"],
  );
  assert.equal(code, 0, output);
  assert.match(output, /^softmax_gate +wasm +3 +\d\.\de[+-]\d+ +ok$/m);
  assert.match(output, /^softmax_gate +wasm +70×6 +\w+, \d+ threads? +[\d.]+ +[\d.]+ GB\/s$/m);
  assert.doesNotMatch(output, /tiled/);
});

Deno.test("`deno task kernel` refuses what it doesn't know, and says what it does", async () => {
  const unknown = await kernel("softmax");
  assert.equal(unknown.code, 2);
  assert.match(unknown.output, /no kernel "softmax".*rms_norm, layer_norm, matmul, .*softmax_gate/);
  const { code, output } = await kernel("attention", "--shape", "512x64");
  assert.equal(code, 2);
  assert.match((await kernel("rope", "--kernels", "gpu")).output, /tiled, texture or wasm/);
  assert.match(output, /tokens × heads × key heads × head dimensions, as 512x12x12x64/);
});

Deno.test("every kernel that has a trial can be timed", () => {
  assert.deepEqual(Object.keys(kernelRuns).toSorted(), Object.keys(trials).toSorted());
});
