import type { LengthControlledWinRate } from "../../calibration/length_controlled.ts";
import type { WinRate } from "../../calibration/win_rate.ts";
import { calibratePreferences } from "../../tasks/calibrate/calibrate_preferences.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import type { Output } from "../output.ts";
import type { ProgressBar } from "../progress_bar.ts";
import type { CalibrateFlags } from "./calibrate_flags.ts";
import { calibrateTable } from "./calibrate_table.ts";
import { writeRows } from "./write_calibrated.ts";
import { ownValue } from "../../own_value.ts";

/**
 * `assay calibrate --preferences`: adds `calibrated_preference` to a judge's preferences against a
 * baseline, and tells every model's win rate as it came, calibrated, and length-controlled.
 *
 * @param input A path, or `-` for standard input.
 * @param flags The command's flags.
 * @param output Where output goes.
 * @param bar Shows how far the reading is.
 */
export async function writeCalibratedPreferences(
  input: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  let doing = "reading";
  const rows = await openRows(input, {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: ({ read, byteLength }) => bar.update(doing, read, byteLength),
  });
  const calibrated = await calibratePreferences(rows, {
    columns: flags.column,
    gamma: typeof flags.gamma === "number" ? flags.gamma : undefined,
    frac: flags.frac,
    iterations: flags.iterations,
  });
  doing = "calibrating";
  await writeRows(calibrated.rows(), calibrateTable, flags, output);
  const { overall, models, knots } = calibrated.winRates;
  const lengthControlled = calibrated.lengthControlled();
  await report(overall, models, lengthControlled, output);
  if (flags.summary !== undefined) {
    const summary = { overall, models, lengthControlled, knots };
    await writeTextFile(flags.summary, JSON.stringify(summary, null, 2) + "\n");
  }
}

async function report(
  overall: WinRate,
  models: Readonly<Record<string, WinRate>>,
  controlled: Readonly<Record<string, LengthControlledWinRate>>,
  output: Output,
): Promise<void> {
  const named = Object.keys(models).length === 0 ? { all: overall } : models;
  for (const [model, rate] of Object.entries(named)) {
    const length = ownValue(controlled, model);
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
