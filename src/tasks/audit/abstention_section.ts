import { heldOutAbstention } from "../../calibration/abstention.ts";
import { AssayError } from "../../error.ts";
import { decisionOf } from "../calibrate/abstain_rows.ts";
import type { AbstentionSection, Section } from "./audit_report.ts";
import type { AuditedRows } from "./audited_rows.ts";
import { auditSeed } from "./cluster_means.ts";

/** Errors that are allowed among the rows that are decided. */
const risks = [0.01, 0.05, 0.1];

/**
 * What leaving rows undecided comes to: for each risk a threshold of the margin, fitted on a random half
 * of the labelled rows and measured on the other.
 *
 * @param rows The model's rows.
 * @param command What fits such a threshold on all rows.
 */
export function abstentionSection(
  { labels }: AuditedRows,
  command: string,
): Section<AbstentionSection> {
  if (labels.length < 2) return { missing: "rows whose right answer is known" };
  const decisions = Array.from(labels, ({ scores, correct }) => decisionOf(scores, correct));
  try {
    const reports = risks.map((risk) => {
      const { tested: _, ...report } = heldOutAbstention(decisions, { risk, seed: auditSeed });
      return report;
    });
    return { command, reports };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { missing: `margins that a threshold can be fitted to: ${error.message}` };
  }
}
