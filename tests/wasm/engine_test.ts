import assert from "node:assert/strict";
import { WasmBackend } from "../../src/ops/wasm_backend.ts";
import { randomDraws } from "../../src/ops/checks/draws.ts";
import { compareWithTwin, tolerance, trials } from "../../src/ops/checks/trials.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { Engine } from "../../src/wasm/engine.ts";

Deno.test("where a thread's memory can't grow, the kernels go on with what there is", async () => {
  using wasm = new WasmBackend(await Engine.open({ threads: 1, mostBytes: 2 ** 23 }));
  using cpu = new CpuBackend();
  const { engine } = wasm;
  const before = engine.scratchBytes;
  assert.throws(() => engine.reserveScratch(2 ** 24), { code: "wasm/memory" });
  assert.equal(engine.scratchBytes, before);
  // Matrices that take all the room there is don't lie in that memory.
  const held = randomDraws(1).numbers(1000);
  const matrices = Array.from({ length: 100 }, () => wasm.upload(10, 100, held));
  const name = "gated_matmul";
  assert.ok(await compareWithTwin(trials[name]!, wasm, cpu, 4) <= tolerance);
  for (const numbers of await wasm.read(matrices)) assert.deepEqual(numbers, held);
});

Deno.test("an engine takes the arithmetic and the memory that it is asked for", async () => {
  using strict = await Engine.open({ threads: 2, arithmetic: "strict", shared: false });
  assert.deepEqual([strict.arithmetic, strict.isShared, strict.threads], ["strict", false, 1]);
  using usual = await Engine.open({ threads: 2 });
  assert.deepEqual([usual.isShared, usual.threads], [true, 2]);
});
