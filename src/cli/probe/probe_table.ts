import type { Interval } from "../../numbers/bootstrap.ts";
import { percent } from "../../numbers/percent.ts";
import type { Change } from "../../probing/change.ts";
import type { ChangeReport, ProbeReport } from "../../probing/probe_report.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";

/** Writes what a probe found as a table for people, on standard output. */
export async function writeProbeTable(report: ProbeReport, output: Output): Promise<void> {
  const hasFlips = report.changes.some(({ flips }) => flips !== null);
  const flips = hasFlips ? ["loser alone#", "winner alone#", "all#"] : [];
  const lines = table(output, ["change", "of", "rows#", "score change#", "95 %", ...flips]);
  for (const change of report.changes) {
    await lines.add([
      change.change,
      change.target,
      String(change.rows),
      signed(change.scoreChange.estimate),
      ends(change.scoreChange, signed),
      ...(hasFlips ? flipCells(change) : []),
    ]);
  }
  await lines.close();
}

/** Writes the list of changes, for `--list`. */
export async function writeChangeList(changes: readonly Change[], output: Output): Promise<void> {
  const lines = table(output, ["change", "kind", "of", "what it does"]);
  for (const { name, kind, target, summary } of changes) {
    await lines.add([name, kind, target, summary]);
  }
  await lines.close();
}

/** What people should know beside the table, a line each. */
export function probeNotes(report: ProbeReport): string[] {
  const { pool, noise, conversations, prompts, answerOrder, draws, seed } = report;
  return [
    `score changes are in standard deviations of the ${pool.responses} responses' scores ` +
    `(${
      decimal(pool.deviation)
    }); intervals of 95 % by ${draws} draws over ${prompts} prompts, seed ${seed}`,
    "preferences that flip: the best response against each other one, where the loser alone, the " +
    "winner alone or everything is changed",
    `${noise.repeated} responses were scored twice among the others: ${noise.different} got another ` +
    `number${noise.different === 0 ? ", so every flip is the model's" : ""}`,
    `the order of answers ${answerOrder}`,
    `${conversations} conversations scored`,
  ];
}

function flipCells({ flips }: ChangeReport): string[] {
  return [flips?.loser, flips?.winner, flips?.both].map((flip) =>
    flip === undefined || flip === null
      ? ""
      : `${percent(flip.estimate)}${flip.low === null ? "" : ` [${ends(flip, percent)}]`}`
  );
}

function ends({ low, high }: Interval, show: (value: number | null) => string): string {
  return low === null || high === null ? "–" : `${show(low)} to ${show(high)}`;
}

function signed(value: number | null): string {
  return value === null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}

function decimal(value: number | null): string {
  return value === null ? "–" : value.toFixed(4);
}
