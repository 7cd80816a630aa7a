import type { InstructionSet } from "../processors/instruction_sets.ts";
import { table } from "../section.ts";
import { fastest, type Measured, timesAsFast, tokensPerSecond, wasMeasured } from "../speeds.ts";
import { formatNumber, formatSpread, median, spread } from "../statistics.ts";
import type { EngineWithoutGpu } from "./engines_without_gpu.ts";

/** What came of an engine. */
export type EngineResult = Measured & Pick<EngineWithoutGpu, "kind" | "sets">;

/** A heading and a table for each instruction set. */
export function tablesOf(
  title: string,
  sets: readonly InstructionSet[],
  results: readonly EngineResult[],
): string[] {
  return sets.flatMap((set) => {
    const here = results.filter((result) => result.sets.includes(set));
    return [`### ${title}, ${set}`, tableOf(here), conclusion(here)];
  });
}

function tableOf(results: readonly EngineResult[]): string {
  const wasm = fastest(results.filter(({ kind }) => kind === "wasm"));
  const lavapipe = fastest(results.filter(({ kind }) => kind === "lavapipe"));
  const reference = results.find((result) => isEngine(result) && wasMeasured(result));
  return table(
    [
      "engine",
      "tokens/s: median (least–most)",
      "`wasm` is so many times as fast",
      "lavapipe is so many times as fast",
      "score differs by",
      "peak memory, MB",
    ],
    results.map((result) => {
      const { name, failure, tokens, peakBytes } = result;
      if (!wasMeasured(result)) {
        return [name, `left out: ${failure ?? "no answer"}`, "", "", "", ""];
      }
      const times = (ours: EngineResult | undefined): string =>
        ours === result ? "1" : formatSpread(spread(timesAsFast(ours, result)));
      return [
        result.kind === "twins" ? `${name}, ${tokens} tokens` : name,
        formatSpread(spread(tokensPerSecond(result))),
        times(wasm),
        times(lavapipe),
        result === reference ? "–" : difference(result, reference),
        peakBytes === undefined ? "–" : `${Math.round(peakBytes / 1e6)}`,
      ];
    }),
  );
}

/** Assay's two engines; the twins are there to be read. */
function isEngine({ kind }: EngineResult): boolean {
  return kind === "wasm" || kind === "lavapipe";
}

function difference(result: EngineResult, reference: EngineResult | undefined): string {
  const [score, other] = [result.numbers?.[0], reference?.numbers?.[0]];
  if (score === undefined || other === undefined || result.tokens !== reference!.tokens) return "–";
  return Math.abs(score - other).toExponential(1);
}

/** The faster of Assay's engines, against each peer. */
function conclusion(results: readonly EngineResult[]): string {
  const best = fastest(results.filter(isEngine));
  if (best === undefined) return "None of Assay's engines was measured.";
  const against = results.filter((result) => !isEngine(result) && wasMeasured(result))
    .map((result) => `${formatSpread(spread(timesAsFast(best, result)))} × ${result.name}`);
  const speed = formatNumber(median(tokensPerSecond(best)));
  return `Assay's better engine here is ${best.name.replace("Assay, ", "")}, ${speed} tokens/s: ` +
    `${against.join("; ")}.`;
}

/** What the engines tell of themselves, which shows whether they took the instructions they were to. */
export function toldBy(results: readonly EngineResult[]): string {
  const lines = results.filter(wasMeasured).flatMap(({ name, sets, facts }) => {
    const told = ["vectors", "libraries", "attention", "versions"].flatMap((key) =>
      facts[key] === undefined ? [] : [facts[key]]
    );
    return told.length === 0 ? [] : [`- ${name} (${sets.join(", ")}): ${told.join("; ")}`];
  });
  return ["What engines tell of the processor they found:", [...new Set(lines)].join("\n")]
    .join("\n\n");
}
