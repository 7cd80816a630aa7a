import assert from "node:assert/strict";

/**
 * Asserts that numbers are the same to the last bit. `deepEqual()` would describe every difference, and
 * take all memory for it.
 */
export function assertSameBits(
  found: readonly Uint32Array[],
  expected: readonly Uint32Array[],
  where = "",
): void {
  assert.equal(found.length, expected.length, where);
  found.forEach((bits, output) => {
    assert.equal(bits.length, expected[output]!.length, where);
    const at = bits.findIndex((pattern, i) => pattern !== expected[output]![i]);
    assert.equal(at, -1, `${where}: output ${output} differs at ${at}`);
  });
}
