import type { EvaluatedGroup } from "../../evaluation/evaluation.ts";
import type { RowEvaluation } from "../../tasks/evaluate/evaluate_rows.ts";
import type { Output } from "../output.ts";
import { writeGoldCurves } from "../gold_curve_table.ts";
import { table } from "../table.ts";

/** Writes the result as tables for people, on standard output. */
export async function writeResultTable(result: RowEvaluation, output: Output): Promise<void> {
  const { report, isCalibrated, gold } = result;
  if (report.groups.length > 0) {
    const after = isCalibrated ? ["calibrated#"] : [];
    const header = ["group", "name", "rows#", "accuracy#", ...after, "longer wins#"];
    const lines = table(output, [...header, "shorter wins#"]);
    for (const group of report.groups) {
      await lines.add(groupCells(group, isCalibrated), missingOf(group));
    }
    await lines.close();
  }
  if (gold !== null) await writeGoldCurves(gold, output);
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
