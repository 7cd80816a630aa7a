import type { Row } from "../data/rows.ts";
import { lastPart } from "../tasks/soup.ts";
import type { SoupSweep, SweepLine } from "../tasks/soup_sweep.ts";
import type { Output } from "./output.ts";
import { writeReportRows } from "./report_output.ts";
import { table, withEnds } from "./table.ts";

/**
 * Writes a sweep to standard output, a row for each average.
 *
 * @param report What was found.
 * @param format How; a table at a terminal, else JSON Lines.
 * @param output The command's output.
 */
export async function writeSweep(
  report: SoupSweep,
  format: "jsonl" | "table" | undefined,
  output: Output,
): Promise<void> {
  if (report.left_out > 0) {
    await output.warn(
      `${report.left_out} of ${
        report.pairs + report.left_out
      } rows are no pair that every model scores: ` +
        "they are left out",
    );
    output.rowFailed();
  }
  if ((format ?? (output.stdout.isTerminal ? "table" : "jsonl")) === "table") {
    await writeTable(report, output);
  } else await writeReportRows(sweepRows(report), output);
  for (const line of report.lines) await output.note(verdictOn(line));
}

function verdictOn({ from, to, connected }: SweepLine): string {
  const line = `the line from ${from} to ${to}`;
  return connected
    ? `no average on ${line} is surely below the line between its ends`
    : `averages on ${line} are below the line between its ends: these models should not be averaged`;
}

async function writeTable({ lines }: SoupSweep, output: Output): Promise<void> {
  const header = ["from", "to", "λ#", "accuracy#", "on the line#", "gain#"];
  const shown = table(output, header);
  for (const { from, to, points } of lines) {
    for (const { lambda, accuracy, expected, gain } of points) {
      const numbers = [withEnds(accuracy, percent), percent(expected), withEnds(gain, percent)];
      await shown.add([lastPart(from), lastPart(to), lambda.toFixed(2), ...numbers]);
    }
  }
  await shown.close();
}

function sweepRows({ lines, pairs }: SoupSweep): Row[] {
  return lines.flatMap(({ from, to, points }) =>
    points.map(({ lambda, accuracy, expected, gain }) => ({
      from,
      to,
      lambda,
      pairs,
      accuracy: accuracy.estimate,
      accuracy_low: accuracy.low,
      accuracy_high: accuracy.high,
      expected,
      gain: gain.estimate,
      gain_low: gain.low,
      gain_high: gain.high,
    }))
  );
}

function percent(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(2)} %`;
}
