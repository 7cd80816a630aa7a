import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/command.ts";
import type { EngineProgram } from "../engine_process.ts";

/** Instruction sets that engines choose their kernels by. */
export type InstructionSet = "AVX-512" | "AVX2" | "the processor's own";

/** The flags that a processor's entry in `/proc/cpuinfo` has. */
export function flagsIn(processor: string): ReadonlySet<string> {
  return new Set(processor.match(/^flags\s*: (.*)$/m)?.[1]?.split(" ") ?? []);
}

/** What engines are measured with: a processor with AVX-512 is measured as one without it as well. */
export function instructionSets(flags: ReadonlySet<string>): InstructionSet[] {
  if (flags.has("avx512f")) return ["AVX-512", "AVX2"];
  return [flags.has("avx2") ? "AVX2" : "the processor's own"];
}

/** What a processor has beyond AVX2 and FMA, by the kernel's names. */
export function beyondAvx2(flags: ReadonlySet<string>): string[] {
  return [...flags].filter((flag) => /^(avx_?512|amx_|avx_vnni|avx10|avx_ifma)/.test(flag));
}

/** How programs are kept from what came after AVX2. */
export interface HoldingToAvx2 {
  /** A library to preload, by which a program finds a processor without; undefined where none can be had. */
  readonly library: string | undefined;
  /** Why there is none. */
  readonly reason: string;
  /** Where such programs keep their caches of compiled code, apart from those of the others. */
  readonly caches: string;
}

/** Builds the library, and sees whether the system lets it do its work. */
export async function holdingToAvx2(folder: string): Promise<HoldingToAvx2> {
  const source = fileURLToPath(new URL("avx2_only.c", import.meta.url));
  const library = join(folder, "avx2_only.so");
  const caches = join(folder, "avx2_caches");
  await Deno.mkdir(caches, { recursive: true });
  const without = (reason: string): HoldingToAvx2 => ({ library: undefined, reason, caches });
  const built = await run("cc", ["-O2", "-shared", "-fPIC", source, "-o", library, "-ldl"]);
  if (!built.ok) return without("there is no C compiler to build what hides AVX-512");
  const tried = await run(Deno.execPath(), ["--version"], { env: { LD_PRELOAD: library } });
  if (!tried.ok) return without("this system does not let AVX-512 be hidden from a program");
  return { library, reason: "", caches };
}

/**
 * The same engine on a processor without AVX-512. Where it can't be hidden, PyTorch is told by the
 * variables that its libraries have for it; the other engines have none.
 *
 * @throws {Error} With the reason, where the engine can't be held to AVX2.
 */
export function heldToAvx2(program: EngineProgram, holding: HoldingToAvx2): EngineProgram {
  const { library, reason, caches } = holding;
  const variables = library !== undefined
    ? {
      LD_PRELOAD: library,
      LP_NATIVE_VECTOR_WIDTH: "256", // Assay asks the system, which hides nothing
      MESA_SHADER_CACHE_DIR: caches, // Mesa does not tell processors apart
    }
    : program.runtime === "python"
    ? pytorchVariables
    : undefined;
  if (variables === undefined) throw new Error(`can't be held to AVX2: ${reason}`);
  const environment = { ...program.environment, ...variables };
  return { ...program, environment, storage: "avx2-only" };
}

/** PyTorch's own kernels, oneDNN's, and MKL's (which heeds it on Intel's processors alone). */
const pytorchVariables = {
  ATEN_CPU_CAPABILITY: "avx2",
  ONEDNN_MAX_CPU_ISA: "AVX2",
  MKL_ENABLE_INSTRUCTIONS: "AVX2",
} as const;
