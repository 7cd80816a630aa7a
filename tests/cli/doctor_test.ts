import assert from "node:assert/strict";
import { doctorCommand } from "../../src/cli/doctor/doctor.ts";
import { describeAdapter, isThroughOpenGl } from "../../src/gpu/adapter.ts";
import { adapterCheck, vectorCheck } from "../../src/tasks/machine_checks.ts";
import { run } from "../../src/cli/main.ts";
import { AssayError } from "../../src/error.ts";
import { trials } from "../../src/ops/checks/trials.ts";
import { gpuTest } from "../adapter.ts";
import { captureOutput } from "./captured_output.ts";

Deno.test("assay doctor says what to install where there is no adapter, with 1", async () => {
  const { output, rows, stderr } = captureOutput();
  const openDevice = () => Promise.reject(new AssayError("gpu/no-adapter", "Cannot open a GPU"));
  assert.equal(await run([doctorCommand(output, openDevice)], ["doctor"], output), 1);
  const [runtime, adapter, ...rest] = rows();
  assert.match(String(runtime!.found), /^Deno \d/);
  assert.deepEqual([adapter!.check, adapter!.ok, adapter!.found], [
    "adapter",
    false,
    "Cannot open a GPU",
  ]);
  assert.match(String(adapter!.advice), /apt-get install -y mesa-vulkan-drivers/);
  assert.deepEqual(rest, []);
  assert.equal(stderr(), "");
});

Deno.test("assay doctor --format table marks what needs attention", async () => {
  const { output, stdout } = captureOutput();
  const openDevice = () => Promise.reject(new AssayError("gpu/no-adapter", "Cannot open a GPU"));
  const args = ["doctor", "--format", "table"];
  assert.equal(await run([doctorCommand(output, openDevice)], args, output), 1);
  assert.match(stdout(), /^ok {2}runtime {2}Deno /m);
  assert.match(stdout(), /^!! {2}adapter {2}Cannot open a GPU: .*apt-get install/m);
});

gpuTest("assay doctor checks the adapter, its limits and every kernel", async () => {
  const { output, rows } = captureOutput();
  assert.equal(await run([doctorCommand(output)], ["doctor"], output), 0);
  const checks = new Map(rows().map((row) => [row.check, row]));
  assert.equal(checks.get("adapter")!.ok, true);
  assert(Number(checks.get("limit maxStorageBufferBindingSize")!.found) >= 2 ** 27);
  assert.match(String(checks.get("kernels")!.found), /^(tiled|texture); tiles \d+x\d+x\d+, /);
  for (const name of Object.keys(trials)) {
    assert.match(String(checks.get(`kernel ${name}`)!.found), /^differs from its CPU twin by \d/);
  }
  assert.equal(checks.get("tiles")!.found, "all give the same bits");
  assert.equal(checks.get("validation")!.found, "no WebGPU errors");
});

Deno.test("assay doctor and the loading of a model name an adapter that computes through OpenGL", () => {
  const info = {
    vendor: "65541",
    architecture: "",
    device: "0",
    description: "llvmpipe (LLVM 15.0.6, 256 bits)",
    subgroupMinSize: 4,
    subgroupMaxSize: 128,
  };
  assert(isThroughOpenGl(info));
  const nvidia = { description: "NVIDIA H100 PCIe", subgroupMinSize: 32, subgroupMaxSize: 32 };
  assert(!isThroughOpenGl({ ...info, ...nvidia }));
  assert(isThroughOpenGl({ ...info, ...nvidia, description: "NVIDIA RTX/PCIe/SSE2" }));
  assert(!isThroughOpenGl({ ...info, subgroupMinSize: 8, subgroupMaxSize: 8 }));
  const adapter = describeAdapter({ info } as unknown as GPUAdapter);
  const { found, advice } = adapterCheck({ adapter });
  assert.match(found, /^llvmpipe .* through OpenGL$/);
  assert.match(advice!, /apt-get install -y mesa-vulkan-drivers/);
});

Deno.test("assay doctor says how vectors get wider, where they may", () => {
  assert.equal(vectorCheck(512, true).advice, undefined);
  assert.equal(vectorCheck(256, false).advice, undefined);
  assert.match(vectorCheck(256, true).advice!, /^this processor has AVX-512.*deno task assay/);
  assert.match(vectorCheck(256, undefined).advice!, /^if this processor has AVX-512/);
});
