import { AssayError } from "../error.ts";
import type { CalibrationMethod } from "./artifact.ts";
import { type DegenerateRule, mostPasses } from "./lowess.ts";
import { missingFeature, type Pool } from "./pool.ts";
import { ownValue } from "../own_value.ts";
import {
  amount,
  checkOptions,
  either,
  finite as finiteNumber,
  flag,
  numberIn,
  object,
  oneOf,
  type OptionKind,
  text,
  wholeFrom,
} from "../check_options.ts";

/** Options of `fit`. */
export interface FitOptions {
  /** How the bias is estimated. Default `"lwr"`. */
  readonly method?: CalibrationMethod | undefined;
  /** Features to correct for, in this order. Default: all features of the pool. */
  readonly features?: readonly string[] | undefined;
  /**
   * Calibration constant γ, for all features or by feature name; `"auto"` chooses one by
   * cross-validation on the pool's pairs. Default 1.
   */
  readonly gamma?: number | Readonly<Record<string, number>> | "auto" | undefined;
  /** Back-fitting rounds over several features. Default 1, one pass in order. */
  readonly cycles?: number | undefined;
  /** Back-fitting stops early when no correction changes by more than this. Default 1e-6. */
  readonly tolerance?: number | undefined;
  /** LOWESS: share of the rows in each window. Default 0.9. */
  readonly frac?: number | undefined;
  /** LOWESS: robustness passes. Default 3. */
  readonly iterations?: number | undefined;
  /**
   * LOWESS: distance within which fits are interpolated. Default `"auto"`: 0, exact, unless there
   * are more than 20,000 distinct feature values; then 0.001 of their range.
   */
  readonly delta?: number | "auto" | undefined;
  /** LOWESS: see `lowess`. Default `"mean"`; `"first"` is what statsmodels does. */
  readonly degenerate?: DegenerateRule | undefined;
  /** RC-Mean: the window's half width is the mean distance of a pair over this. Default 4. */
  readonly ratio?: number | undefined;
  /** RC-Mean: the window's half width itself, instead of `ratio`. */
  readonly halfWidth?: number | undefined;
  /** RC-Mean: rows a window needs, or the row (and its pair) stays as it was. Default 20. */
  readonly minimumCount?: number | undefined;
  /**
   * `"repo"`: RC-Mean's window as in the authors' released code, without its last row. Default
   * `"paper"`, the full window.
   */
  readonly compat?: "paper" | "repo" | undefined;
  /** With `compat: "repo"`: seed of the shuffle that decides between ties; none: input order. */
  readonly seed?: number | undefined;
  /** Length penalty: score per unit of the penalty's feature. Default 0.001. */
  readonly penalty?: number | undefined;
  /**
   * Length penalty: feature it counts. Default `templated_length` if the pool has it, as published,
   * else the first feature.
   */
  readonly penaltyFeature?: string | undefined;
  /**
   * Length penalty: `"score"` subtracts it as it is, `"deviation"` times the standard deviation of
   * the scores, which is the penalty of z-normalised scores. Default `"score"`.
   */
  readonly penaltyUnit?: "score" | "deviation" | undefined;
  /**
   * Whether calibrated scores keep the mean of the scores. False gives the published formula
   * r − γ·r̂(c), whose mean is near 0; margins are the same. Default true, except for the method
   * `"penalty"`, which needs no pool.
   */
  readonly center?: boolean | undefined;
  /** Fit even with fewer rows than the method's minimum. Default false. */
  readonly force?: boolean | undefined;
}

/** Options of `fit` with every default filled in, `gamma` resolved to one number per feature. */
export interface FitSettings {
  readonly method: CalibrationMethod;
  readonly features: readonly string[];
  readonly gamma: Readonly<Record<string, number>>;
  readonly cycles: number;
  readonly tolerance: number;
  readonly frac: number;
  readonly iterations: number;
  readonly delta: number | "auto";
  readonly degenerate: DegenerateRule;
  readonly ratio: number;
  readonly halfWidth: number | undefined;
  readonly minimumCount: number;
  readonly compat: "paper" | "repo";
  readonly seed: number | undefined;
  readonly penalty: number;
  readonly penaltyFeature: string;
  readonly penaltyUnit: "score" | "deviation";
  readonly center: boolean;
  readonly force: boolean;
}

const gammas: OptionKind = {
  expected: 'a finite number, "auto", or a finite number by feature',
  accepts: (value) =>
    value === "auto" || finiteNumber.accepts(value) ||
    (object.accepts(value) && Object.values(value as object).every(finiteNumber.accepts)),
};

const fitKinds: Readonly<Record<string, OptionKind>> = {
  features: object,
  gamma: gammas,
  frac: numberIn("a share above 0, up to 1", (x) => x > 0 && x <= 1),
  delta: either(amount, oneOf("auto")),
  degenerate: oneOf("first", "mean"),
  compat: oneOf("paper", "repo"),
  seed: wholeFrom(0),
  penaltyFeature: text,
  penaltyUnit: oneOf("score", "deviation"),
  center: flag,
  force: flag,
  tie: oneOf("half", "wrong", "random"),
};

/**
 * Fills in the defaults and checks every option against the pool.
 *
 * @param pool The pool to fit on.
 * @param options What the caller asked for; `gamma: "auto"` is read as 1 here.
 * @throws {AssayError} `calibration/bad-option`, `calibration/missing-feature`.
 */
export function resolveSettings(pool: Pool, options: FitOptions): FitSettings {
  checkOptions("calibration/bad-option", "fit a calibrator", options, fitKinds);
  const present = Object.keys(pool.features);
  const method = options.method ?? "lwr";
  if (!["mean", "lwr", "lwr-penalty", "penalty"].includes(method)) {
    throw badOption("a method of mean, lwr, lwr-penalty, penalty", method);
  }
  const asked = options.features ?? present;
  if (asked.length === 0) throw missingFeature("length", present);
  const templated = Object.hasOwn(pool.features, "templated_length");
  const penaltyFeature = options.penaltyFeature ?? (templated ? "templated_length" : asked[0]!);
  const features = method === "penalty" ? [penaltyFeature] : asked;
  for (const name of new Set([...features, ...(usesPenalty(method) ? [penaltyFeature] : [])])) {
    if (!Object.hasOwn(pool.features, name)) throw missingFeature(name, present);
  }
  if (new Set(features).size !== features.length) {
    throw badOption("each feature once", features.join(", "));
  }
  return {
    method,
    features,
    gamma: gammaByFeature(features, options.gamma ?? 1),
    cycles: whole("cycles", options.cycles ?? 1, 1, mostPasses),
    tolerance: atLeastZero("tolerance", options.tolerance ?? 1e-6),
    frac: options.frac ?? 0.9,
    iterations: whole("iterations", options.iterations ?? 3, 0, mostPasses),
    delta: options.delta === undefined || options.delta === "auto"
      ? "auto"
      : atLeastZero("delta", options.delta),
    degenerate: options.degenerate ?? "mean",
    ratio: positive("ratio", options.ratio ?? 4),
    halfWidth: options.halfWidth === undefined
      ? undefined
      : atLeastZero("halfWidth", options.halfWidth),
    minimumCount: whole("minimumCount", options.minimumCount ?? 20, 1),
    compat: options.compat ?? "paper",
    seed: options.seed,
    penalty: finite("penalty", options.penalty ?? 0.001),
    penaltyFeature,
    penaltyUnit: options.penaltyUnit ?? "score",
    center: options.center ?? method !== "penalty",
    force: options.force ?? false,
  };
}

/** Whether a method subtracts a length penalty. */
export function usesPenalty(method: CalibrationMethod): boolean {
  return method === "penalty" || method === "lwr-penalty";
}

function gammaByFeature(
  features: readonly string[],
  gamma: number | Readonly<Record<string, number>> | "auto",
): Record<string, number> {
  return Object.fromEntries(features.map((name) => {
    const value = gamma === "auto"
      ? 1
      : typeof gamma === "number"
      ? gamma
      : ownValue(gamma, name) ?? 1;
    return [name, finite("gamma", value)];
  }));
}

function finite(name: string, value: number): number {
  if (!Number.isFinite(value)) throw badOption(`a finite ${name}`, value);
  return value;
}

function atLeastZero(name: string, value: number): number {
  if (!(value >= 0 && Number.isFinite(value))) throw badOption(`${name} of 0 or more`, value);
  return value;
}

function positive(name: string, value: number): number {
  if (!(value > 0 && Number.isFinite(value))) throw badOption(`${name} above 0`, value);
  return value;
}

function whole(name: string, value: number, least: number, most = Infinity): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    const range = most === Infinity ? `of ${least} or more` : `from ${least} to ${most}`;
    throw badOption(`${name} as a whole number ${range}`, value);
  }
  return value;
}

function badOption(expected: string, found: unknown): AssayError {
  return new AssayError(
    "calibration/bad-option",
    `Cannot fit a calibrator: expected ${expected}, found ${found}`,
  );
}
