import type { Row } from "../../data/rows.ts";
import type { RowEvaluation } from "./evaluate_rows.ts";

/** An evaluation as rows: one per group, then one per point of the best-of-m curve. */
export function evaluationRows(result: RowEvaluation): Row[] {
  const { report, isCalibrated, bestOf, calibratedBestOf } = result;
  return [
    ...report.groups.map((group) => ({
      group: group.group,
      name: group.name,
      rows: group.rows,
      accuracy: group.accuracy,
      ...(isCalibrated ? { calibrated_accuracy: group.calibrated } : {}),
      longer_wins: group.longerWins,
      shorter_wins: group.shorterWins,
      ...(group.missing.length > 0 ? { missing: group.missing } : {}),
    })),
    ...bestOf.map(({ m, value, kl }, index) => ({
      group: "best_of",
      m,
      quality: value,
      ...(isCalibrated ? { calibrated_quality: calibratedBestOf[index]!.value } : {}),
      kl,
    })),
  ];
}

/** An evaluation as one object, as `assay evaluate --summary` writes it. */
export function evaluationSummary(result: RowEvaluation): Row {
  const { report, rows } = result;
  const all = evaluationRows(result);
  const isPoint = ({ group }: Row) => group === "best_of";
  return {
    rows,
    tie: report.tie,
    tied_rows: report.tiedRows,
    groups: all.filter((row) => !isPoint(row)),
    best_of: all.filter(isPoint).map(({ group: _, ...point }) => point),
  };
}
