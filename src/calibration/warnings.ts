import type { Accuracy, Diagnostics } from "./diagnostics.ts";
import { percent } from "../numbers/percent.ts";
import { ownValue } from "../own_value.ts";

/** Rank correlations below this are taken for none. */
const weakCorrelation = 0.05;
/** Share of uncorrected rows from which it is worth a warning. */
const manyUncorrected = 0.1;
/** Pairs that a subset needs before its accuracy is worth a warning. */
const subsetPairs = 30;
/** Fall of a subset's accuracy that is worth a warning. */
const subsetFall = 0.02;

/**
 * What a user should know before trusting a calibration, in words.
 *
 * @param report The diagnostics so far.
 * @param corrected Features that were corrected for.
 */
export function diagnosticWarnings(
  report: Omit<Diagnostics, "warnings">,
  corrected: readonly string[],
): string[] {
  const warnings: string[] = [];
  if (report.dropped > 0) {
    warnings.push(
      `${report.dropped} of ${report.rows} rows have a NaN, infinite or missing score or feature; they are left out`,
    );
  }
  if (report.uncorrected > manyUncorrected * report.rows) {
    warnings.push(
      `${percent(report.uncorrected / report.rows)} of the rows have too few rows of similar ` +
        `${corrected.join(" or ")} and keep their score; the method "lwr" corrects every row`,
    );
  }
  for (const name of corrected) warnings.push(...correlationWarnings(name, report));
  if (report.accuracy !== undefined) warnings.push(...accuracyWarnings(report.accuracy));
  return warnings;
}

function correlationWarnings(name: string, report: Omit<Diagnostics, "warnings">): string[] {
  const correlation = ownValue(report.features, name);
  if (correlation === undefined) return [];
  const { spearmanBefore: before, spearmanAfter: after } = correlation;
  if (before === null) {
    return [`the rank correlation of score and ${name} is undefined: one of them is constant`];
  }
  const warnings: string[] = [];
  if (Math.abs(before) < weakCorrelation) {
    warnings.push(
      `the scores hardly follow ${name} (Spearman ${
        before.toFixed(3)
      }): there is little bias to remove`,
    );
  }
  if (after !== null && Math.abs(after) > Math.abs(before) + weakCorrelation) {
    warnings.push(
      `calibration made the correlation with ${name} stronger (Spearman ${before.toFixed(3)} to ${
        after.toFixed(3)
      }): try a smaller gamma or frac`,
    );
  }
  return warnings.concat(usefulCorrelation(name, before, report.accuracy));
}

/** Where better responses are longer and scores follow length, the correlation is also signal. */
function usefulCorrelation(
  name: string,
  before: number,
  accuracy: Diagnostics["accuracy"],
): string[] {
  if (accuracy === undefined || accuracy.comparedFeature !== name) return [];
  const { pairs, longerWins, shorterWins } = accuracy.overall;
  // Two standard errors of a share near a half.
  const chance = 1 / Math.sqrt(pairs);
  const more = longerWins - shorterWins;
  if (Math.abs(before) < weakCorrelation || Math.abs(more) <= 2 * chance) return [];
  if (Math.sign(more) !== Math.sign(before)) return [];
  const direction = more > 0 ? "more" : "less";
  return [
    `the better response has ${direction} ${name} in ${
      percent(Math.max(longerWins, shorterWins))
    } of the pairs and the scores lean the same way: part of what is removed is useful`,
  ];
}

function accuracyWarnings(accuracy: NonNullable<Diagnostics["accuracy"]>): string[] {
  const warnings: string[] = [];
  if (accuracy.overall.after < accuracy.overall.before) {
    warnings.push(`${fall("accuracy", accuracy.overall)}: try --gamma auto, or do not calibrate`);
  }
  for (const [name, subset] of Object.entries(accuracy.subsets)) {
    if (subset.pairs >= subsetPairs && subset.before - subset.after >= subsetFall) {
      warnings.push(fall(`accuracy on ${name}`, subset));
    }
  }
  return warnings;
}

function fall(what: string, { before, after, pairs }: Accuracy): string {
  return `${what} falls from ${percent(before)} to ${percent(after)} (${pairs} pairs)`;
}
