import { AssayError } from "../error.ts";
import { binomialCdf } from "../numbers/binomial.ts";

/** McNemar's exact test of two models' accuracies on the same rows. */
export interface McNemarTest {
  /** Rows that only the first gets right. */
  readonly onlyFirst: number;
  /** Rows that only the second gets right. */
  readonly onlySecond: number;
  /** Chance of a split at least as uneven if both were equally accurate, two-sided. */
  readonly pValue: number;
}

/**
 * McNemar's exact test: whether two models differ in accuracy on the same rows. Rows that both get
 * right, or both wrong, tell nothing; among the others each side would win half the time:
 * p = min(1, 2·P(Binomial(b + c, ½) ≤ min(b, c))).
 *
 * It takes rows as independent; where prompts have several rows, `bootstrapDifference` over prompts is
 * the safer figure. A tie, which counts half, is not for this test: leave such rows out.
 *
 * @param onlyFirst Rows that only the first gets right.
 * @param onlySecond Rows that only the second gets right.
 * @throws {AssayError} `evaluation/bad-option` for anything but whole numbers of at least 0.
 *
 * @example
 * ```ts
 * import { mcnemarExact } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * assert.equal(mcnemarExact(0, 5).pValue, 2 / 2 ** 5);
 * assert.equal(mcnemarExact(4, 4).pValue, 1);
 * ```
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): McNemarTest {
  for (const count of [onlyFirst, onlySecond]) {
    if (Number.isSafeInteger(count) && count >= 0) continue;
    throw new AssayError(
      "evaluation/bad-option",
      `Cannot test accuracies: expected counts of rows, found ${count}`,
    );
  }
  const tail = binomialCdf(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond, 0.5);
  return { onlyFirst, onlySecond, pValue: Math.min(1, 2 * tail) };
}
