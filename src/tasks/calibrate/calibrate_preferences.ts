import { codePointLength } from "../../calibration/features.ts";
import {
  alpacaEvalPreference,
  type LengthControlledWinRate,
  lengthControlledWinRate,
} from "../../calibration/length_controlled.ts";
import {
  calibrateWinRates,
  type JudgedComparison,
  type WinRate,
} from "../../calibration/win_rate.ts";
import { numberInColumn } from "../../data/column_values.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { CalibrateFlags } from "../../cli/calibrate/calibrate_flags.ts";
import { repeatableRows } from "../repeatable_rows.ts";
import { calibrateTable } from "../../cli/calibrate/calibrate_report.ts";
import type { Output } from "../../cli/output.ts";
import type { ProgressBar } from "../../cli/progress_bar.ts";
import { rowOutput } from "../../cli/row_output.ts";
import { writeTextFile } from "../../cli/check_outputs.ts";

/** Comparisons that a length-controlled win rate needs. */
const leastComparisons = 10;

/**
 * `assay calibrate --preferences`: adds `calibrated_preference` to a judge's preferences against a
 * baseline, and tells every model's win rate as it came, calibrated, and length-controlled.
 *
 * @param input A path, or `-` for standard input.
 * @param flags The command's flags.
 * @param output Where output goes.
 * @param bar Shows how far the reading is.
 */
export async function calibratePreferences(
  input: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const rows = await repeatableRows(input, flags.inputFormat, bar);
  const comparisons: (JudgedComparison | AssayError)[] = [];
  for await (const { row, error } of rows.read("reading")) {
    comparisons.push(row === undefined ? error! : comparisonOf(row, flags));
  }
  const usable = comparisons.filter((item): item is JudgedComparison =>
    !(item instanceof AssayError)
  );
  const calibrated = calibrateWinRates(usable, {
    ...(typeof flags.gamma === "number" ? { gamma: flags.gamma } : {}),
    ...(flags.frac === undefined ? {} : { frac: flags.frac }),
    ...(flags.iterations === undefined ? {} : { iterations: flags.iterations }),
  });
  const writer = await rowOutput(output, flags, calibrateTable);
  let place = 0;
  let index = 0;
  try {
    for await (const { row, line } of rows.read("calibrating")) {
      const comparison = comparisons[place++]!;
      if (comparison instanceof AssayError) {
        output.rowFailed();
        await writer.write({ ...(row ?? { line }), error: comparison.toJSON() });
      } else {
        const preference = calibrated.preferences[index++]!;
        await writer.write({ ...row, calibrated_preference: preference });
      }
    }
  } finally {
    await writer.close();
  }
  const controlled = controlledRates(usable);
  await report(calibrated.overall, calibrated.models, controlled, output);
  if (flags.summary !== undefined) {
    const { overall, models, knots } = calibrated;
    const summary = { overall, models, lengthControlled: controlled, knots };
    await writeTextFile(flags.summary, JSON.stringify(summary, null, 2) + "\n");
  }
}

/** A judge's comparison in a row, in this project's columns or in AlpacaEval's. */
function comparisonOf(row: Row, flags: CalibrateFlags): JudgedComparison | AssayError {
  const view: Row = { ...row };
  for (const [name, column] of flags.column ?? []) view[name] = row[column];
  try {
    const isAlpacaEval = typeof view.output_1 === "string" && typeof view.output_2 === "string";
    const stored = numberInColumn(view, "preference") ?? (isAlpacaEval ? 0 : undefined);
    if (stored === undefined) throw missing("preference");
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
      ...(typeof model === "string" ? { model } : {}),
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
    textLength(isAlpacaEval ? view.output_2 : view.response);
  const baseline = numberInColumn(view, "baseline_length") ??
    textLength(isAlpacaEval ? view.output_1 : view.baseline_response);
  if (own === undefined) throw missing("length");
  if (baseline === undefined) throw missing("baseline_length");
  return own - baseline;
}

function textLength(text: unknown): number | undefined {
  return typeof text === "string" ? codePointLength(text) : undefined;
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

async function report(
  overall: WinRate,
  models: Readonly<Record<string, WinRate>>,
  controlled: Readonly<Record<string, LengthControlledWinRate>>,
  output: Output,
): Promise<void> {
  const named = Object.keys(models).length === 0 ? { all: overall } : models;
  for (const [model, rate] of Object.entries(named)) {
    const length = controlled[model];
    await output.note(
      `${model}: win rate ${rate.winRate.toFixed(2)}, calibrated ${
        rate.calibratedWinRate.toFixed(2)
      }${
        length === undefined
          ? ""
          : `, length-controlled ${length.lengthControlledWinRate.toFixed(2)}`
      } (${rate.comparisons} comparisons, ${
        rate.meanLengthDifference.toFixed(0)
      } longer on average)`,
    );
  }
}
