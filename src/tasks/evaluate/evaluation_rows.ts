import type { Interval } from "../../numbers/bootstrap.ts";
import type { Row } from "../../data/rows.ts";
import type { GoldCurves } from "../../voting/gold_curve.ts";
import type { RowEvaluation } from "./evaluate_rows.ts";

/**
 * An evaluation as rows: one per group, then one per point of the best-of-n curve, then where each of
 * its curves peaks.
 */
export function evaluationRows(result: RowEvaluation): Row[] {
  const { report, isCalibrated, gold } = result;
  return [
    ...report.groups.map((group) => ({
      group: group.group,
      name: group.name,
      rows: group.rows,
      accuracy: group.accuracy,
      ...(isCalibrated ? { calibrated_accuracy: group.calibrated } : {}),
      longer_wins: group.longerWins,
      shorter_wins: group.shorterWins,
      ...(group.missing.length > 0 ? { missing: group.missing } : {}),
    })),
    ...(gold === null ? [] : [...pointRows(gold), ...peakRows(gold)]),
  ];
}

/** An evaluation as one object, as `assay evaluate --summary` writes it. */
export function evaluationSummary(result: RowEvaluation): Row {
  const { report, rows } = result;
  const all = evaluationRows(result);
  const isPoint = ({ group }: Row) => group === "best_of";
  const isPeak = ({ group }: Row) => group === "best_of_peak";
  return {
    rows,
    tie: report.tie,
    tied_rows: report.tiedRows,
    groups: all.filter((row) => !isPoint(row) && !isPeak(row)),
    best_of: all.filter(isPoint).map(({ group: _, ...point }) => point),
    ...(result.gold === null ? {} : { gold: result.gold }),
  };
}

function pointRows({ curves: [scores, calibrated] }: GoldCurves): Row[] {
  return (scores?.points ?? []).map(({ n, kl, gold, proxy }, place) => ({
    group: "best_of",
    m: n,
    ...withInterval("quality", gold),
    ...(calibrated && withInterval("calibrated_quality", calibrated.points[place]!.gold)),
    kl,
    proxy,
  }));
}

function peakRows({ curves, prompts, left_out }: GoldCurves): Row[] {
  return curves.map(({ proxy, peak, drop, over_optimised, gain }) => ({
    group: "best_of_peak",
    name: proxy,
    rows: prompts,
    left_out,
    m: peak.n,
    quality: peak.gold,
    kl: peak.kl,
    ...withInterval("drop", drop),
    over_optimised,
    ...(gain && withInterval("gain", gain)),
  }));
}

function withInterval(name: string, { estimate, low, high }: Interval): Row {
  return { [name]: estimate, [`${name}_low`]: low, [`${name}_high`]: high };
}
