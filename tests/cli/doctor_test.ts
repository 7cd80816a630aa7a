import assert from "node:assert/strict";
import { doctorCommand } from "../../src/cli/doctor/doctor.ts";
import { describeAdapter, isThroughOpenGl } from "../../src/gpu/adapter.ts";
import { adapterCheck, vectorCheck } from "../../src/tasks/machine_checks.ts";
import { run } from "../../src/cli/main.ts";
import { AssayError } from "../../src/error.ts";
import { Engine } from "../../src/wasm/engine.ts";
import type { Machine } from "../../src/tasks/machine_checks.ts";
import { trials } from "../../src/ops/checks/trials.ts";
import { gpuTest } from "../adapter.ts";
import { captureOutput } from "./captured_output.ts";

const noAdapter = () => Promise.reject(new AssayError("gpu/no-adapter", "Cannot open a GPU"));
const noEngine = () => Promise.reject(new AssayError("wasm/no-simd", "Cannot open the engine"));

/** The lines of a run, by what was looked at. */
async function checksOf(machine: Machine, status: number, ...flags: string[]) {
  const { output, rows, stderr } = captureOutput();
  const args = ["doctor", ...flags];
  assert.equal(await run([doctorCommand(output, machine)], args, output), status);
  assert.equal(stderr(), "");
  return new Map(rows().map((row) => [row.check, row]));
}

Deno.test("assay doctor is content without an adapter, and holds every kernel of WebAssembly against its twin", async () => {
  const checks = await checksOf({ openDevice: noAdapter }, 0);
  assert.match(String(checks.get("runtime")!.found), /^Deno \d/);
  assert.equal(checks.get("adapter")!.found, "none");
  assert.match(String(checks.get("adapter")!.advice), /none is needed.*apt-get install/);
  const engine = String(checks.get("engine")!.found);
  assert.match(engine, /^WebAssembly, .*SIMD .*; \d+ threads?, memory .* GiB$/);
  for (const name of Object.keys(trials)) {
    assert.match(
      String(checks.get(`wasm kernel ${name}`)!.found),
      /^differs from its CPU twin by \d/,
    );
    assert.equal(checks.get(`wasm kernel ${name}`)!.ok, true);
  }
  assert.equal(checks.get("auto")!.found, "wasm: there is no WebGPU adapter");
  assert.ok(!checks.has("speed of engine"));
});

Deno.test("assay doctor says that scoring is slow where there is neither adapter nor engine, with 1", async () => {
  const checks = await checksOf({ openDevice: noAdapter, openEngine: noEngine }, 1);
  const { ok, found, advice } = checks.get("engine")!;
  assert.deepEqual([ok, found], [false, "Cannot open the engine"]);
  assert.match(String(advice), /plain loops, many times slower/);
});

Deno.test("assay doctor tells why an adapter does not open, with 1", async () => {
  const openDevice = () => Promise.reject(new AssayError("gpu/no-device", "Cannot open a device"));
  const checks = await checksOf({ openDevice, openEngine: noEngine }, 1);
  assert.deepEqual([checks.get("adapter")!.ok, checks.get("adapter")!.found], [
    false,
    "Cannot open a device",
  ]);
});

Deno.test("assay doctor tells of an engine that has one thread, and why", async () => {
  const openEngine = async (): Promise<Engine> => {
    Object.defineProperty(globalThis, "crossOriginIsolated", { value: false, configurable: true });
    try {
      return await Engine.open();
    } finally {
      delete (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
    }
  };
  const checks = await checksOf({ openDevice: noAdapter, openEngine }, 0);
  const { found, advice } = checks.get("engine")!;
  assert.match(String(found), /; 1 thread, memory that no thread shares/);
  assert.match(String(advice), /cross-origin isolated/);
});

Deno.test("assay doctor --bench tells speeds, --format table marks what needs attention", async () => {
  const checks = await checksOf({ openDevice: noAdapter }, 0, "--bench");
  assert.match(String(checks.get("speed of engine")!.found), /^\d+ GFLOP\/s in products of/);
  const { output, stdout } = captureOutput();
  const args = ["doctor", "--format", "table"];
  const machine = { openDevice: noAdapter, openEngine: noEngine };
  assert.equal(await run([doctorCommand(output, machine)], args, output), 1);
  assert.match(stdout(), /^ok {2}runtime {2}Deno /m);
  assert.match(stdout(), /^!! {2}engine {3}Cannot open the engine: .*slower/m);
});

gpuTest("assay doctor checks the adapter, its limits and every kernel", async () => {
  const checks = await checksOf({}, 0);
  assert.equal(checks.get("adapter")!.ok, true);
  assert(Number(checks.get("limit maxStorageBufferBindingSize")!.found) >= 2 ** 27);
  assert.match(String(checks.get("kernels")!.found), /^(tiled|texture); tiles \d+x\d+x\d+, /);
  for (const name of Object.keys(trials)) {
    assert.match(String(checks.get(`kernel ${name}`)!.found), /^differs from its CPU twin by \d/);
  }
  assert.equal(checks.get("tiles")!.found, "all give the same bits");
  assert.equal(checks.get("validation")!.found, "no WebGPU errors");
  assert.match(String(checks.get("auto")!.found), /gpu|wasm/);
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
