import type { Request } from "../peers/serve.ts";
import { operationsPerToken } from "../models/model_shape.ts";
import { conversationIds } from "../models/vocabulary.ts";
import { type Contestant, measureInTurns, type Outcome, ratios } from "../rounds.ts";
import { type Bench, type Section, table } from "../section.ts";
import { formatNumber, formatSpread, spread } from "../statistics.ts";
import { assayProgram, llamaCppProgram, onnxRuntimeProgram } from "./contestants.ts";

/** Engines that use the WebGPU or Vulkan adapter; on a software one they take minutes. */
const onAdapter = /WebGPU|Vulkan/;

/** Assay and the engines whose names `wanted` matches. */
function contestants(
  bench: Bench,
  request: Request,
  wanted: (name: string) => boolean,
): Contestant[] {
  const { settings: { tokens }, cores } = bench;
  const programs: Record<string, Contestant["program"]> = {
    "Assay, bf16": () => assayProgram(bench),
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
    .filter(([name], index) =>
      index === 0 ||
      wanted(name) && (bench.settings.engines?.some((part) => name.includes(part)) ?? true)
    )
    .map(([name, program]) => ({ name, program, requests: [request] }));
}

function row(outcome: Outcome, assay: Outcome, tokens: number): string[] {
  const { name, milliseconds, peakBytes, failure, numbers } = outcome;
  if (failure !== undefined || milliseconds.length === 0) {
    return [name, `not measured: ${failure ?? "no answer"}`, "", "", "", ""];
  }
  const speed = spread(milliseconds.map((time) => 1000 * tokens / time));
  const difference = Math.max(
    ...(numbers ?? [NaN]).map((number, i) => Math.abs(number - (assay.numbers?.[i] ?? NaN))),
  );
  return [
    name,
    formatSpread(speed),
    outcome === assay ? "1" : formatSpread(spread(ratios(assay, outcome))),
    outcome === assay ? "–" : difference.toExponential(1),
    peakBytes === undefined ? "–" : `${Math.round(peakBytes / 1e6)}`,
    formatNumber(outcome.loadMilliseconds / 1000),
  ];
}

/** One sequence through the engines that compute on the processor, in turns. */
export const engines: Section = {
  title: "One sequence through engines on the processor",
  measure: (bench) => measureEngines(bench, (name) => !onAdapter.test(name)),
};

/** One sequence through the engines that use the same adapter as Assay, in turns. */
export const sameAdapter: Section = {
  title: "One sequence through engines on the same adapter",
  measure: (bench) => measureEngines(bench, (name) => onAdapter.test(name)),
};

async function measureEngines(
  bench: Bench,
  wanted: (name: string) => boolean,
): Promise<string> {
  const { settings: { rounds, tokens }, files: { shape }, onProgress } = bench;
  const sequences = [conversationIds(shape, tokens, 1)];
  const outcomes = await measureInTurns(contestants(bench, { ask: "score", sequences }, wanted), {
    rounds,
    firstRequests: [{ ask: "check", sequences }],
    onProgress,
  });
  const assay = outcomes[0]!;
  const operations = tokens * operationsPerToken(shape);
  const speed = operations / spread(assay.milliseconds).median / 1e6;
  const adapters = outcomes.flatMap(({ name, facts }) =>
    name.includes("Vulkan") && facts["device"] !== undefined ? [facts["device"]] : []
  );
  return [
    `One sequence of ${tokens} tokens, ${shape.layers} layers × ${shape.hidden}, feed-forward ` +
    `${shape.feedForward}, ${shape.heads} heads, vocabulary ${shape.vocabulary}; ${rounds} rounds. ` +
    "The same token ids and the same numbers as weights for all: a random bf16 checkpoint, written " +
    "out by the bench as ONNX (f32, exact) and GGUF (F32 and BF16 exact, F16 rounded). Assay " +
    "starts from text: its time has the tokenising in it. Each time ends when the score is in " +
    "JavaScript's hands; llama.cpp's ends with the last token's hidden state, its score is made " +
    "once, for the comparison (it keeps keys and values in f16, and differs more for it).",
    table(
      [
        "engine",
        "tokens/s: median (least–most)",
        "Assay is so many times as fast",
        "score differs by",
        "peak memory, MB",
        "start and load, s",
      ],
      outcomes.map((outcome) => row(outcome, assay, tokens)),
    ),
    `Assay's linear maps alone: ${formatNumber(speed)} GFLOP/s. ` +
    (adapters.length === 0 ? "" : `llama.cpp's Vulkan device: ${adapters.join(", ")}. `) +
    "Peak memory is the process's resident high-water mark, loading included.",
  ].join("\n\n");
}
