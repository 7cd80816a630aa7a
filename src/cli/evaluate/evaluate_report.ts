import type { Row } from "../../data/rows.ts";
import type { EvaluatedGroup, EvaluationReport } from "../../evaluation/evaluation.ts";
import type { BestOfPoint } from "../../voting/best_of_curve.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";

/** What an evaluation found. */
export interface EvaluateResult {
  /** Accuracies. */
  readonly report: EvaluationReport;
  /** Rows read, and those of them that could not be evaluated. */
  readonly rows: { readonly read: number; readonly failed: number };
  /** Whether there is a calibrator to compare with. */
  readonly isCalibrated: boolean;
  /** Expected quality of the best of m by the scores; empty without qualities. */
  readonly bestOf: readonly BestOfPoint[];
  /** The same by the calibrated scores; empty without a calibrator. */
  readonly calibratedBestOf: readonly BestOfPoint[];
}

/** The result as rows: one per group, then one per point of the best-of-m curve. */
export function resultRows(result: EvaluateResult): Row[] {
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

/** The result as `--summary` writes it. */
export function resultSummary(result: EvaluateResult): Row {
  const { report, rows } = result;
  const all = resultRows(result);
  const isPoint = ({ group }: Row) => group === "best_of";
  return {
    rows,
    tie: report.tie,
    tied_rows: report.tiedRows,
    groups: all.filter((row) => !isPoint(row)),
    best_of: all.filter(isPoint).map(({ group: _, ...point }) => point),
  };
}

/** Writes the result as tables for people, on standard output. */
export async function writeResultTable(result: EvaluateResult, output: Output): Promise<void> {
  const { report, isCalibrated, bestOf, calibratedBestOf } = result;
  if (report.groups.length > 0) {
    const after = isCalibrated ? ["calibrated#"] : [];
    const header = ["group", "name", "rows#", "accuracy#", ...after, "longer wins#"];
    const lines = table(output, [...header, "shorter wins#"]);
    for (const group of report.groups) {
      await lines.add(groupCells(group, isCalibrated), missingOf(group));
    }
    await lines.close();
  }
  if (bestOf.length === 0) return;
  const after = isCalibrated ? ["calibrated#"] : [];
  const points = table(output, ["best of#", "quality#", ...after, "KL#"]);
  for (const [index, { m, value, kl }] of bestOf.entries()) {
    const calibrated = isCalibrated ? [calibratedBestOf[index]!.value.toFixed(4)] : [];
    await points.add([String(m), value.toFixed(4), ...calibrated, kl.toFixed(3)]);
  }
  await points.close();
}

function groupCells(group: EvaluatedGroup, isCalibrated: boolean): string[] {
  return [
    group.group,
    group.name,
    String(group.rows),
    percent(group.accuracy),
    ...(isCalibrated ? [percent(group.calibrated)] : []),
    percent(group.longerWins),
    percent(group.shorterWins),
  ];
}

function missingOf({ missing }: EvaluatedGroup): string[] {
  return missing.length === 0 ? [] : [`without ${missing.join(", ")}`];
}

function percent(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(2)} %`;
}
