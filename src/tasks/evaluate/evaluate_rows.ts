import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import { Evaluation, type EvaluationReport } from "../../evaluation/evaluation.ts";
import { type GoldCurves, goldCurves, type GoldPrompt } from "../../voting/gold_curve.ts";
import { type EvaluatedRowOptions, EvaluatedRowReader } from "./evaluated_row_reader.ts";

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
export interface RowEvaluation {
  /** Accuracies. */
  readonly report: EvaluationReport;
  /** Rows read, and those of them that could not be evaluated. */
  readonly rows: { readonly read: number; readonly failed: number };
  /** Why the first of those could not. */
  readonly firstFailure: { readonly code: string; readonly message: string } | undefined;
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
  const counts = { read: 0, failed: 0 };
  let firstFailure: RowEvaluation["firstFailure"];
  for await (const read of rows) {
    counts.read++;
    try {
      if (read.row === undefined) throw read.error!;
      const row = reader.read(read.row);
      if (row.labelled !== undefined) evaluation.add(row.labelled);
      if (row.candidates !== undefined) prompts.push(row.candidates);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      counts.failed++;
      firstFailure ??= ownError(read.row) ?? error;
    }
  }
  if (firstFailure !== undefined && counts.failed === counts.read) {
    throw new AssayError(
      firstFailure.code,
      `Cannot evaluate any of ${counts.read} rows. The first: ${firstFailure.message}`,
    );
  }
  return {
    report: evaluation.report(),
    rows: counts,
    firstFailure,
    isCalibrated: options.calibrator !== undefined,
    gold: prompts.length === 0 ? null : goldCurves(proxies, prompts, { largest: options.bestOf }),
  };
}

/** Why a row has no score, where the scoring told. */
export function ownError(row: Row | undefined): { code: string; message: string } | undefined {
  const error = row?.error as { code?: unknown; message?: unknown } | null | undefined;
  if (typeof error?.code !== "string" || typeof error.message !== "string") return undefined;
  return { code: error.code, message: error.message };
}
