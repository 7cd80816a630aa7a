import { AssayError } from "../../error.ts";
import { ReliabilityRows } from "../evaluate/reliability_rows.ts";
import type { ReliabilitySection, Section } from "./audit_report.ts";
import type { AuditedRows } from "./audited_rows.ts";
import { auditSeed } from "./cluster_means.ts";

/**
 * How well margins, read as log odds, tell how often the model is right.
 *
 * @param rows The model's rows.
 * @param command What gives the same numbers.
 */
export function reliabilitySection(
  { labels }: AuditedRows,
  command: string,
): Section<ReliabilitySection> {
  if (labels.length === 0) return { missing: "rows whose right answer is known" };
  const gathered = new ReliabilityRows();
  for (const label of labels) gathered.addLabelled(label, label.cluster);
  try {
    const { calibrated: _, ...report } = gathered.report({ seed: auditSeed });
    return { command, ...report };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { missing: `margins whose reliability can be told: ${error.message}` };
  }
}
