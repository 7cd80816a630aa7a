import { codePointLength } from "../../calibration/features.ts";
import {
  alpacaEvalPreference,
  type LengthControlledWinRate,
  lengthControlledWinRate,
} from "../../calibration/length_controlled.ts";
import {
  type CalibratedWinRates,
  calibrateWinRates,
  type JudgedComparison,
  type WinRateOptions,
} from "../../calibration/win_rate.ts";
import { numberInColumn } from "../../data/column_values.ts";
import { responseText } from "../../data/explicit_texts.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { OutputRow } from "../output_row.ts";
import type { RepeatableRows } from "../repeatable_rows.ts";
import { ownValue, setOwnValue } from "../../own_value.ts";

/** Comparisons that a length-controlled win rate needs. */
const leastComparisons = 10;

/** How to calibrate a judge's preferences. */
export interface CalibratePreferencesOptions extends WinRateOptions {
  /** Columns to read under another name: `preference`, `length`, … → the row's own. */
  readonly columns?: ReadonlyMap<string, string> | undefined;
}

/** A judge's preferences, calibrated. */
export interface CalibratedPreferences {
  /** Win rates as they came and calibrated, over all comparisons and by model. */
  readonly winRates: CalibratedWinRates;
  /** Length-controlled win rates, by model (`all` without models), where 10 or more comparisons are. */
  lengthControlled(): Record<string, LengthControlledWinRate>;
  /** The rows with their `calibrated_preference`, or an `error`. */
  rows(): AsyncGenerator<OutputRow>;
}

/**
 * Calibrates a judge's preferences against a baseline, as `assay calibrate --preferences` does.
 *
 * @example
 * ```ts
 * import { calibratePreferences, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const judged = Array.from({ length: 40 }, (_, i) => ({
 *   preference: i % 3 === 0 ? 0.2 : 0.7,
 *   length_difference: 10 * (i % 20) - 50,
 * }));
 * const { winRates, rows } = await calibratePreferences(rowsInMemory(judged));
 * assert.equal(winRates.overall.comparisons, 40);
 * for await (const { row } of rows()) assert.equal(typeof row.calibrated_preference, "number");
 * ```
 *
 * @param rows Rows with `preference` from 0 to 1 and a `length_difference` (or `length` and
 *   `baseline_length`, or the texts), or AlpacaEval's own.
 * @param options Columns and settings of the fit.
 * @throws {AssayError} `calibration/too-few-rows`.
 */
export async function calibratePreferences(
  rows: RepeatableRows,
  options: CalibratePreferencesOptions = {},
): Promise<CalibratedPreferences> {
  const { columns = new Map<string, string>(), ...settings } = options;
  const comparisons: (JudgedComparison | AssayError)[] = [];
  for await (const { row, error } of rows.read()) {
    comparisons.push(row === undefined ? error! : comparisonOf(row, columns));
  }
  const usable = comparisons.filter((item): item is JudgedComparison =>
    !(item instanceof AssayError)
  );
  const winRates = calibrateWinRates(usable, settings);
  return {
    winRates,
    lengthControlled: () => controlledRates(usable),
    rows: () => calibratedRows(rows, comparisons, winRates.preferences),
  };
}

async function* calibratedRows(
  rows: RepeatableRows,
  comparisons: readonly (JudgedComparison | AssayError)[],
  preferences: Float64Array,
): AsyncGenerator<OutputRow> {
  let place = 0;
  let index = 0;
  for await (const { row, line } of rows.read()) {
    const comparison = comparisons[place++]!;
    yield comparison instanceof AssayError
      ? { row: { ...(row ?? { line }), error: comparison.toJSON() }, failed: true }
      : { row: { ...row, calibrated_preference: preferences[index++]! }, failed: false };
  }
}

/** A judge's comparison in a row, in this project's columns or in AlpacaEval's. */
function comparisonOf(
  row: Row,
  columns: ReadonlyMap<string, string>,
): JudgedComparison | AssayError {
  const view: Row = { ...row };
  for (const [name, column] of columns) setOwnValue(view, name, ownValue(row, column));
  try {
    const isAlpacaEval = typeof view.output_1 === "string" && typeof view.output_2 === "string";
    const stored = numberInColumn(view, "preference");
    if (stored === undefined || Number.isNaN(stored)) throw notJudged(row, columns);
    const preference = isAlpacaEval ? alpacaEvalPreference(stored) : stored;
    if (!(preference >= 0 && preference <= 1)) {
      throw new AssayError(
        "calibration/bad-preference",
        `Cannot calibrate the preference: expected a number from 0 to 1, found ${stored}`,
      );
    }
    const model = isAlpacaEval ? view.generator_2 : view.model;
    return {
      preference,
      lengthDifference: lengthDifference(view, isAlpacaEval),
      model: typeof model === "string" ? model : undefined,
    };
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
}

function lengthDifference(view: Row, isAlpacaEval: boolean): number {
  const given = numberInColumn(view, "length_difference");
  if (given !== undefined) return given;
  const own = numberInColumn(view, "length") ??
    textLength(view, isAlpacaEval ? "output_2" : "response");
  const baseline = numberInColumn(view, "baseline_length") ??
    textLength(view, isAlpacaEval ? "output_1" : "baseline_response");
  if (own === undefined) throw missing("length");
  if (baseline === undefined) throw missing("baseline_length");
  return own - baseline;
}

function textLength(view: Row, column: string): number | undefined {
  const text = responseText(column, view[column]);
  return text === undefined ? undefined : codePointLength(text);
}

/** Why a row without a preference is none to count: the judge gave none, or there is no such column. */
function notJudged(row: Row, columns: ReadonlyMap<string, string>): AssayError {
  const column = columns.get("preference") ?? "preference";
  if (!Object.hasOwn(row, column)) return missing("preference");
  return new AssayError(
    "calibration/not-judged",
    `Cannot count the row: expected the judge's preference in "${column}", found none; a judge that ` +
      "gave no preference made no comparison (a tie is 0 or 1.5 in AlpacaEval's rows, else 0.5)",
  );
}

function missing(column: string): AssayError {
  return new AssayError(
    "data/bad-row",
    `Cannot calibrate the preference: expected "${column}" in the row, found no such column (a row needs ` +
      "preference from 0 to 1, and length_difference, or length and baseline_length, or response and " +
      "baseline_response)",
  );
}

function controlledRates(
  comparisons: readonly JudgedComparison[],
): Record<string, LengthControlledWinRate> {
  const byModel = new Map<string, JudgedComparison[]>();
  for (const comparison of comparisons) {
    const model = comparison.model ?? "all";
    const own = byModel.get(model);
    if (own === undefined) byModel.set(model, [comparison]);
    else own.push(comparison);
  }
  return Object.fromEntries(
    [...byModel].filter(([, own]) => own.length >= leastComparisons)
      .map(([model, own]) => [model, lengthControlledWinRate(own)]),
  );
}
