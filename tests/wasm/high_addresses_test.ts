import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { compareWithTwin, tolerance, trials } from "../../src/ops/checks/trials.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { WasmBackend } from "../../src/ops/wasm_backend.ts";
import { Engine } from "../../src/wasm/engine.ts";
import { testWhere } from "../requirement.ts";

/** Beyond where an address is negative to whoever takes it for a signed number. */
const filling = 2.4 * 2 ** 30;

/** An engine whose next addresses are high; none of the memory below is ever touched. */
async function openHigh(): Promise<WasmBackend | undefined> {
  const wasm = new WasmBackend(await Engine.open());
  try {
    wasm.engine.memory.allocate(filling);
    return wasm;
  } catch (error) {
    wasm[Symbol.dispose]();
    if (error instanceof AssayError && error.code === "wasm/memory") return undefined;
    throw error;
  }
}

using granted = await openHigh();
const missing = granted === undefined ? "the runtime grants no memory above 2 GiB" : undefined;

testWhere(missing, "every operation computes with addresses above 2 GiB", async () => {
  using wasm = (await openHigh())!;
  using cpu = new CpuBackend();
  assert.ok(wasm.engine.memory.allocate(1) > 2 ** 31);
  for (const [name, trial] of Object.entries(trials)) {
    for (let seed = 1; seed <= 3; seed++) {
      const difference = await compareWithTwin(trial, wasm, cpu, seed);
      assert.ok(difference <= tolerance, `${name}: ${difference}`);
    }
  }
});

testWhere(missing, "all of the memory that a plan counts on can be given out", async () => {
  using wasm = (await openHigh())!;
  const { memory } = wasm.engine;
  while (memory.bytes < wasm.memoryLimit) memory.allocate(2 ** 26);
  assert.throws(() => {
    for (;;) memory.allocate(2 ** 26);
  }, { code: "wasm/memory" });
});
