import type { LoadOptions } from "../../mod.ts";
import type { Request } from "../peers/serve.ts";
import { operationsPerToken } from "../models/model_shape.ts";
import { conversationIds } from "../models/vocabulary.ts";
import { type Contestant, measureInTurns, type Outcome, ratios } from "../rounds.ts";
import { type Bench, type Section, table } from "../section.ts";
import { formatNumber, formatSpread, spread } from "../statistics.ts";
import {
  assayProgram,
  llamaCppProgram,
  narrowVectors,
  onnxRuntimeProgram,
  warmUp,
} from "./contestants.ts";

/** Engines that use the WebGPU or Vulkan adapter; on a software one they take minutes. */
const onAdapter = /WebGPU|Vulkan/;

/** Assay, with each width of vectors that there is, and the engines whose names `wanted` matches. */
function contestants(
  bench: Bench,
  sequence: readonly number[],
  wanted: (name: string) => boolean,
): Contestant[] {
  const { cores, vectorBits } = bench;
  const tokens = sequence.length;
  const check: Request = { ask: "check", sequences: [sequence] };
  const request: Request = { ask: "score", sequences: [sequence] };
  const wide = vectorBits === 512;
  // A line that names lavapipe's vectors is lavapipe's, whatever `auto` would choose.
  const options: LoadOptions = vectorBits === undefined ? {} : { backend: "gpu" };
  const programs: Record<string, Contestant["program"]> = {
    [wide ? "Assay, bf16, 256-bit vectors" : "Assay, bf16"]: () =>
      assayProgram(bench, options, wide ? narrowVectors : {}),
    ...(wide ? { "Assay, bf16, 512-bit vectors": () => assayProgram(bench, options) } : {}),
    "ONNX Runtime Web, WebGPU, f32 (Deno)": () => onnxRuntimeProgram(bench, "webgpu", 1),
    "ONNX Runtime Web, WASM, 1 thread, f32 (Deno)": () => onnxRuntimeProgram(bench, "wasm", 1),
    [`ONNX Runtime Web, WASM, ${cores} threads, f32 (Node)`]: () =>
      onnxRuntimeProgram(bench, "wasm-node", cores),
    "onnxruntime-node, CPU, f32": () => onnxRuntimeProgram(bench, "node", cores),
    "llama.cpp, CPU, F32": () => llamaCppProgram(bench, "cpu", "F32", tokens),
    "llama.cpp, CPU, BF16": () => llamaCppProgram(bench, "cpu", "BF16", tokens),
    "llama.cpp, Vulkan, F16": () => llamaCppProgram(bench, "vulkan", "F16", tokens),
  };
  return Object.entries(programs)
    .filter(([name]) =>
      isAssay(name) ||
      wanted(name) && (bench.settings.engines?.some((part) => name.includes(part)) ?? true)
    )
    .map(([name, program]) => ({
      name,
      program,
      requests: [request],
      firstRequests: isAssay(name) ? [check, ...warmUp(bench, sequence)] : [check],
    }));
}

function isAssay(name: string): boolean {
  return name.startsWith("Assay");
}

/** How much faster than an engine each Assay is; an Assay itself has no such number. */
function row(outcome: Outcome, assays: readonly Outcome[], tokens: number): string[] {
  const { name, milliseconds, peakBytes, failure, numbers } = outcome;
  const assay = assays[0]!;
  if (failure !== undefined || milliseconds.length === 0) {
    return [name, `not measured: ${failure ?? "no answer"}`, ...assays.map(() => ""), "", "", ""];
  }
  const speed = spread(milliseconds.map((time) => 1000 * tokens / time));
  const difference = Math.max(
    ...(numbers ?? [NaN]).map((number, i) => Math.abs(number - (assay.numbers?.[i] ?? NaN))),
  );
  return [
    name,
    formatSpread(speed),
    ...assays.map((ours) => outcome === ours ? "1" : formatSpread(spread(ratios(ours, outcome)))),
    outcome === assay ? "–" : difference.toExponential(1),
    peakBytes === undefined ? "–" : `${Math.round(peakBytes / 1e6)}`,
    formatNumber(outcome.loadMilliseconds / 1000),
  ];
}

/** One sequence through the engines that compute on the processor, in turns. */
export const engines: Section = {
  title: "One sequence through engines on the processor",
  measure: (bench) => measureEngines(bench, bench.settings.tokens, (name) => !onAdapter.test(name)),
};

/**
 * One sequence through the engines that use the same adapter as Assay, in turns. On a software one,
 * where some take half a minute for it, it is half as long.
 */
export const sameAdapter: Section = {
  title: "One sequence through engines on the same adapter",
  measure: (bench) => {
    const { vectorBits, settings: { tokens } } = bench;
    const fewer = vectorBits === undefined ? tokens : Math.ceil(tokens / 2);
    return measureEngines(bench, fewer, (name) => onAdapter.test(name));
  },
};

/** The column's name: `Assay, …, 512-bit vectors` gives "Assay (512 bits) is …". */
function ratioTitle({ name }: Outcome): string {
  return `Assay (${name.match(/(\d+)-bit/)?.[1]} bits) is so many times as fast`;
}

async function measureEngines(
  bench: Bench,
  tokens: number,
  wanted: (name: string) => boolean,
): Promise<string> {
  const { settings: { rounds }, files: { shape }, onProgress } = bench;
  const sequence = conversationIds(shape, tokens, 1);
  const outcomes = await measureInTurns(contestants(bench, sequence, wanted), {
    rounds,
    onProgress,
  });
  const assays = outcomes.filter(({ name }) => isAssay(name));
  const operations = tokens * operationsPerToken(shape);
  const speeds = assays.map(({ milliseconds }) =>
    formatNumber(operations / spread(milliseconds).median / 1e6)
  );
  const adapters = outcomes.flatMap(({ name, facts }) =>
    name.includes("Vulkan") && facts["device"] !== undefined ? [facts["device"]] : []
  );
  return [
    `One sequence of ${tokens} tokens, ${shape.layers} layers × ${shape.hidden}, feed-forward ` +
    `${shape.feedForward}, ${shape.heads} heads, vocabulary ${shape.vocabulary}; ${rounds} rounds. ` +
    "The same token ids and the same numbers as weights for all: a random bf16 checkpoint, written " +
    "out by the bench as ONNX (f32, exact) and GGUF (F32 and BF16 exact, F16 rounded). Assay " +
    "starts from text: its time has the tokenising in it. It is warmed up until it has chosen the " +
    "tiles of its products, the others by one run. Each time ends when the score is in " +
    "JavaScript's hands; llama.cpp's ends with the last token's hidden state, its score is made " +
    "once, for the comparison (it keeps keys and values in f16, and differs more for it).",
    table(
      [
        "engine",
        "tokens/s: median (least–most)",
        ...(assays.length === 1 ? ["Assay is so many times as fast"] : assays.map(ratioTitle)),
        "score differs by",
        "peak memory, MB",
        "start and load, s",
      ],
      outcomes.map((outcome) => row(outcome, assays, tokens)),
    ),
    `Assay's linear maps alone: ${speeds.join(" and ")} GFLOP/s. ` +
    (adapters.length === 0 ? "" : `llama.cpp's Vulkan device: ${adapters.join(", ")}. `) +
    "Peak memory is the process's resident high-water mark, loading included.",
  ].join("\n\n");
}
