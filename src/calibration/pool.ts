import { AssayError } from "../error.ts";

/** Row indices of the two sides of labelled pairs: `chosen[i]` is better than `rejected[i]`. */
export interface PairIndex {
  /** Row of the better response of each pair. */
  readonly chosen: ArrayLike<number>;
  /** Row of the worse response of each pair. */
  readonly rejected: ArrayLike<number>;
  /** Subset that each pair belongs to, for accuracies by subset. */
  readonly subsets?: readonly (string | undefined)[];
}

/** Scored responses by column: what calibrators are fitted on. */
export interface Pool {
  /** One score per response, any scale; NaN and infinite scores are left out of every fit. */
  readonly scores: ArrayLike<number>;
  /** One value per response for each feature, by feature name. */
  readonly features: Readonly<Record<string, ArrayLike<number>>>;
  /** Which responses form labelled pairs, where there are any. */
  readonly pairs?: PairIndex;
}

/** One scored response with its feature values, by feature name. */
export interface ScoredResponse {
  /** The score. */
  readonly score: number;
  /** One value per feature name. */
  readonly features: Readonly<Record<string, number>>;
}

/** A labelled pair of scored responses. */
export interface ScoredPair {
  /** The better response. */
  readonly chosen: ScoredResponse;
  /** The worse response. */
  readonly rejected: ScoredResponse;
  /** Subset that the pair belongs to, for accuracies by subset. */
  readonly subset?: string;
}

/**
 * The pool of labelled pairs: all chosen responses, then all rejected ones.
 *
 * @example
 * ```ts
 * import { poolOfPairs } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const pool = poolOfPairs([{
 *   chosen: { score: 1, features: { length: 10 } },
 *   rejected: { score: 2, features: { length: 90 } },
 * }]);
 * assert.deepEqual([...Array.from(pool.scores)], [1, 2]);
 * ```
 *
 * @param pairs The pairs; every response needs the same feature names as the first.
 * @throws {AssayError} `calibration/missing-feature` where a response lacks a feature.
 */
export function poolOfPairs(pairs: readonly ScoredPair[]): Pool {
  const rows = [...pairs.map(({ chosen }) => chosen), ...pairs.map(({ rejected }) => rejected)];
  return {
    ...poolOfRows(rows),
    pairs: {
      chosen: Uint32Array.from(pairs, (_, pair) => pair),
      rejected: Uint32Array.from(pairs, (_, pair) => pairs.length + pair),
      subsets: pairs.map(({ subset }) => subset),
    },
  };
}

/**
 * The pool of single scored responses.
 *
 * @param rows The responses; every one needs the same feature names as the first.
 * @throws {AssayError} `calibration/missing-feature` where a response lacks a feature.
 */
export function poolOfRows(rows: readonly ScoredResponse[]): Pool {
  const names = Object.keys(rows[0]?.features ?? {});
  const features: Record<string, Float64Array> = {};
  for (const name of names) {
    features[name] = Float64Array.from(rows, (row) => {
      const value = row.features[name];
      if (value === undefined) throw missingFeature(name, Object.keys(row.features));
      return value;
    });
  }
  return { scores: Float64Array.from(rows, (row) => row.score), features };
}

/**
 * The column of a feature.
 *
 * @param pool The pool.
 * @param name Feature name.
 * @throws {AssayError} `calibration/missing-feature` where the pool lacks it,
 *   `calibration/length-mismatch` where it is longer or shorter than the scores.
 */
export function featureColumn(pool: Pool, name: string): ArrayLike<number> {
  const column = Object.hasOwn(pool.features, name) ? pool.features[name] : undefined;
  if (column === undefined) throw missingFeature(name, Object.keys(pool.features));
  if (column.length !== pool.scores.length) {
    throw new AssayError(
      "calibration/length-mismatch",
      `Cannot use the feature "${name}": expected ${pool.scores.length} values, one per score, found ${column.length}`,
    );
  }
  return column;
}

/** The error for a feature that is asked for and not there. */
export function missingFeature(name: string, present: readonly string[]): AssayError {
  const list = present.length === 0 ? "none" : present.map((other) => `"${other}"`).join(", ");
  return new AssayError(
    "calibration/missing-feature",
    `Cannot calibrate: expected a value of the feature "${name}", found ${list}`,
  );
}
