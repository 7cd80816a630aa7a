import type { Accuracy, Diagnostics } from "../../calibration/diagnostics.ts";
import type { FitDiagnostics } from "../../calibration/fit.ts";
import type { Row } from "../../data/rows.ts";
import { percent } from "../../numbers/percent.ts";
import type { RowTable } from "../row_output.ts";

/** What a calibration did, a line for each thing. */
export function diagnosticLines(diagnostics: Diagnostics | FitDiagnostics): string[] {
  const lines = Object.entries(diagnostics.features).map(([name, correlation]) =>
    `Spearman of score and ${name}: ${decimal(correlation.spearmanBefore)} before, ${
      decimal(correlation.spearmanAfter)
    } after${
      diagnostics.sampledRows === undefined ? "" : ` (on ${diagnostics.sampledRows} sampled rows)`
    }`
  );
  if ("idle" in diagnostics) {
    for (const [name, reason] of Object.entries(diagnostics.idle)) {
      lines.push(`${name} is not corrected: ${reason}`);
    }
  }
  const { share, basis } = diagnostics.preferencesChanged;
  lines.push(`preferences changed: ${percent(share)} of ${basis}`);
  if (diagnostics.accuracy !== undefined) lines.push(...accuracyLines(diagnostics.accuracy));
  if ("gammaChoice" in diagnostics && diagnostics.gammaChoice !== undefined) {
    const { gamma, heldOutAccuracy, folds } = diagnostics.gammaChoice;
    lines.push(
      `gamma ${gamma}, chosen by ${folds}-fold cross-validation (held-out accuracy of the choice: ${
        percent(heldOutAccuracy)
      })`,
    );
  }
  return lines;
}

function accuracyLines(accuracy: NonNullable<Diagnostics["accuracy"]>): string[] {
  const [more, less] = accuracy.comparedFeature === "length"
    ? ["longer", "shorter"]
    : [`more ${accuracy.comparedFeature}`, `less ${accuracy.comparedFeature}`];
  const change = ({ before, after }: Accuracy) =>
    `${percent(before)} before, ${percent(after)} after`;
  const { overall, whereLongerIsBetter, whereShorterIsBetter } = accuracy;
  const lines = [
    `accuracy on ${overall.pairs} pairs: ${change(overall)}; the ${more} one wins ${
      percent(overall.longerWins)
    }, the ${less} one wins ${percent(overall.shorterWins)}`,
  ];
  const parts = [[more, whereLongerIsBetter], [less, whereShorterIsBetter]] as const;
  for (const [name, part] of parts) {
    if (part === null) continue;
    lines.push(`accuracy where ${name} is better: ${change(part)} (${part.pairs} pairs)`);
  }
  return lines;
}

/** How calibrated rows look to people. */
export const calibrateTable: RowTable = {
  header: ["row", "shape", "score#", "calibrated#", "result", "note"],
  line(row: Row, number: number): readonly string[] {
    return [String(row.id ?? number), ...cellsOf(row), errorNote(row)];
  },
};

/** What went wrong with a row, in one line. */
export function errorNote(row: Row): string {
  const error = row.error as { code?: string; message?: string } | string | undefined | null;
  const note = typeof error === "object" && error !== null
    ? `${error.message} [${error.code}]`
    : error ?? "";
  return note.replace(/\s+/g, " ");
}

function cellsOf(row: Row): readonly string[] {
  if ("calibrated_margin" in row) {
    const before = Number(row.chosen_score ?? NaN) - Number(row.rejected_score ?? NaN);
    const after = row.calibrated_margin as number | null;
    const known = after !== null && Number.isFinite(before);
    const changed = known && Math.sign(before) !== Math.sign(after) ? "changed" : "";
    return ["pair", decimal(before), decimal(after), changed];
  }
  if (Array.isArray(row.calibrated_scores)) {
    const best = row.calibrated_best as number | null;
    const result = best === null ? "" : `response ${best + 1} is best`;
    return ["best of n", "", decimal(row.calibrated_scores[best ?? 0]), result];
  }
  if ("calibrated_score" in row) {
    return ["single", decimal(row.score), decimal(row.calibrated_score), ""];
  }
  if ("calibrated_preference" in row) {
    return ["preference", decimal(row.preference), decimal(row.calibrated_preference), ""];
  }
  return ["", "", "", ""];
}

function decimal(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  const number = Number(value);
  return Number.isFinite(number) ? number.toFixed(4) : "–";
}
