import type { EvaluatedGroup } from "../../evaluation/evaluation.ts";
import type { RowEvaluation } from "../../tasks/evaluate/evaluate_rows.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";

/** Writes the result as tables for people, on standard output. */
export async function writeResultTable(result: RowEvaluation, output: Output): Promise<void> {
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
