import { type Command, Option } from "commander";
import type { Interval } from "../../numbers/bootstrap.ts";
import type { SkewReport } from "../../probing/skew.ts";
import { skewReportRows, skewSummary } from "../../tasks/probe/probe_report_rows.ts";
import type { SkewOptions } from "../../tasks/probe/skew_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";
import { writeReportRows } from "../report_output.ts";
import { tellFailures } from "./report_output.ts";

/** The flags of `--skew`. */
export interface SkewFlags {
  readonly skew?: true | undefined;
  readonly trait?: string | undefined;
  readonly withTrait?: string | undefined;
  readonly human?: string | undefined;
}

/** What only a probe by changes takes. */
const ofChanges = [
  "list",
  "change",
  "standard",
  "lengths",
  "prefix",
  "suffix",
  "promptPrefix",
  "names",
  "paraphrases",
  "paraphraseColumn",
  "draws",
];

/** Adds the flags of {@link SkewFlags} to a command. */
export function addSkewFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--skew", "instead: how often a trait wins in pairs that differ in it alone")
        .conflicts(ofChanges),
    )
    .option("--trait <column>", "skew: column that names the trait (default: bias)")
    .option(
      "--with-trait <column>",
      "skew: column that tells which response has it: chosen, rejected, 0 or 1 (default: with_trait)",
    )
    .option(
      "--human <column>",
      "skew: column with people's share that prefers it (default: human)",
    );
}

/** The columns that the flags name. */
export function skewColumns({ trait, withTrait, human }: SkewFlags): SkewOptions {
  return { trait, withTrait, human };
}

/** Writes a report of skew as the flags say. */
export async function writeSkewReport(
  report: SkewReport,
  flags: { readonly summary?: string | undefined; readonly format?: string | undefined },
  output: Output,
): Promise<void> {
  await tellFailures(report, output);
  if (flags.summary !== undefined) {
    await writeTextFile(flags.summary, JSON.stringify(skewSummary(report), null, 2) + "\n");
  }
  const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
  if (format !== "table") return await writeReportRows(skewReportRows(report), output);
  const header = ["trait", "pairs#", "the trait wins#", "people prefer it#", "difference#"];
  const lines = table(output, [...header, "decided otherwise#"]);
  for (const { trait, pairs, skew, human, difference, disagreement } of report.traits) {
    const cells = [skew, human, difference, disagreement].map(shareCell);
    await lines.add([trait, String(pairs), ...cells]);
  }
  await lines.close();
}

function shareCell(interval: Interval | null): string {
  const { estimate, low, high } = interval ?? { estimate: null, low: null, high: null };
  if (estimate === null) return "";
  const percent = (share: number) => (100 * share).toFixed(1).replace("-", "−");
  const ends = low === null || high === null ? "" : ` [${percent(low)} to ${percent(high)}]`;
  return `${percent(estimate)} %${ends}`;
}
