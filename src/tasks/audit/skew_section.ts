import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { ownValue } from "../../own_value.ts";
import { type SkewReport, SkewTally } from "../../probing/skew.ts";
import { traitOfRow } from "../probe/skew_rows.ts";
import type { Section, SkewSection } from "./audit_report.ts";
import { auditSeed } from "./cluster_means.ts";

/** Gathers scored counterfactual pairs among rows: those that name a trait and the response that has it. */
export class AuditedSkew {
  readonly #tally = new SkewTally({ seed: auditSeed });

  /**
   * Takes a row of two scored responses, where it is such a pair.
   *
   * @param row The row.
   * @param scores Its two scores.
   * @param cluster Its prompt's number.
   */
  add(row: Row, [first, second]: readonly [number, number], cluster: number): void {
    const named = ["bias", "with_trait"].map((column) => ownValue(row, column) ?? null);
    if (named.includes(null) || named.includes("")) return;
    try {
      const { trait, side, human } = traitOfRow(row);
      const margin = side === 0 ? first - second : second - first;
      this.#tally.add({ trait, prompt: String(cluster), margin, human });
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      this.#tally.addFailed(error);
    }
  }

  /** What they show; `undefined` where no row was such a pair. */
  report(): SkewReport | undefined {
    const report = this.#tally.report();
    return report.rows.read === 0 ? undefined : report;
  }
}

/**
 * How often traits win in pairs that differ in them alone.
 *
 * @param report What was gathered.
 * @param command What gives the same numbers.
 */
export function skewSection(report: SkewReport | undefined, command: string): Section<SkewSection> {
  if (report === undefined) {
    return {
      missing:
        "counterfactual pairs: two scored responses, bias (the trait that they differ in) and " +
        "with_trait (the response that has it)",
    };
  }
  if (report.traits.length > 0) return { command, ...report };
  return { missing: `counterfactual pairs that can be used: ${report.firstFailure?.message}` };
}
