import { Calibrator } from "../../calibration/calibrator.ts";
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
 * Saves a calibrator, as `assay calibrate --fit` does.
 *
 * @param path The file, created or replaced.
 * @param calibrator The calibrator.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function writeCalibrator(path: string, calibrator: Calibrator): Promise<void> {
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
