import type { Calibrator } from "../../calibration/calibrator.ts";
import type { DiagnosticsCollector } from "../../calibration/diagnostics_collector.ts";
import type { ScoredResponse } from "../../calibration/pool.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { OutputRow } from "../output_row.ts";
import { rowHasError } from "./certain_rows.ts";
import { type ScoredColumns, type ScoredResponses, ScoredRowReader } from "./scored_responses.ts";

/** How to calibrate rows. */
export interface CalibrateRowsOptions extends ScoredColumns {
  /** Gathers what the calibration does to them. */
  readonly collector?: DiagnosticsCollector | undefined;
}

/**
 * Calibrates scored rows as they come, whoever scored them: what `assay calibrate --apply` writes.
 * Added are `calibrated_score`; `chosen_calibrated_score`, `rejected_calibrated_score` and
 * `calibrated_margin` of a pair; or `calibrated_scores` and `calibrated_best` of candidates. The other
 * columns stay as they are. A row that can't be calibrated gets an `error`, or keeps the one that it
 * had.
 *
 * @example
 * ```ts
 * import { Calibrator } from "@assay/assay/calibration";
 * import { calibrateRows, fitCalibrator, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * // A judge that gives a point for every 100 characters.
 * const scored = Array.from({ length: 60 }, (_, i) => ({ score: (7 * i % 60) / 10, length: 70 * i }));
 * const rows = rowsInMemory(scored.map((row) => ({ ...row, score: row.score + row.length / 100 })));
 * const { calibrator } = await fitCalibrator(rows.read(), { method: "lwr" });
 * const kept: Calibrator = Calibrator.parse(JSON.stringify(calibrator));
 * for await (const { row, failed } of calibrateRows(rows.read(), kept)) {
 *   assert.equal(failed, false);
 *   assert.equal(typeof row.calibrated_score, "number");
 * }
 * ```
 *
 * @param rows The scored rows.
 * @param calibrator Corrects the scores.
 * @param options Where scores and features stand, and who gathers diagnostics.
 */
export async function* calibrateRows(
  rows: AsyncIterable<ReadRow>,
  calibrator: Calibrator,
  options: CalibrateRowsOptions = {},
): AsyncGenerator<OutputRow> {
  const { features, categories: own } = calibrator;
  const reader = new ScoredRowReader({ ...options, features, own });
  for await (const read of rows) yield calibrateRow(read, reader, calibrator, options.collector);
}

/**
 * Calibrates rows that have just been scored, as {@linkcode calibrateRows} does.
 *
 * @param calibrator Corrects the scores.
 * @returns Adds the calibrated columns to one scored row.
 */
export function rowCalibration(calibrator: Calibrator): (row: Row) => OutputRow {
  const { features, categories: own } = calibrator;
  const reader = new ScoredRowReader({ features, own });
  return (row) => calibrateRow({ line: 0, row, error: undefined }, reader, calibrator, undefined);
}

/**
 * Calibrates one row: adds the columns of {@linkcode calibrateRows}.
 *
 * @param read The row as it was read.
 * @param reader Reads its scores and features.
 * @param calibrator Corrects them.
 * @param collector Gathers what that does.
 */
function calibrateRow(
  read: ReadRow,
  reader: ScoredRowReader,
  calibrator: Calibrator,
  collector: DiagnosticsCollector | undefined,
): OutputRow {
  if (read.row === undefined) {
    return { row: { line: read.line, error: read.error!.toJSON() }, failed: true };
  }
  let scored: ScoredResponses;
  try {
    scored = reader.read(read.row);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    collector?.addDropped("chosen_score" in read.row ? 2 : 1);
    const columns = failedColumns(read.row);
    const own = read.row.error ?? error.toJSON();
    return { row: { ...read.row, ...columns, error: own }, failed: true };
  }
  const present = scored.responses.filter((response) => response !== undefined);
  const { scores, corrected } = calibrator.applyTogether(present);
  if (!corrected) collector?.addUncorrected(present.length);
  collect(collector, scored, present.map((response) => measured(response, calibrator)), scores);
  const row = { ...read.row, ...addedColumns(scored, scores) };
  return { row, failed: rowHasError(row) };
}

/** A response with the features that are amounts: ranks of categories would mean nothing. */
function measured(response: ScoredResponse, { categories }: Calibrator): ScoredResponse {
  if (categories.length === 0) return response;
  const features = { ...response.features };
  for (const { name } of categories) delete features[name];
  return { ...response, features };
}

function collect(
  collector: DiagnosticsCollector | undefined,
  { kind, subset }: ScoredResponses,
  responses: readonly ScoredResponse[],
  scores: readonly number[],
): void {
  if (collector === undefined) return;
  if (kind !== "pair") {
    responses.forEach((response, index) => collector.addRow(response, scores[index]!));
    return;
  }
  collector.addPair({
    chosen: responses[0]!,
    rejected: responses[1]!,
    chosenCalibrated: scores[0]!,
    rejectedCalibrated: scores[1]!,
    subset,
  });
}

function addedColumns({ kind, responses }: ScoredResponses, scores: readonly number[]): Row {
  if (kind === "single") return { calibrated_score: scores[0]! };
  if (kind === "pair") {
    const [chosen, rejected] = scores as [number, number];
    return {
      chosen_calibrated_score: chosen,
      rejected_calibrated_score: rejected,
      calibrated_margin: chosen - rejected,
    };
  }
  let next = 0;
  const all = responses.map((response) => response === undefined ? null : scores[next++]!);
  let best: number | null = null;
  all.forEach((score, index) => {
    if (score !== null && (best === null || score > all[best]!)) best = index;
  });
  return { calibrated_scores: all, calibrated_best: best };
}

/** The added columns of a row that has an error: there, and empty. */
function failedColumns(row: Row): Row {
  if ("chosen_score" in row || "rejected_score" in row) {
    return {
      chosen_calibrated_score: null,
      rejected_calibrated_score: null,
      calibrated_margin: null,
    };
  }
  if ("scores" in row) return { calibrated_scores: null, calibrated_best: null };
  return "score" in row ? { calibrated_score: null } : {};
}
