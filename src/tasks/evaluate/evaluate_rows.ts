import type { ReadRow } from "../../data/rows.ts";
import type { TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import { Evaluation, type EvaluationReport } from "../../evaluation/evaluation.ts";
import { type GoldCurves, goldCurves, type GoldPrompt } from "../../voting/gold_curve.ts";
import { type EvaluatedRowOptions, EvaluatedRowReader } from "./evaluated_row_reader.ts";
import { type RowCounts, TakenRows } from "./taken_rows.ts";

/** How to evaluate rows. */
export interface EvaluateRowsOptions extends EvaluatedRowOptions {
  /** What equal scores count as: `half`, the default, or `wrong`, as RewardBench counts them. */
  readonly tie?: TieRule | undefined;
  /**
   * Largest n of the best-of-n curves; rows with fewer candidates are left out of them. Default: as many
   * as the row with the fewest has.
   */
  readonly bestOf?: number | undefined;
}

/** What an evaluation found. */
export interface RowEvaluation extends RowCounts {
  /** Accuracies. */
  readonly report: EvaluationReport;
  /** Whether there is a calibrator to compare with. */
  readonly isCalibrated: boolean;
  /**
   * Quality of the best of n against n and KL, by the scores and, with a calibrator, by the calibrated
   * ones; `null` without qualities.
   */
  readonly gold: GoldCurves | null;
}

/**
 * Tells how often the scores of rows pick the right response, as `assay evaluate` does. Rows that
 * can't be evaluated are left out and counted.
 *
 * @example
 * ```ts
 * import { evaluateRows, evaluationRows, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const scored = [
 *   { chosen: "Yes.", rejected: "No.", chosen_score: 2, rejected_score: 1 },
 *   { chosen: "4", rejected: "5", chosen_score: 0, rejected_score: 1 },
 * ];
 * const [all] = evaluationRows(await evaluateRows(rowsInMemory(scored).read()));
 * assert.equal(all?.accuracy, 0.5);
 * ```
 *
 * @param rows Scored rows: pairs, or candidates with `num_correct`.
 * @param options Columns, ties, and a calibrator to compare with.
 * @throws {AssayError} Where no row can be evaluated, why the first one can't.
 */
export async function evaluateRows(
  rows: AsyncIterable<ReadRow>,
  options: EvaluateRowsOptions = {},
): Promise<RowEvaluation> {
  const reader = new EvaluatedRowReader(options);
  const evaluation = new Evaluation(options.tie ?? "half");
  const proxies = options.calibrator === undefined ? ["score"] : ["score", "calibrated score"];
  const prompts: GoldPrompt[] = [];
  const taken = new TakenRows((row) => {
    const { labelled, candidates } = reader.read(row);
    if (labelled !== undefined) evaluation.add(labelled);
    if (candidates !== undefined) prompts.push(candidates);
  });
  for await (const read of rows) taken.add(read);
  const counts = taken.counts();
  return {
    report: evaluation.report(),
    ...counts,
    isCalibrated: options.calibrator !== undefined,
    gold: prompts.length === 0 ? null : goldCurves(proxies, prompts, { largest: options.bestOf }),
  };
}
