import type { Calibrator } from "../../calibration/calibrator.ts";
import type { ReadRow } from "../../data/rows.ts";
import type { TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import type { EvaluationReport } from "../../evaluation/evaluation.ts";
import { drawReliability } from "../../evaluation/reliability_plot.ts";
import { evaluateRows } from "../../tasks/evaluate/evaluate_rows.ts";
import { evaluationRows, evaluationSummary } from "../../tasks/evaluate/evaluation_rows.ts";
import { ReliabilityRows } from "../../tasks/evaluate/reliability_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { largestOf } from "../best_of_options.ts";
import { leftOutWarning } from "../gold_curve_table.ts";
import type { Output } from "../output.ts";
import { writeResultTable } from "./evaluate_report.ts";
import { noteReliability, writeReliabilityTable } from "./reliability_report.ts";
import { tellLeftOut, writeReportRows } from "../report_output.ts";

/** The flags that rows of no benchmark are evaluated by. */
export interface PlainFlags {
  readonly tie?: TieRule | undefined;
  readonly quality?: string | undefined;
  readonly bestOf?: number | undefined;
  readonly column?: ReadonlyMap<string, string> | undefined;
  readonly subset: string;
  readonly reliability?: true | undefined;
  readonly plot?: string | undefined;
  readonly summary?: string | undefined;
  readonly format?: "jsonl" | "table" | undefined;
}

/**
 * Accuracies of scored rows by subset, beside the length baselines, on standard output.
 *
 * @param scored The rows.
 * @param clear Takes the progress bar away.
 */
export async function reportPlain(
  scored: AsyncIterable<ReadRow>,
  flags: PlainFlags,
  calibrator: Calibrator | undefined,
  output: Output,
  clear: () => void,
): Promise<void> {
  const { column: columns, subset, quality, tie = "half" } = flags;
  const options = { columns, subset, quality, calibrator };
  const isAsked = flags.reliability || flags.plot !== undefined;
  const gathered = isAsked ? new ReliabilityRows(options) : undefined;
  const result = await evaluateRows(gathered?.watch(scored) ?? scored, {
    ...options,
    bestOf: largestOf(flags),
    tie,
  });
  await tellLeftOut(result, output);
  clear();
  const warnings = [...warningsOf(result.report), ...leftOutWarning(result.gold)];
  for (const warning of warnings) await output.warn(warning);
  const reliability = gathered?.report();
  if (reliability !== undefined) await noteReliability(reliability, output);
  if (reliability !== undefined && flags.plot !== undefined) {
    await writeTextFile(flags.plot, await drawReliability(reliability));
  }
  if (flags.summary !== undefined) {
    const summary = { ...evaluationSummary(result), reliability };
    await writeTextFile(flags.summary, JSON.stringify(summary, null, 2) + "\n");
  }
  const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
  const added = reliability === undefined ? [] : [{ group: "reliability", ...reliability }];
  if (format !== "table") await writeReportRows([...evaluationRows(result), ...added], output);
  else {
    await writeResultTable(result, output);
    if (reliability !== undefined) await writeReliabilityTable(reliability, output);
  }
}

function warningsOf({ tie, tiedRows, leftOut, plainTies, groups }: EvaluationReport): string[] {
  const warnings: string[] = [];
  if (plainTies > 0) {
    warnings.push(
      `${plainTies} rows of the subset Ties count by the plain rule, and for no benchmark: ` +
        "RewardBench 2's own rule needs ids ref:N and tied:N",
    );
  }
  if (leftOut > 0) {
    warnings.push(
      `${leftOut} rows of the subset Ties are left out: expected prompts with both ref:N and tied:N, ` +
        "found none",
    );
  }
  if (tie === "half" && tiedRows > 0 && groups.some(({ group }) => group === "section")) {
    warnings.push(
      `equal scores in ${tiedRows} rows count one half; RewardBench's published figures count them ` +
        "wrong (--tie wrong)",
    );
  }
  return warnings;
}
