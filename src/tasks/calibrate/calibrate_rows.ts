import type { Calibrator } from "../../calibration/calibrator.ts";
import type { DiagnosticsCollector } from "../../calibration/diagnostics.ts";
import {
  type Feature,
  featureNamed,
  lengthFeature,
  measureFeatures,
} from "../../calibration/features.ts";
import type { PoolBuilder, ScoredResponse } from "../../calibration/pool.ts";
import { numberInColumn, numbersInColumn } from "../../data/column_values.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { type ResponseMeasures, responseSources } from "./response_sources.ts";

/** How the command reads scores and features from rows. */
export interface ScoredRowOptions {
  /** Names of the features to measure. */
  readonly features: readonly string[];
  /** Columns to read under another name: the name that the command expects → the row's own. */
  readonly columns: ReadonlyMap<string, string>;
  /** Column that names a pair's subset. */
  readonly subset: string;
  /** Tokens and template of a checkpoint, where one was given. */
  readonly measures?: ResponseMeasures | undefined;
}

/** The scored responses of one row. */
export interface ScoredRow {
  /** The row's shape. */
  readonly kind: "single" | "pair" | "best_of_n";
  /** In order; a pair's chosen one first. A candidate that has no score is `undefined`. */
  readonly responses: readonly (ScoredResponse | undefined)[];
  /** Subset of a pair, where the row names one. */
  readonly subset: string | undefined;
}

/** Reads scores and features from rows; knows whether lengths can be measured beside them. */
export class ScoredRowReader {
  readonly #options: ScoredRowOptions;
  readonly #features: readonly Feature[];
  #measuresLength: boolean | undefined;

  /** @param options What to read. */
  constructor(options: ScoredRowOptions) {
    this.#options = options;
    this.#features = options.features.map((name) => featureNamed(name));
    // Where length is corrected for, it is measured like every other feature.
    if (options.features.includes(lengthFeature.name)) this.#measuresLength = false;
  }

  /**
   * Reads one row.
   *
   * @throws {AssayError} `data/bad-row` where the row has no scores or a column holds no number,
   *   `calibration/not-finite` for a NaN or infinite score or feature,
   *   `calibration/missing-feature` where a feature can't be measured.
   */
  read(row: Row): ScoredRow {
    const view = this.#renamed(row);
    const subset = view[this.#options.subset];
    const base = { subset: typeof subset === "string" && subset !== "" ? subset : undefined };
    if (has(view, "chosen_score") || has(view, "rejected_score")) {
      const scores = ["chosen_score", "rejected_score"].map((name) => requiredScore(view, name));
      return { kind: "pair", responses: this.#responses(view, "pair", scores), ...base };
    }
    if (has(view, "scores")) {
      const scores = numbersInColumn(view, "scores") ?? [];
      return { kind: "best_of_n", responses: this.#responses(view, "best_of_n", scores), ...base };
    }
    if ("score" in view) {
      const scores = [requiredScore(view, "score")];
      return { kind: "single", responses: this.#responses(view, "single", scores), ...base };
    }
    const found = Object.keys(row).map((name) => `"${name}"`).join(", ") || "none";
    throw new AssayError(
      "data/bad-row",
      'Cannot find scores in the row: expected "score", "chosen_score" and "rejected_score", or ' +
        `"scores"; found the columns ${found} (--column score=NAME reads another)`,
    );
  }

  #renamed(row: Row): Row {
    if (this.#options.columns.size === 0) return row;
    const view: Row = { ...row };
    for (const [name, column] of this.#options.columns) view[name] = row[column];
    return view;
  }

  #responses(
    view: Row,
    kind: ScoredRow["kind"],
    scores: readonly (number | undefined)[],
  ): (ScoredResponse | undefined)[] {
    const sources = responseSources(view, kind, scores.length, this.#options.measures);
    return scores.map((score, index) => {
      if (score === undefined) return undefined;
      const source = sources[index]!;
      if (!Number.isFinite(score)) {
        throw new AssayError(
          "calibration/not-finite",
          `Cannot calibrate the score${
            position(kind, index)
          }: expected a finite number, found ${score}`,
        );
      }
      const features = measureFeatures(this.#features, source);
      this.#measuresLength ??= lengthFeature.measure(source) !== undefined;
      if (this.#measuresLength) features.length = lengthFeature.measure(source) ?? NaN;
      return { score, features };
    });
  }
}

function has(row: Row, column: string): boolean {
  return row[column] !== undefined && row[column] !== null;
}

function requiredScore(row: Row, column: string): number {
  const score = numberInColumn(row, column);
  if (score !== undefined) return score;
  throw new AssayError(
    "data/bad-row",
    `Cannot calibrate the row: expected a number in "${column}", found ${
      row[column] === undefined ? "no such column" : "nothing"
    }`,
  );
}

function position(kind: ScoredRow["kind"], index: number): string {
  if (kind === "single") return "";
  return kind === "pair" ? ` of ${["chosen", "rejected"][index]}` : ` of response ${index + 1}`;
}

/**
 * Adds a row's responses to a pool. Candidates of one prompt are single responses: they have no
 * label.
 */
export function addToPool(pool: PoolBuilder, { kind, responses, subset }: ScoredRow): void {
  if (kind === "pair") {
    pool.addPair({ chosen: responses[0]!, rejected: responses[1]!, subset });
    return;
  }
  for (const response of responses) if (response !== undefined) pool.addRow(response);
}

/** One output row of the command. */
export interface CalibratedRow {
  /** The input row and the added columns. */
  readonly row: Row;
  /** Whether the row has an `error`. */
  readonly failed: boolean;
}

/**
 * Calibrates one row: adds `calibrated_score`; `chosen_calibrated_score`,
 * `rejected_calibrated_score`, `calibrated_margin`; or `calibrated_scores`, `calibrated_best`. The
 * other columns stay as they are. A row that can't be calibrated gets an `error`, or keeps the one
 * that it had.
 *
 * @param read The row as it was read.
 * @param reader Reads its scores and features.
 * @param calibrator Corrects them.
 * @param collector Gathers what that does.
 */
export function calibrateRow(
  read: ReadRow,
  reader: ScoredRowReader,
  calibrator: Calibrator,
  collector?: DiagnosticsCollector,
): CalibratedRow {
  if (read.row === undefined) {
    return { row: { line: read.line, error: read.error!.toJSON() }, failed: true };
  }
  let scored: ScoredRow;
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
  collect(collector, scored, present, scores);
  const row = { ...read.row, ...addedColumns(scored, scores) };
  return { row, failed: row.error !== undefined && row.error !== null && row.error !== "" };
}

function collect(
  collector: DiagnosticsCollector | undefined,
  { kind, subset }: ScoredRow,
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

function addedColumns({ kind, responses }: ScoredRow, scores: readonly number[]): Row {
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
