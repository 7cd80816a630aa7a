import assert from "node:assert/strict";
import { join } from "node:path";
import { engineEnvironment } from "../../bench/engine_process.ts";
import {
  beyondAvx2,
  flagsIn,
  heldToAvx2,
  holdingToAvx2,
  instructionSets,
} from "../../bench/processors/instruction_sets.ts";
import { run } from "../../tools/command.ts";
import { testWhere } from "../requirement.ts";

const wide =
  "processor\t: 0\nflags\t\t: fpu fma avx2 avx512f avx512_bf16 amx_bf16\nbugs\t\t: avx10\n";

Deno.test("a processor with AVX-512 is measured as one without it too", () => {
  assert.deepEqual(instructionSets(flagsIn(wide)), ["AVX-512", "AVX2"]);
  assert.deepEqual(instructionSets(flagsIn("flags : fma avx2")), ["AVX2"]);
  assert.deepEqual(instructionSets(flagsIn("Features : asimd")), ["the processor's own"]);
  assert.deepEqual(beyondAvx2(flagsIn(wide)), ["avx512f", "avx512_bf16", "amx_bf16"]);
});

Deno.test("an engine is held to AVX2 by the library, or PyTorch by its variables, or not at all", () => {
  const holding = { library: "/there.so", reason: "", caches: "/caches" };
  const node = {
    file: "onnxruntime.ts",
    runtime: "node",
    options: {},
    environment: { A: "1" },
  } as const;
  const held = heldToAvx2(node, holding).environment!;
  assert.deepEqual([held["A"], held["LD_PRELOAD"]], ["1", "/there.so"]);
  // Assay would widen lavapipe's vectors by what /proc/cpuinfo says, and Mesa would take wide code.
  assert.equal(held["LP_NATIVE_VECTOR_WIDTH"], "256");
  assert.equal(held["MESA_SHADER_CACHE_DIR"], "/caches");
  const without = { ...holding, library: undefined, reason: "no compiler" };
  assert.throws(() => heldToAvx2(node, without), /can't be held to AVX2: no compiler/);
  const python = heldToAvx2({ ...node, runtime: "python" }, without).environment!;
  assert.equal(python["ATEN_CPU_CAPABILITY"], "avx2");
  assert.equal("LD_PRELOAD" in python, false);
});

Deno.test("a peer's OpenBLAS is not pinned to the kernels that the user's variables name", () => {
  const user = { HOME: "/home", OPENBLAS_CORETYPE: "Haswell", OPENBLAS_L2_SIZE: "512" };
  const engine = engineEnvironment(user, { NO_COLOR: "0" });
  assert.deepEqual(engine, { HOME: "/home", NODEVICE_SELECT: "1", NO_COLOR: "0" });
});

/** Says what CPUID says of AVX2 and AVX-512, and whether its own handler of SIGSEGV is called. */
const probe = `
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
static sigjmp_buf back;
static void caught(int number) { siglongjmp(back, number); }
int main(void) {
  struct sigaction ours = {.sa_handler = caught}, before;
  sigaction(SIGSEGV, &ours, NULL);
  sigaction(SIGSEGV, NULL, &before);
  if (sigsetjmp(back, 1) == 0) *(volatile int *)8 = 1;
  else printf("%d %d %d\\n", before.sa_handler == caught, __builtin_cpu_supports("avx2") != 0,
    __builtin_cpu_supports("avx512f") != 0);
}
`;

const folder = await Deno.makeTempDir();
const holding = await holdingToAvx2(folder);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

testWhere(
  holding.library === undefined ? holding.reason : undefined,
  "a program held to AVX2 finds no AVX-512, and keeps its own handler of faults",
  async () => {
    const [source, program] = [join(folder, "probe.c"), join(folder, "probe")];
    await Deno.writeTextFile(source, probe);
    const built = await run("cc", [source, "-o", program]);
    assert.equal(built.ok, true, built.output);
    const [, avx2] = (await run(program, [])).output.split(" ");
    const held = await run(program, [], { env: { LD_PRELOAD: holding.library! } });
    assert.equal(held.output, `1 ${avx2} 0\n`);
  },
);
