import { AssayError } from "../error.ts";
import { ownValue } from "../own_value.ts";

/** Row indices of the two sides of labelled pairs: `chosen[i]` is better than `rejected[i]`. */
export interface PairIndex {
  /** Row of the better response of each pair. */
  readonly chosen: ArrayLike<number>;
  /** Row of the worse response of each pair. */
  readonly rejected: ArrayLike<number>;
  /** Subset that each pair belongs to, for accuracies by subset. */
  readonly subsets?: readonly (string | undefined)[] | undefined;
}

/** Scored responses by column: what calibrators are fitted on. */
export interface Pool {
  /** One score per response, any scale; NaN and infinite scores are left out of every fit. */
  readonly scores: ArrayLike<number>;
  /** One value per response for each feature, by feature name. */
  readonly features: Readonly<Record<string, ArrayLike<number>>>;
  /** Which responses form labelled pairs, where there are any. */
  readonly pairs?: PairIndex | undefined;
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
  readonly subset?: string | undefined;
}

/**
 * Gathers scored responses by column, a few bytes each. The pool's order is all chosen responses,
 * then all rejected ones, then the single ones: it decides between equal feature values where a
 * LOWESS window cuts through them.
 */
export class PoolBuilder {
  readonly #chosen = new Columns();
  readonly #rejected = new Columns();
  readonly #single = new Columns();
  readonly #subsets: (string | undefined)[] = [];

  /** Responses added so far. */
  get size(): number {
    return 2 * this.#subsets.length + this.#single.scores.length;
  }

  /**
   * Adds a labelled pair.
   *
   * @throws {AssayError} `calibration/missing-feature` where a response lacks a feature that the
   *   first of its kind has.
   */
  addPair({ chosen, rejected, subset }: ScoredPair): void {
    this.#chosen.add(chosen);
    this.#rejected.add(rejected);
    this.#subsets.push(subset);
  }

  /**
   * Adds a response that belongs to no pair.
   *
   * @throws {AssayError} `calibration/missing-feature` where it lacks a feature that the first has.
   */
  addRow(response: ScoredResponse): void {
    this.#single.add(response);
  }

  /**
   * The pool so far.
   *
   * @returns The pool of everything added.
   * @throws {AssayError} `calibration/missing-feature` where pairs and single responses have
   *   different features.
   */
  build(): Pool {
    const parts = [this.#chosen, this.#rejected, this.#single].filter(({ scores }) =>
      scores.length > 0
    );
    const names = [...(parts[0]?.features.keys() ?? [])];
    const features = Object.fromEntries(names.map((name) => [
      name,
      Float64Array.from(parts.flatMap((part) => {
        const column = part.features.get(name);
        if (column === undefined) throw missingFeature(name, [...part.features.keys()]);
        return column;
      })),
    ]));
    const scores = Float64Array.from(parts.flatMap((part) => part.scores));
    const pairs = this.#subsets.length;
    if (pairs === 0) return { scores, features };
    return {
      scores,
      features,
      pairs: {
        chosen: Uint32Array.from({ length: pairs }, (_, pair) => pair),
        rejected: Uint32Array.from({ length: pairs }, (_, pair) => pairs + pair),
        subsets: this.#subsets,
      },
    };
  }
}

class Columns {
  readonly scores: number[] = [];
  readonly features = new Map<string, number[]>();

  add({ score, features }: ScoredResponse): void {
    if (this.scores.length === 0) {
      for (const name of Object.keys(features)) this.features.set(name, []);
    }
    for (const name of this.features.keys()) {
      if (ownValue(features, name) === undefined) throw missingFeature(name, Object.keys(features));
    }
    for (const [name, column] of this.features) column.push(features[name]!);
    this.scores.push(score);
  }
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
 * assert.deepEqual(Array.from(pool.scores), [1, 2]);
 * ```
 *
 * @param pairs The pairs; every response needs the same feature names as the first.
 * @throws {AssayError} `calibration/missing-feature` where a response lacks a feature.
 */
export function poolOfPairs(pairs: readonly ScoredPair[]): Pool {
  const builder = new PoolBuilder();
  for (const pair of pairs) builder.addPair(pair);
  return builder.build();
}

/**
 * The pool of single scored responses.
 *
 * @param rows The responses; every one needs the same feature names as the first.
 * @throws {AssayError} `calibration/missing-feature` where a response lacks a feature.
 */
export function poolOfRows(rows: readonly ScoredResponse[]): Pool {
  const builder = new PoolBuilder();
  for (const row of rows) builder.addRow(row);
  return builder.build();
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
