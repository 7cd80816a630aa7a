import type { Calibrator } from "../../calibration/calibrator.ts";
import { type FeatureSource, markdownFeature } from "../../calibration/features.ts";
import { numberInColumn, numbersInColumn } from "../../data/column_values.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import type { BenchmarkRow } from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import { ownValue } from "../../own_value.ts";
import { responseSources } from "../calibrate/response_sources.ts";
import { type ScoredResponses, ScoredRowReader } from "../calibrate/scored_responses.ts";
import { allScored, noLabel } from "./evaluated_row_reader.ts";
import { PromptClusters } from "./prompt_cluster.ts";

/** Where scores and labels stand in rows of a benchmark. */
export interface BenchmarkRowOptions {
  /** Columns to read under another name: `chosen_score`, `num_correct`, … → the row's own. */
  readonly columns?: ReadonlyMap<string, string> | undefined;
  /** Column that names a row's subset; `subset` by default. */
  readonly subset?: string | undefined;
  /** Corrects the scores, for a comparison. */
  readonly calibrator?: Calibrator | undefined;
}

const chosenFirst: Pick<BenchmarkRow, "correct"> = { correct: [true, false] };
const scoreColumns = ["chosen_score", "rejected_score", "scores", "score"];

/** Reads scored rows of a benchmark, in Assay's columns. */
export class BenchmarkRowReader {
  readonly #benchmark: Benchmark;
  readonly #options: BenchmarkRowOptions;
  readonly #reader: ScoredRowReader;
  readonly #prompts: PromptClusters;

  constructor(benchmark: Benchmark, options: BenchmarkRowOptions) {
    const { columns, subset, calibrator } = options;
    const { features = [], categories: own } = calibrator ?? {};
    this.#benchmark = benchmark;
    this.#options = options;
    this.#reader = new ScoredRowReader({ features, own, columns, subset });
    this.#prompts = new PromptClusters(columns?.get("prompt"));
  }

  /**
   * Reads one row.
   *
   * @throws {AssayError} `evaluation/no-label`, `data/bad-row`, and the errors of
   *   {@linkcode ScoredRowReader}.
   */
  read(row: Row): BenchmarkRow {
    return this.#benchmark.hasBaselines ? this.#candidates(row) : this.#steps(row);
  }

  #candidates(row: Row): BenchmarkRow {
    const isScored = scoreColumns.some((name) =>
      (ownValue(row, this.#column(name)) ?? null) !== null
    );
    if (!isScored) {
      throw new AssayError(
        "data/bad-row",
        'Cannot evaluate the row: expected scores beside it ("chosen_score" and "rejected_score", or ' +
          '"scores"), found none; score it first (assay score MODEL ROWS), give --model, or name the ' +
          "columns (--column)",
      );
    }
    const scored = this.#reader.read(row);
    if (scored.kind === "single") {
      throw noLabel("a pair or candidates", "the score of one response");
    }
    const candidates = allScored(scored.responses);
    const lengths = candidates.map(({ features }) => features.length ?? NaN);
    return {
      scores: candidates.map(({ score }) => score),
      calibrated: this.#options.calibrator?.applyTogether(candidates).scores,
      lengths: lengths.every(Number.isFinite) ? lengths : undefined,
      markdown: markdownOf(responseSources(row, scored.kind, candidates.length, undefined)),
      ...this.#label(row, scored),
      ...this.#place(row, scored.subset),
    };
  }

  #label(row: Row, { kind, responses }: ScoredResponses): Partial<BenchmarkRow> {
    if (kind === "pair") return chosenFirst;
    const count = responses.length;
    const first = numberInColumn(row, this.#column("num_correct"));
    if (first !== undefined) {
      if (!Number.isInteger(first) || first < 1 || first >= count) {
        throw noLabel(`"num_correct" from 1 to ${count - 1}`, String(first));
      }
      return { correct: responses.map((_, index) => index < first) };
    }
    const correct = ownValue(row, this.#column("correct")) ?? undefined;
    if (correct !== undefined) {
      const isList = Array.isArray(correct) && correct.length === count;
      if (!isList || !correct.every((one) => typeof one === "boolean")) {
        throw noLabel(
          `"correct", a list of true or false for ${count} candidates`,
          "another value",
        );
      }
      return { correct };
    }
    const qualities = numbersInColumn(row, this.#column("qualities"));
    if (qualities === undefined) {
      throw noLabel(
        '"num_correct" (so many candidates, the first ones, are right), "correct" or "qualities"',
        "candidates without any",
      );
    }
    const known = qualities.filter((one) => one !== undefined && Number.isFinite(one));
    if (known.length !== count || qualities.length !== count) {
      throw noLabel(
        `"qualities", a number for each of ${count} candidates`,
        `${known.length} in a list of ${qualities.length}`,
      );
    }
    return { qualities: known as number[] };
  }

  #steps(row: Row): BenchmarkRow {
    const column = this.#column("step_scores");
    const scores = (numbersInColumn(row, column) ?? []).map((score) => score ?? NaN);
    if (scores.length === 0 || !scores.every(Number.isFinite)) {
      throw new AssayError(
        "data/bad-row",
        `Cannot evaluate the row: expected a score for every step in "${column}", found ${
          scores.length === 0 ? "none" : "one that is no finite number"
        }; a process reward model gives them`,
      );
    }
    const subset = ownValue(row, this.#options.subset ?? "subset");
    return {
      scores,
      firstWrong: numberInColumn(row, this.#column("label")),
      ...this.#place(row, typeof subset === "string" && subset !== "" ? subset : undefined),
    };
  }

  #place(
    row: Row,
    subset: string | undefined,
  ): Pick<BenchmarkRow, "subset" | "prompt" | "columns"> {
    const { reads = [] } = this.#benchmark;
    const columns = Object.fromEntries(
      reads.map((name) => [name, name === "subset" ? subset : ownValue(row, this.#column(name))]),
    );
    return { subset, prompt: String(this.#prompts.of(row)), columns };
  }

  #column(name: string): string {
    return this.#options.columns?.get(name) ?? name;
  }
}

/** Markdown elements of some responses; `undefined` where a text is not there. */
export function markdownOf(sources: readonly FeatureSource[]): readonly number[] | undefined {
  const counts = sources.map((source) => {
    try {
      return markdownFeature.measure(source);
    } catch (error) {
      if (error instanceof AssayError) return undefined; // a text that may stand for something else
      throw error;
    }
  });
  return counts.every((count) => count !== undefined) ? counts : undefined;
}
