import type { ModelMismatch } from "../../calibration/elo_offsets.ts";
import { AssayError } from "../../error.ts";
import { percent } from "../../numbers/percent.ts";
import { calibrateRows } from "../../tasks/calibrate/calibrate_rows.ts";
import { writeCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { fitEloOffsets, readEloTable } from "../../tasks/calibrate/elo_rows.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import type { Output } from "../output.ts";
import type { ProgressBar } from "../progress_bar.ts";
import type { CalibrateFlags } from "./calibrate_flags.ts";
import { reportUnused } from "./unused_rows.ts";
import { writeCalibrated } from "./write_calibrated.ts";

/** Whether offsets by Elo were asked for; their flags by themselves mean nothing else. */
export function isElo({ elo, reference, modelColumn, promptColumn }: CalibrateFlags): boolean {
  return [elo, reference, modelColumn, promptColumn].some((flag) => flag !== undefined);
}

/**
 * `assay calibrate --elo`: fits an offset for each model, tells the mismatches, and writes the rows with
 * corrected scores.
 *
 * @param input A path, or `-` for standard input.
 * @param flags The command's flags.
 * @param output Where output goes.
 * @param bar Shows how far the reading is.
 */
export async function writeEloCalibrated(
  input: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const { elo, reference, modelColumn: feature, promptColumn, column: columns } = flags;
  if (elo === undefined || reference === undefined) {
    throw new AssayError("cli/usage", "Cannot calibrate: --elo and --reference need each other");
  }
  const table = await readEloTable(elo);
  let doing = "reading";
  const rows = await openRows(input, {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: ({ read, byteLength }) => bar.update(doing, read, byteLength),
  });
  const options = { elo: table, reference, feature, promptColumn, columns };
  const { calibrator, models, warnings, used } = await fitEloOffsets(rows.read(), options);
  bar.clear();
  await reportUnused(used, output);
  for (const warning of warnings) await output.warn(warning);
  for (const model of models) await output.note(lineOf(model, reference));
  if (flags.fit !== undefined) await writeCalibrator(flags.fit, calibrator);
  if (flags.summary !== undefined) {
    const summary = { reference, models, warnings, rows: used };
    await writeTextFile(flags.summary, JSON.stringify(summary, null, 2) + "\n");
  }
  doing = "calibrating";
  await writeCalibrated(calibrateRows(rows.read(), calibrator, { columns }), flags, output);
}

function lineOf(model: ModelMismatch, reference: string): string {
  const { winRate, eloWinRate, mismatchDegree, offset, correctedWinRate, prompts, ties } = model;
  return `${model.model} wins ${percent(winRate)} of ${prompts} prompts against ${reference}` +
    `${ties > 0 ? ` (${percent(ties)} equal)` : ""}, ${
      percent(eloWinRate)
    } by its rating: mismatch ` +
    `degree ${mismatchDegree.toFixed(4)}, offset ${offset.toFixed(4)}, then ${
      percent(correctedWinRate)
    }`;
}
