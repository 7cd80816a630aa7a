import { AssayError } from "../error.ts";
import { Curve, type Knots } from "./curve.ts";
import { automaticDelta } from "./backfitting.ts";
import { lowess } from "./lowess.ts";
import { sigmoid } from "../numbers/sigmoid.ts";

/** One judged comparison of a model's response with a baseline's. */
export interface JudgedComparison {
  /** Judge's probability, from 0 to 1, that the model's response is the better; ties are a half. */
  readonly preference: number;
  /** Length of the model's response minus the baseline's, in code points. */
  readonly lengthDifference: number;
  /** Model that answered, where several are judged. */
  readonly model?: string | undefined;
}

/** Options of {@linkcode calibrateWinRates}. */
export interface WinRateOptions {
  /** Calibration constant γ. Default 1. */
  readonly gamma?: number | undefined;
  /** LOWESS: share of the comparisons in each window. Default 0.9. */
  readonly frac?: number | undefined;
  /**
   * LOWESS: robustness passes. Default 0: preferences pile up at 0 and 1, and a robustness pass
   * would take the rarer outcome for outliers.
   */
  readonly iterations?: number | undefined;
  /**
   * `"probability"`: correct p itself and clip to [0, 1]. `"logit"`: correct log(p/(1−p)), which
   * stays inside by itself. Default `"probability"`.
   */
  readonly scale?: "probability" | "logit" | undefined;
  /** With `"logit"`: largest |logit|; a certain judge counts as this. Default 5. */
  readonly logitLimit?: number | undefined;
}

/** Win rates of one model against the baseline, in percent. */
export interface WinRate {
  /** Comparisons counted. */
  readonly comparisons: number;
  /** 100 · mean preference. */
  readonly winRate: number;
  /** Standard error of `winRate`, 100 · sd/√n; `null` for one comparison. */
  readonly standardError: number | null;
  /** 100 · mean calibrated preference. */
  readonly calibratedWinRate: number;
  /** Share of comparisons won (preference above a half), half of the ties. */
  readonly discreteWinRate: number;
  /** The same by calibrated preferences. */
  readonly calibratedDiscreteWinRate: number;
  /** Mean length of the model's responses minus the baseline's. */
  readonly meanLengthDifference: number;
}

/** The result of {@linkcode calibrateWinRates}. */
export interface CalibratedWinRates {
  /** One calibrated preference per comparison, from 0 to 1; NaN where an input is not finite. */
  readonly preferences: Float64Array;
  /** Over all comparisons. */
  readonly overall: WinRate;
  /** By model, where comparisons have one. */
  readonly models: Readonly<Record<string, WinRate>>;
  /** The fitted curve of preference (or its logit) by length difference. */
  readonly knots: Knots;
  /** Comparisons left out for a NaN or an infinity. */
  readonly dropped: number;
}

const LEAST_COMPARISONS = 10;

/**
 * Removes the length bias from an LLM judge's preferences against a baseline:
 * p* = clip(p − γ·(r̂(Δ) − r̂(0)), 0, 1), where r̂ is the LOWESS fit of the preference on the length
 * difference Δ over all comparisons given. The published description leaves the details open; this
 * is this project's reading of it.
 *
 * @example
 * ```ts
 * import { calibrateWinRates } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * // A judge that prefers whatever is longer, on responses 500 longer than the baseline's.
 * const comparisons = Array.from({ length: 60 }, (_, i) => {
 *   const lengthDifference = -400 + 30 * i;
 *   return { preference: 1 / (1 + Math.exp(-lengthDifference / 500)), lengthDifference };
 * });
 * const { overall } = calibrateWinRates(comparisons);
 * assert.ok(overall.winRate > 60);
 * assert.ok(Math.abs(overall.calibratedWinRate - 50) < 3);
 * ```
 *
 * @param comparisons The judged comparisons, of one model or of many.
 * @param options γ, LOWESS settings, scale.
 * @throws {AssayError} `calibration/too-few-rows` with fewer than 10 finite comparisons,
 *   `calibration/bad-preference` for a preference outside [0, 1], `calibration/bad-option`.
 */
export function calibrateWinRates(
  comparisons: readonly JudgedComparison[],
  options: WinRateOptions = {},
): CalibratedWinRates {
  const { gamma = 1, frac = 0.9, iterations = 0, scale = "probability", logitLimit = 5 } = options;
  if (!Number.isFinite(gamma) || !(logitLimit > 0)) {
    throw new AssayError(
      "calibration/bad-option",
      `Cannot calibrate win rates: expected a finite gamma and a logitLimit above 0, found ${gamma} and ${logitLimit}`,
    );
  }
  const usable = comparisons.filter(isUsable);
  checkComparisons(usable, comparisons.length);
  const forward = scale === "logit"
    ? (p: number) => Math.max(-logitLimit, Math.min(logitLimit, Math.log(p / (1 - p))))
    : (p: number) => p;
  const backward = scale === "logit" ? sigmoid : (p: number) => Math.min(1, Math.max(0, p));
  const differences = usable.map(({ lengthDifference }) => lengthDifference);
  const knots = curveOf(differences, usable.map((row) => forward(row.preference)), {
    frac,
    iterations,
  });
  const curve = new Curve(knots);
  const preferences = Float64Array.from(
    comparisons,
    (row) =>
      isUsable(row)
        ? backward(forward(row.preference) - gamma * (curve.at(row.lengthDifference) - curve.at(0)))
        : NaN,
  );
  return {
    preferences,
    ...summarize(comparisons, preferences),
    knots,
    dropped: comparisons.length - usable.length,
  };
}

function isUsable({ preference, lengthDifference }: JudgedComparison): boolean {
  return Number.isFinite(preference) && Number.isFinite(lengthDifference);
}

/** Refuses too few comparisons and preferences that are no probabilities. */
export function checkComparisons(usable: readonly JudgedComparison[], given: number): void {
  if (usable.length < LEAST_COMPARISONS) {
    throw new AssayError(
      "calibration/too-few-rows",
      `Cannot calibrate win rates: expected at least ${LEAST_COMPARISONS} comparisons with a finite preference and length difference, found ${usable.length} of ${given}`,
    );
  }
  for (const { preference } of usable) {
    if (preference < 0 || preference > 1) {
      throw new AssayError(
        "calibration/bad-preference",
        `Cannot calibrate win rates: expected preferences from 0 to 1, found ${preference} (AlpacaEval stores 1 to 2: subtract 1, and take 0 as a tie)`,
      );
    }
  }
}

function curveOf(
  differences: readonly number[],
  values: readonly number[],
  settings: { frac: number; iterations: number },
): Knots {
  const { x, fit } = lowess(differences, values, {
    ...settings,
    delta: automaticDelta(differences),
    degenerate: "mean",
  });
  const knots: { x: number[]; estimate: number[] } = { x: [], estimate: [] };
  for (let i = 0; i < x.length; i++) {
    if (i > 0 && x[i] === x[i - 1]) continue;
    knots.x.push(x[i]!);
    knots.estimate.push(fit[i]!);
  }
  return knots;
}

function summarize(
  comparisons: readonly JudgedComparison[],
  preferences: Float64Array,
): Pick<CalibratedWinRates, "overall" | "models"> {
  const rowsOfModel = new Map<string, number[]>();
  const all: number[] = [];
  comparisons.forEach((comparison, row) => {
    if (Number.isNaN(preferences[row])) return;
    all.push(row);
    if (comparison.model === undefined) return;
    const rows = rowsOfModel.get(comparison.model);
    if (rows === undefined) rowsOfModel.set(comparison.model, [row]);
    else rows.push(row);
  });
  const rateOf = (rows: readonly number[]) => winRateOf(rows, comparisons, preferences);
  return {
    overall: rateOf(all),
    models: Object.fromEntries([...rowsOfModel].map(([model, rows]) => [model, rateOf(rows)])),
  };
}

function winRateOf(
  rows: readonly number[],
  comparisons: readonly JudgedComparison[],
  preferences: Float64Array,
): WinRate {
  const raw = rows.map((row) => comparisons[row]!.preference);
  const calibrated = rows.map((row) => preferences[row]!);
  return {
    comparisons: rows.length,
    winRate: 100 * meanOf(raw),
    standardError: percentStandardError(raw),
    calibratedWinRate: 100 * meanOf(calibrated),
    discreteWinRate: 100 * meanOf(raw.map(outcome)),
    calibratedDiscreteWinRate: 100 * meanOf(calibrated.map(outcome)),
    meanLengthDifference: meanOf(rows.map((row) => comparisons[row]!.lengthDifference)),
  };
}

function outcome(preference: number): number {
  return preference > 0.5 ? 1 : preference === 0.5 ? 0.5 : 0;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * 100 · standard deviation (ddof 1) / √n.
 *
 * @param values Shares from 0 to 1.
 * @returns In percent; `null` for fewer than two values.
 */
export function percentStandardError(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const center = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return 100 * Math.sqrt(squares / (values.length - 1) / values.length);
}
