import type { EngineProgram } from "../engine_process.ts";
import {
  heldToAvx2,
  type HoldingToAvx2,
  type InstructionSet,
} from "../processors/instruction_sets.ts";
import type { Bench } from "../section.ts";
import {
  assayProgram,
  llamaCppProgram,
  narrowVectors,
  onnxRuntimeProgram,
  pytorchProgram,
} from "./contestants.ts";

/** An engine that runs where there is no GPU. */
export interface EngineWithoutGpu {
  readonly name: string;
  /** What it is to Assay: its engine in WebAssembly, on lavapipe, its CPU twins, or a peer. */
  readonly kind: "wasm" | "lavapipe" | "twins" | "peer";
  /** The tables that it stands in. */
  readonly sets: readonly InstructionSet[];
  /** How many tokens it scores; as many as all, where it is not too slow for that. */
  readonly tokens: number;
  readonly program: () => Promise<EngineProgram>;
}

/** What engines are chosen by. */
export interface EngineChoice {
  /** What the processor has, the most first. */
  readonly sets: readonly InstructionSet[];
  readonly holding: HoldingToAvx2;
  /** Tokens of the sequence that the engines score. */
  readonly tokens: number;
  /** Tokens that Assay's CPU twins score. */
  readonly tokensOfTwins: number;
  /** Whether the conversation is so long that only the fastest of each kind are worth their time. */
  readonly long: boolean;
}

/**
 * Assay's engines and the peers. What computes in WebAssembly or in JavaScript uses nothing beyond
 * AVX2 and is measured once; what chooses its kernels by the processor is measured with each
 * instruction set.
 */
export function enginesWithoutGpu(bench: Bench, choice: EngineChoice): EngineWithoutGpu[] {
  const { tokens, tokensOfTwins, long } = choice;
  const [once, each] = [measuredOnce(choice), measuredWithEach(choice)];
  const { cores } = bench;
  const wasm = (threads: number) => () => assayProgram(bench, { backend: "wasm", threads });
  const fastest = [
    once(`Assay, \`wasm\`, ${cores} threads`, "wasm", wasm(cores)),
    ...lavapipe(bench, choice),
    ...each("onnxruntime-node, f32", () => onnxRuntimeProgram(bench, "node", cores)),
    ...each("llama.cpp, F32", () => llamaCppProgram(bench, "cpu", "F32", tokens)),
    ...each("PyTorch, f32", () => pytorchProgram(bench, "float32")),
  ];
  if (long) return fastest;
  const twins = () => assayProgram(bench, { backend: "cpu" });
  const onnxRuntimeWeb = (build: "wasm" | "wasm-node", threads: number) => () =>
    onnxRuntimeProgram(bench, build, threads);
  return [
    ...fastest,
    ...each("llama.cpp, BF16", () => llamaCppProgram(bench, "cpu", "BF16", tokens)),
    ...each("PyTorch, bf16", () => pytorchProgram(bench, "bfloat16")),
    once(
      `ONNX Runtime Web, WASM, ${cores} threads, f32 (Node)`,
      "peer",
      onnxRuntimeWeb("wasm-node", cores),
    ),
    once("ONNX Runtime Web, WASM, 1 thread, f32 (Deno)", "peer", onnxRuntimeWeb("wasm", 1)),
    once("Assay, `wasm`, 1 thread", "wasm", wasm(1)),
    { ...once("Assay, `cpu` (the twins)", "twins", twins), tokens: tokensOfTwins },
  ];
}

function measuredOnce({ sets, tokens }: EngineChoice) {
  return (
    name: string,
    kind: EngineWithoutGpu["kind"],
    program: EngineWithoutGpu["program"],
  ): EngineWithoutGpu => ({ name, kind, sets, tokens, program });
}

function measuredWithEach({ sets, tokens, holding }: EngineChoice) {
  return (name: string, program: EngineWithoutGpu["program"]): EngineWithoutGpu[] =>
    sets.map((set, index) => ({
      name,
      kind: "peer",
      sets: [set],
      tokens,
      program: index === 0 ? program : async () => heldToAvx2(await program(), holding),
    }));
}

/** Assay on lavapipe: with all widths of vectors that it has on this processor. */
function lavapipe(
  bench: Bench,
  { sets, tokens, holding, long }: EngineChoice,
): EngineWithoutGpu[] {
  const wide = bench.vectorBits === 512;
  const program = async (environment: Readonly<Record<string, string>>): Promise<EngineProgram> => {
    if (bench.vectorBits === undefined) throw new Error("lavapipe is not the adapter here");
    return await assayProgram(bench, { backend: "gpu" }, environment);
  };
  const engine = (bits: number, set: InstructionSet, make: EngineWithoutGpu["program"]) => ({
    name: `Assay, lavapipe, ${bits}-bit vectors`,
    kind: "lavapipe" as const,
    sets: [set],
    tokens,
    program: make,
  });
  const [most, ...others] = sets;
  return [
    ...(long && wide ? [] : [engine(256, most!, () => program(narrowVectors))]),
    ...(wide ? [engine(512, most!, () => program({}))] : []),
    ...others.map((set) =>
      engine(256, set, async () => heldToAvx2(await program(narrowVectors), holding))
    ),
  ];
}
