import type { Calibrator } from "../../calibration/calibrator.ts";
import { AssayError } from "../../error.ts";
import { goldCurves } from "../../voting/gold_curve.ts";
import type { BestOfSection, Section } from "./audit_report.ts";
import { type AuditedRows, calibratedTogether } from "./audited_rows.ts";
import { auditSeed } from "./cluster_means.ts";

/**
 * What the best of n candidates by the scores is worth, and by the calibrated scores where there is a
 * calibrator.
 *
 * @param rows The model's rows.
 * @param quality Column with the candidates' qualities, where one was named.
 * @param calibrator The calibrator that was fitted on the rows.
 * @param command What gives the same numbers.
 */
export function bestOfSection(
  { candidates }: AuditedRows,
  quality: string | undefined,
  calibrator: Calibrator | undefined,
  command: string,
): Section<BestOfSection> {
  if (quality === undefined || candidates.length === 0) {
    return { missing: "rows of candidates with a quality for each (--quality COLUMN)" };
  }
  const proxies = calibrator === undefined ? ["score"] : ["score", "calibrated score"];
  const prompts = candidates.map(({ scores, gold, lengths }) => ({
    gold,
    scores: calibrator === undefined
      ? scores
      : [scores[0]!, calibratedTogether(scores[0]!, lengths, calibrator)],
  }));
  try {
    const curves = goldCurves(proxies, prompts, { seed: auditSeed });
    if (curves.prompts > 0) return { command, quality, ...curves };
    return { missing: "prompts whose candidates all have a finite score and quality" };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { missing: `curves of quality: ${error.message}` };
  }
}
