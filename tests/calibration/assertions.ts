import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";

/** Asserts that `run` throws an `AssayError` of a code, with a message that matches. */
export function rejectsWith(code: string, run: () => unknown, message?: RegExp): void {
  assert.throws(run, (error) => {
    assert(error instanceof AssayError, `expected an AssayError, found ${error}`);
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

/** Asserts that numbers agree within an absolute tolerance, NaN with NaN. */
export function assertClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = "",
): void {
  assert.equal(found.length, expected.length, what);
  for (let i = 0; i < found.length; i++) {
    const same = Object.is(found[i], expected[i]) ||
      Math.abs(found[i]! - expected[i]!) <= tolerance;
    assert(same, `${what} at ${i}: expected ${expected[i]}, found ${found[i]}`);
  }
}
