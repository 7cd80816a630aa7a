import type { Component } from "./artifact.ts";
import { Curve } from "./curve.ts";
import type { PairIndex } from "./pool.ts";

/** What a component subtracts from a score. */
export interface Correction {
  /** Feature name. */
  readonly feature: string;
  /** Whether the estimate at a feature value has enough rows behind it. */
  supports(value: number): boolean;
  /** What is subtracted at a feature value; NaN for NaN. */
  at(value: number): number;
}

/**
 * The arithmetic of a component.
 *
 * @throws {AssayError} `calibration/bad-calibrator` for unusable knots.
 */
export function correctionOf(component: Component): Correction {
  if (component.kind === "none") {
    return { feature: component.feature, supports: () => true, at: () => 0 };
  }
  if (component.kind === "penalty") {
    const { feature, weight, origin } = component;
    return {
      feature,
      supports: () => true,
      at: (value) => weight * (value - origin),
    };
  }
  if (component.kind === "offsets") {
    const { feature, offsets } = component;
    return { feature, supports: () => true, at: (index) => -(offsets[index] ?? NaN) };
  }
  const { feature, gamma, origin, minimumCount } = component;
  const curve = new Curve(component.knots);
  return {
    feature,
    supports: (value) => curve.countAt(value) >= minimumCount,
    at: (value) => Number.isNaN(value) ? NaN : gamma * (curve.at(value) - origin),
  };
}

/**
 * What a correction subtracts from every row of a pool. Where one side of a pair has too few rows
 * behind its estimate, neither side is corrected: both scores stay as they were, to the last bit.
 *
 * @param correction The correction.
 * @param column One feature value per row.
 * @param pairs The pool's pairs.
 * @returns What to subtract, and for each row whether it fell back.
 */
export function correctRows(
  correction: Correction,
  column: ArrayLike<number>,
  pairs: PairIndex | undefined,
): { subtract: Float64Array<ArrayBuffer>; fellBack: Uint8Array } {
  const fellBack = new Uint8Array(column.length);
  for (let row = 0; row < column.length; row++) {
    if (!correction.supports(column[row]!)) fellBack[row] = 1;
  }
  if (pairs !== undefined) {
    for (let pair = 0; pair < pairs.chosen.length; pair++) {
      const chosen = pairs.chosen[pair]!;
      const rejected = pairs.rejected[pair]!;
      if (fellBack[chosen] || fellBack[rejected]) fellBack[chosen] = fellBack[rejected] = 1;
    }
  }
  const subtract = new Float64Array(column.length);
  for (let row = 0; row < column.length; row++) {
    subtract[row] = fellBack[row] ? 0 : correction.at(column[row]!);
  }
  return { subtract, fellBack };
}
