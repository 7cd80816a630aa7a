import assert from "node:assert/strict";

const text = await Deno.readTextFile(new URL("../golden/voting/voting.json", import.meta.url));

/** Golden values, made with NumPy and SciPy by tests/golden/voting/make_voting.py. */
// deno-lint-ignore no-explicit-any
export const golden: any = JSON.parse(text);

/** A number of the golden file: null stands for NaN, "inf" and "-inf" for infinities. */
export function num(value: number | string | null): number {
  if (value === null) return NaN;
  if (typeof value === "number") return value;
  return value === "inf" ? Infinity : -Infinity;
}

/** Numbers of the golden file. */
export function nums(values: readonly (number | string | null)[]): number[] {
  return values.map(num);
}

/** Asserts that two numbers agree within `tolerance` · max(1, |expected|); NaN agrees with NaN only. */
export function close(actual: number, expected: number, tolerance = 1e-12, what = ""): void {
  const agrees = Object.is(actual, expected) || actual === expected ||
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));
  assert.ok(agrees, `${what} expected ${expected}, found ${actual}`);
}

/** {@linkcode close} for lists. */
export function allClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-12,
): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    close(actual[i]!, expected[i]!, tolerance, `place ${i}:`);
  }
}
