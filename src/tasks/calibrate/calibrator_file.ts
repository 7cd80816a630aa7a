import { Abstention } from "../../calibration/abstention.ts";
import { Calibrator } from "../../calibration/calibrator.ts";
import { ConformalIntervals } from "../../calibration/conformal.ts";
import { AssayError } from "../../error.ts";
import { writeTextFile } from "../text_file.ts";
import { failureOf, permissionAdvice } from "../../runtime/failure.ts";
import { files } from "../../runtime/files.ts";

/**
 * Reads a calibrator that {@linkcode writeCalibrator} or `assay calibrate --fit` saved.
 *
 * @example
 * ```ts
 * import { fitCalibrator, readCalibrator, rowsInMemory, writeCalibrator } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const scored = Array.from({ length: 40 }, (_, i) => ({ score: i % 7 + i / 50, length: i }));
 * const { calibrator } = await fitCalibrator(rowsInMemory(scored).read());
 * const path = await Deno.makeTempFile({ suffix: ".json" });
 * await writeCalibrator(path, calibrator);
 * assert.deepEqual((await readCalibrator(path)).features, ["length"]);
 * ```
 *
 * @param path The file.
 * @throws {AssayError} `calibration/bad-calibrator`, `calibration/unsupported-version`.
 */
export async function readCalibrator(path: string): Promise<Calibrator> {
  return Calibrator.parse(await readText(path), path);
}

/**
 * Reads whatever `assay calibrate --fit` saved, told by its `format`: a calibrator, conformal intervals
 * (`--conformal`) or a threshold for abstaining (`--abstain`).
 *
 * @param path The file.
 * @throws {AssayError} `calibration/bad-calibrator`, `calibration/unsupported-version`.
 */
export async function readFitted(
  path: string,
): Promise<Calibrator | ConformalIntervals | Abstention> {
  const text = await readText(path);
  const format = formatOf(text);
  if (format === "assay-conformal") return ConformalIntervals.fromJSON(JSON.parse(text), path);
  if (format === "assay-abstention") return Abstention.fromJSON(JSON.parse(text), path);
  return Calibrator.parse(text, path);
}

function formatOf(text: string): unknown {
  try {
    return JSON.parse(text)?.format;
  } catch {
    return undefined; // the reading of a calibrator says what is wrong
  }
}

/**
 * Saves a calibrator, conformal intervals or a threshold, as `assay calibrate --fit` does.
 *
 * @param path The file, created or replaced.
 * @param calibrator What to save.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function writeCalibrator(
  path: string,
  calibrator: Calibrator | ConformalIntervals | Abstention,
): Promise<void> {
  await writeTextFile(path, JSON.stringify(calibrator, null, 1) + "\n");
}

async function readText(path: string): Promise<string> {
  try {
    return await files.readTextFile(path);
  } catch (cause) {
    const failure = failureOf(cause);
    const reason = failure === "not-found"
      ? "there is no such file"
      : failure === "not-capable"
      ? permissionAdvice(`--allow-read=${path}`)
      : String(cause);
    throw new AssayError(
      "calibration/bad-calibrator",
      `Cannot read the calibrator ${path}: ${reason}`,
      { cause },
    );
  }
}
