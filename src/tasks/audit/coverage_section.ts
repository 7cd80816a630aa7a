import { type ConformalCoverage, heldOutCoverage } from "../../calibration/conformal_coverage.ts";
import { AssayError } from "../../error.ts";
import type { CoverageSection, Section } from "./audit_report.ts";
import type { AuditedRows } from "./audited_rows.ts";
import { auditSeed } from "./cluster_means.ts";

/** Shares of targets that intervals may miss. */
const alphas = [0.05, 0.1, 0.2];

/**
 * How many targets conformal intervals hold: for each share that they may miss, fitted on a random half
 * of the rows with a target and measured on the other.
 *
 * @param rows The model's rows.
 * @param target Column with what a score, or a pair's margin, stands for, where one was named.
 * @param command What fits such intervals on all rows.
 */
export function coverageSection(
  { targets: { of, scores, targets } }: AuditedRows,
  target: string | undefined,
  command: string,
): Section<CoverageSection> {
  if (target === undefined) {
    return { missing: "rows with what a score or a margin stands for (--target COLUMN)" };
  }
  if (of === undefined || scores.length === 0) {
    return { missing: `a number in "${target}" for every score or margin of a row` };
  }
  const rows = Array.from(scores, (score, row) => ({ score, target: targets[row]! }));
  const reports: ConformalCoverage[] = [];
  let refused: AssayError | undefined;
  for (const alpha of alphas) {
    try {
      reports.push(heldOutCoverage(rows, { alpha, of, seed: auditSeed }));
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      refused ??= error;
    }
  }
  if (reports.length > 0) return { command, of, target, reports };
  return { missing: `rows that intervals can be fitted on: ${refused!.message}` };
}
