import { CALIBRATOR_VERSION } from "./artifact.ts";
import { automaticDelta, fitComponents } from "./backfitting.ts";
import { Calibrator } from "./calibrator.ts";
import { type Diagnostics, DiagnosticsCollector } from "./diagnostics.ts";
import { chooseGamma, type GammaChoice, type GammaOptions } from "./gamma.ts";
import { featureColumn, type Pool, type ScoredResponse } from "./pool.ts";
import { type FitOptions, type FitSettings, resolveSettings } from "./settings.ts";
import type { TieRule } from "./tie.ts";

/** Options of {@linkcode fit} that concern its diagnostics. */
export interface FitReportOptions {
  /** What equal scores count as in accuracies. Default `"half"`, with `compat: "repo"` `"wrong"`. */
  readonly tie?: TieRule | undefined;
  /** How `gamma: "auto"` searches. */
  readonly gammaSearch?: GammaOptions | undefined;
}

/** Diagnostics of a fit: what it did to its own pool, and how it was fitted. */
export interface FitDiagnostics extends Diagnostics {
  /** How γ was chosen, with `gamma: "auto"`. */
  readonly gammaChoice?: GammaChoice;
  /** Back-fitting rounds, and whether they converged. */
  readonly backfitting: { readonly cycles: number; readonly converged: boolean };
  /** Features that were not corrected, and why. */
  readonly idle: Readonly<Record<string, string>>;
}

/** The result of {@linkcode fit}. */
export interface Fit {
  /** The calibrator, to keep and to apply to new scores. */
  readonly calibrator: Calibrator;
  /** Calibrated scores of the pool itself; NaN where a score or feature is NaN or infinite. */
  readonly scores: Float64Array;
  /** What the calibration did to the pool. */
  readonly diagnostics: FitDiagnostics;
}

/**
 * Fits a calibrator on a pool of scored responses: post-hoc reward calibration (arXiv 2409.17407).
 * Labels are not needed; pairs, where the pool has them, add accuracies to the diagnostics, set
 * RC-Mean's window and allow `gamma: "auto"`.
 *
 * @example
 * ```ts
 * import { fit, poolOfPairs } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * // A judge that gives a point per 100 characters; the better answer is always the shorter one.
 * const pairs = Array.from({ length: 40 }, (_, i) => ({
 *   chosen: { score: 1 + (20 + 9 * i) / 100, features: { length: 20 + 9 * i } },
 *   rejected: { score: (220 + 7 * i) / 100, features: { length: 220 + 7 * i } },
 * }));
 * const { diagnostics } = fit(poolOfPairs(pairs), { method: "lwr", frac: 1 });
 * assert.ok(diagnostics.accuracy!.overall.before < diagnostics.accuracy!.overall.after);
 * ```
 *
 * @param pool Scored responses with their features.
 * @param options Method and settings; see {@linkcode FitOptions}.
 * @returns The calibrator, the calibrated pool, the diagnostics.
 * @throws {AssayError} `calibration/too-few-rows`, `calibration/missing-feature`,
 *   `calibration/length-mismatch`, `calibration/bad-option`, `calibration/no-labels`.
 */
export function fit(pool: Pool, options: FitOptions & FitReportOptions = {}): Fit {
  let settings = resolveSettings(pool, options);
  const tie = options.tie ?? (settings.compat === "repo" ? "wrong" : "half");
  let gammaChoice: GammaChoice | undefined;
  if (options.gamma === "auto") {
    gammaChoice = chooseGamma(pool, settings, { tie, ...options.gammaSearch });
    const { gamma } = gammaChoice;
    settings = {
      ...settings,
      gamma: Object.fromEntries(settings.features.map((name) => [name, gamma])),
    };
  }
  const { components, cycles, converged } = fitComponents(pool, settings);
  const artifact = {
    format: "assay-calibrator",
    version: CALIBRATOR_VERSION,
    method: settings.method,
    components,
    settings: { ...settings },
  } as const;
  const { scores, uncorrected } = new Calibrator({ ...artifact, diagnostics: {} }).applyPool(pool);
  const report = poolDiagnostics(pool, scores, uncorrected, settings.features, tie);
  const diagnostics: FitDiagnostics = {
    ...report,
    ...(gammaChoice === undefined ? {} : { gammaChoice }),
    backfitting: { cycles, converged },
    idle: Object.fromEntries(
      components.flatMap((part) => part.kind === "none" ? [[part.feature, part.reason]] : []),
    ),
    warnings: [...report.warnings, ...fitWarnings(pool, settings, cycles, converged)],
  };
  return {
    calibrator: new Calibrator({ ...artifact, diagnostics: { ...diagnostics } }),
    scores,
    diagnostics,
  };
}

/**
 * What a calibration did to a pool.
 *
 * @param pool The pool.
 * @param calibrated Its calibrated scores.
 * @param uncorrected Rows left uncorrected, as `applyPool` counts them.
 * @param corrected Features that were corrected for.
 * @param tie What equal scores count as. Default `"half"`.
 * @throws {AssayError} `calibration/length-mismatch` for columns of different length.
 */
export function poolDiagnostics(
  pool: Pool,
  calibrated: ArrayLike<number>,
  uncorrected: number,
  corrected: readonly string[],
  tie: TieRule = "half",
): Diagnostics {
  const collector = new DiagnosticsCollector({ corrected, tie });
  const columns = Object.keys(pool.features).map((name) =>
    [name, featureColumn(pool, name)] as const
  );
  const response = (row: number): ScoredResponse => ({
    score: pool.scores[row]!,
    features: Object.fromEntries(columns.map(([name, column]) => [name, column[row]!])),
  });
  const paired = new Uint8Array(pool.scores.length);
  const { chosen, rejected, subsets } = pool.pairs ?? { chosen: [], rejected: [] };
  for (let pair = 0; pair < chosen.length; pair++) {
    const [better, worse] = [chosen[pair]!, rejected[pair]!];
    paired[better] = paired[worse] = 1;
    const subset = subsets?.[pair];
    collector.addPair({
      chosen: response(better),
      rejected: response(worse),
      chosenCalibrated: calibrated[better]!,
      rejectedCalibrated: calibrated[worse]!,
      ...(subset === undefined ? {} : { subset }),
    });
  }
  for (let row = 0; row < paired.length; row++) {
    if (!paired[row]) collector.addRow(response(row), calibrated[row]!);
  }
  collector.addUncorrected(uncorrected);
  return collector.report();
}

/** Rows in a LOWESS window below which the fit is mostly the row's own score. */
const FEW_NEIGHBOURS = 10;

function fitWarnings(
  pool: Pool,
  settings: FitSettings,
  cycles: number,
  converged: boolean,
): string[] {
  const warnings: string[] = [];
  if (settings.cycles > 1 && !converged) {
    warnings.push(`back-fitting has not settled after ${cycles} cycles: allow more of them`);
  }
  const local = settings.method === "lwr" || settings.method === "lwr-penalty";
  const neighbours = Math.trunc(settings.frac * pool.scores.length);
  if (local && neighbours < FEW_NEIGHBOURS) {
    warnings.push(
      `windows of ${Math.max(neighbours, 2)} rows: the curve follows single scores, so that ` +
        "calibrated scores lose what tells them apart; use more rows or a larger frac",
    );
  }
  for (const name of local && settings.delta === "auto" ? settings.features : []) {
    const delta = automaticDelta(featureColumn(pool, name));
    if (delta > 0) {
      warnings.push(
        `${name} has too many distinct values for a regression at each: fits less than ${
          delta.toPrecision(3)
        } apart are interpolated (delta 0 computes them all)`,
      );
    }
  }
  return warnings;
}
