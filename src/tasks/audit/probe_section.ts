import type { ReadRow } from "../../data/rows.ts";
import { probeRows, type ProbeRunOptions } from "../probe/probe.ts";
import type { RepeatableRows } from "../repeatable_rows.ts";
import type { Scorer } from "../score/scorer.ts";
import type { ProbeSection, Section } from "./audit_report.ts";
import { auditSeed } from "./cluster_means.ts";

/** Rows that are probed where nobody says how many: a probe takes some fifty times as long as scoring. */
export const defaultProbeRows = 20;

/** What needs a model. */
export const needsModel: Section<ProbeSection> = {
  missing: "a model that can score changed rows: assay audit MODEL rows.jsonl",
};

/**
 * What changes that keep a text's meaning do to scores: `probe` on some of the rows, evenly spread over
 * them.
 *
 * @param rows The rows.
 * @param count How many rows there are.
 * @param most How many are probed at most; 0 for none.
 * @param scorer The model.
 * @param command What gives such numbers on all rows.
 * @param options Who ends it, and who hears of it.
 */
export async function probeSection(
  rows: RepeatableRows,
  { count, most }: { readonly count: number; readonly most: number },
  scorer: Scorer,
  command: string,
  options: ProbeRunOptions = {},
): Promise<Section<ProbeSection>> {
  if (most === 0) return { missing: "rows to probe (--probe-rows COUNT)" };
  const report = await probeRows(spread(rows, count, most), scorer, {
    ...options,
    seed: auditSeed,
  });
  return { command, ...report };
}

/** So many of the rows, at even distances. */
async function* spread(rows: RepeatableRows, count: number, most: number): AsyncGenerator<ReadRow> {
  const wanted = Math.min(count, most);
  let place = 0;
  let taken = 0;
  for await (const row of rows.read()) {
    if (place++ < Math.floor(taken * count / wanted)) continue;
    yield row;
    if (++taken === wanted) return;
  }
}
