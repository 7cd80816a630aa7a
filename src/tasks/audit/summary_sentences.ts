import { leastPairs } from "./length_section.ts";
import type { Interval } from "../../numbers/bootstrap.ts";
import { percent } from "../../numbers/percent.ts";
import {
  type AbstentionSection,
  type AccuracyChange,
  type AccuracySection,
  type BestOfSection,
  type CoverageSection,
  isMissing,
  type LengthSection,
  type ModelAudit,
  type ProbeSection,
  type ReliabilitySection,
  type SkewSection,
  type SummaryLine,
} from "./audit_report.ts";

/** Rank correlations below these are called nothing, weak and clear. */
const weak = 0.05;
const clear = 0.3;
/** Rows below which an accuracy is told with a warning. */
const fewRows = 100;

/**
 * What a reader should take away of one model, with no figure that its parts lack.
 *
 * @param model The parts.
 */
export function summaryLines(model: Omit<ModelAudit, "summary">): SummaryLine[] {
  const { accuracy, length, reliability, abstention, coverage, probe, skew, bestOf } = model;
  const lines: readonly (readonly [about: string, sentences: readonly string[]])[] = [
    ["Accuracy", isMissing(accuracy) ? [] : accuracySentences(accuracy)],
    ...(isMissing(length) ? [] : [
      ["Length", [biasSentence(length), ...directionSentence(length.changes)]],
      ["Calibration", [...changeSentence(length.changes), ...hurtSentence(length)]],
    ] as const),
    ["How sure", [
      ...(isMissing(reliability) ? [] : reliabilitySentences(reliability)),
      ...(isMissing(abstention) ? [] : abstentionSentences(abstention)),
      ...(isMissing(coverage) ? [] : coverageSentences(coverage)),
    ]],
    ["Probe", isMissing(probe) ? [] : probeSentences(probe)],
    ["Traits", isMissing(skew) ? [] : skewSentences(skew)],
    ["Best of n", isMissing(bestOf) ? [] : bestOfSentences(bestOf)],
  ];
  return lines.filter(([, sentences]) => sentences.length > 0)
    .map(([about, sentences]) => ({ about, text: sentences.join(" ") }));
}

function accuracySentences({ groups }: AccuracySection): string[] {
  const all = groups.find(({ group }) => group === "all");
  if (all === undefined) return [];
  const { accuracy, rows, longerWins, shorterWins, formattedWins } = all;
  const few = rows < fewRows ? `; ${count(rows, "row")} tell little` : "";
  const sentences = [
    `It picks the right response in ${withRange(accuracy)} of ${count(rows, "row")}${few}.`,
  ];
  if (longerWins !== null && shorterWins !== null) {
    const [[better, name]] = ([
      [longerWins, "longer response"],
      [shorterWins, "shorter response"],
      [formattedWins ?? 0, "response with the most Markdown"],
    ] as const).toSorted(([a], [b]) => b - a) as [[number, string]];
    const judged = accuracy.low !== null && accuracy.low > better
      ? "clearly less"
      : accuracy.high !== null && accuracy.high < better
      ? "clearly more, so the scores are worth less than a ruler"
      : "about as much";
    sentences.push(`Always taking the ${name} would give ${percent(better)}: ${judged}.`);
  }
  return sentences;
}

function biasSentence({ spearmanBefore: before, spearmanAfter: after }: LengthSection): string {
  if (before === null) {
    return "Its scores or their lengths are all the same: no length bias can be told.";
  }
  const size = Math.abs(before);
  const how = size < weak
    ? "hardly follow length"
    : `${size < clear ? "lean" : "lean strongly"} to ${before > 0 ? "long" : "short"} responses`;
  const left = after === null ? "" : `, ${signed(after, 2)} after calibration`;
  return `Its scores ${how} (rank correlation ${signed(before, 2)}${left}).`;
}

/** Right more often where the longer response is the better one: what a liking of length does. */
function directionSentence(changes: readonly AccuracyChange[]): string[] {
  const longer = changes.find(({ group }) => group === "longer is better");
  const shorter = changes.find(({ group }) => group === "shorter is better");
  if (longer?.before.estimate == null || shorter?.before.estimate == null) return [];
  return [
    `Where the longer response is the better one it is right in ${
      withRange(longer.before)
    }, where the shorter is, in ${withRange(shorter.before)}.`,
  ];
}

function changeSentence(changes: readonly AccuracyChange[]): string[] {
  const all = changes.find(({ group }) => group === "all");
  if (all === undefined || all.difference.estimate === null) return [];
  const { low, high } = all.difference;
  const verdict = low === null || high === null
    ? "too few rows to tell"
    : low > 0
    ? "a gain"
    : high < 0
    ? "a loss"
    : "no clear change";
  const parts = (["longer is better", "shorter is better"] as const).flatMap((group) => {
    const part = changes.find((change) => change.group === group);
    return part?.difference.estimate == null
      ? []
      : [`${points(part.difference.estimate)} where the ${group.split(" ")[0]} response is better`];
  });
  return [
    `Taking length out of its scores changes accuracy by ${
      pointsWithRange(all.difference)
    }, ${verdict}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}.`,
  ];
}

function hurtSentence({ changes, hurts }: LengthSection): string[] {
  const parts = changes.filter(({ group, rows, difference }) =>
    group !== "all" && rows >= leastPairs && difference.estimate !== null
  ).toSorted((a, b) => a.difference.estimate! - b.difference.estimate!);
  const worst = parts[0];
  if (worst === undefined) return [];
  const named = (change: AccuracyChange) =>
    `${partName(change)} (${pointsWithRange(change.difference)})`;
  const losses = parts.filter(({ name }) => hurts.includes(name));
  if (losses.length > 0) {
    const more = losses.length > 3 ? ` and ${losses.length - 3} more` : "";
    return [`It hurts ${losses.slice(0, 3).map(named).join(", ")}${more}.`];
  }
  if (worst.difference.estimate! >= 0) return ["It hurts nowhere."];
  return [`It clearly hurts nowhere; the most that it may cost is ${named(worst)}.`];
}

function reliabilitySentences(section: ReliabilitySection): string[] {
  const { accuracy, asGiven, fitted, refused, temperature } = section;
  const says = `Its margins, read as log odds, claim to be right in ${
    percent(asGiven.confidence)
  } and are in ${percent(accuracy.estimate)}: `;
  const gap = asGiven.confidence - (accuracy.estimate ?? asGiven.confidence);
  const error = pointsOff(asGiven.ece);
  const sentence = `${says}${
    Math.abs(gap) < 0.02 ? "about right" : gap > 0 ? "too sure" : "not sure enough"
  }, off by ${error} on average.`;
  if (fitted === null) {
    return [sentence, ...(refused === null ? [] : ["No temperature can be fitted to them."])];
  }
  return [
    sentence,
    `Divided by a temperature of ${plain(temperature.estimate)} they are off by ${
      pointsOff(fitted.ece)
    }.`,
  ];
}

/** A calibration error in points. Its interval is in the table: draws lie above it, as errors add up. */
function pointsOff({ estimate }: Interval): string {
  return estimate === null ? "–" : `${(100 * estimate).toFixed(1)} points`;
}

function plain(value: number | null): string {
  return value === null ? "–" : String(Number(value.toPrecision(3)));
}

/** The risk of 5 %, told for those who decide by the scores. */
function abstentionSentences({ reports }: AbstentionSection): string[] {
  const report = reports.find(({ risk }) => risk === 0.05);
  if (report === undefined || report.coverage === null) {
    return ["No margin keeps its errors below 5 %."];
  }
  const { coverage, decidedRisk } = report;
  return [
    `With at most 5 % errors it can decide ${
      percent(coverage)
    } of the rows, those of large margins (${percent(decidedRisk)} errors on rows held out).`,
  ];
}

/** The intervals for 90 % of the targets, which the command line beside them gives. */
function coverageSentences({ reports, target }: CoverageSection): string[] {
  const report = reports.find(({ nominal }) => nominal === 0.9) ?? reports[0];
  if (report === undefined) return [];
  const { nominal, coverage, meanWidth } = report;
  const width = meanWidth === null ? "" : ` and are ${plain(meanWidth)} wide`;
  return [
    `Conformal intervals made for ${percent(nominal)} of ${target} hold ${
      withRange(coverage)
    } of it on rows held out${width}.`,
  ];
}

function skewSentences({ traits }: SkewSection): string[] {
  const [most] = traits;
  if (most === undefined) return [];
  const { trait, skew, human, pairs } = most;
  const people = human === null ? "" : `; people do in ${withRange(human)}`;
  return [
    `Of ${count(traits.length, "trait")} that pairs differ in alone, it leans most ${
      (skew.estimate ?? 0.5) < 0.5 ? "against" : "to"
    } ${trait}: it prefers it in ${withRange(skew)} of ${count(pairs, "pair")}${people}.`,
  ];
}

function probeSentences({ changes, rows, noise }: ProbeSection): string[] {
  const clear = changes.filter(({ scoreChange: { low, high } }) =>
    (low ?? 0) > 0 || (high ?? 0) < 0
  );
  const [worst] = clear;
  const told = `${changes.length} changes that keep the meaning of ${count(rows.read, "row")}`;
  const noisy = noise.different === 0
    ? []
    : [`${noise.different} of ${noise.repeated} scores changed when they were computed once more.`];
  if (worst === undefined) return [`None of ${told} clearly moves its scores.`, ...noisy];
  const { change, summary, scoreChange, flips } = worst;
  const shares = flips?.loser ?? flips?.both ?? null;
  const flip = shares === null
    ? ""
    : `, and flips ${withRange(shares)} of preferences${
      flips?.loser ? " where only the response that lost is changed" : ""
    }`;
  return [
    `Of ${told}, ${clear.length} clearly move its scores, most of all ${change} (${summary}): by ${
      deviations(scoreChange)
    } standard deviations${flip}.`,
    ...noisy,
  ];
}

function deviations({ estimate, low, high }: Interval): string {
  if (estimate === null) return "–";
  const range = low === null || high === null ? "" : ` (${signed(low, 2)} to ${signed(high, 2)})`;
  return `${signed(estimate, 2)}${range}`;
}

function bestOfSentences({ quality, curves, n }: BestOfSection): string[] {
  return curves.flatMap(({ proxy, points, peak, over_optimised, drop }) => {
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined || points.length < 2) return [];
    const fall = over_optimised
      ? `; it falls after the best of ${peak.n}, by ${plain(-(drop.estimate ?? 0))}`
      : "";
    const name = proxy === "score" ? "its scores" : "calibrated scores";
    return [
      `The best of ${n} by ${name} has a mean ${quality} of ${plain(last.gold.estimate)}, one at ` +
      `random ${plain(first.gold.estimate)}${fall}.`,
    ];
  });
}

function partName({ group, name }: AccuracyChange): string {
  if (group === "subset") return `in ${name}`;
  return `where the ${group.split(" ")[0]} response is better`;
}

/** A share with its interval: `86.7 % (84.9 to 88.4 %)`. */
export function withRange({ estimate, low, high }: Interval): string {
  if (low === null || high === null) return percent(estimate);
  return `${percent(estimate)} (${(100 * low).toFixed(1)} to ${percent(high)})`;
}

/** A difference of shares with its interval: `+2.6 points (+1.2 to +4.1)`. */
export function pointsWithRange({ estimate, low, high }: Interval): string {
  if (estimate === null) return "–";
  if (low === null || high === null) return points(estimate);
  return `${points(estimate)} (${signed(100 * low, 1)} to ${signed(100 * high, 1)})`;
}

/** A difference of shares in points: `+2.6 points`. */
function points(share: number): string {
  return `${signed(100 * share, 1)} points`;
}

/** A number with its sign, and a minus that is one. */
export function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value > 0 ? "+" : "−"}${text}`;
}

function count(number: number, unit: string): string {
  return `${number.toLocaleString("en")} ${unit}${number === 1 ? "" : "s"}`;
}
