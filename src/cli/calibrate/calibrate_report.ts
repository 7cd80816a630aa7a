import type { Diagnostics } from "../../calibration/diagnostics.ts";
import type { FitDiagnostics } from "../../calibration/fit.ts";
import { type CalibrationPanel, drawCalibration } from "../../calibration/plot.ts";
import { calibrationPage, type PageContent } from "../../calibration/plot_page.ts";
import type { Output } from "../output.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { diagnosticLines } from "./calibrate_table.ts";

/** Tells people what a calibration did, on standard error. */
export async function reportDiagnostics(
  diagnostics: Diagnostics | FitDiagnostics,
  output: Output,
): Promise<void> {
  for (const line of diagnosticLines(diagnostics)) await output.note(line);
  for (const warning of diagnostics.warnings) await output.warn(warning);
}

/**
 * Draws panels into a file: SVG, or a web page where the name ends in `.html`.
 *
 * @throws {AssayError} `data/cannot-write`, `calibration/cannot-plot`.
 */
export async function writePlot(
  path: string,
  panels: readonly CalibrationPanel[],
  content: PageContent,
): Promise<void> {
  const picture = await drawCalibration(panels);
  const page = /\.html?$/i.test(path);
  await writeTextFile(path, page ? calibrationPage(picture, panels, content) : picture.svg);
}
