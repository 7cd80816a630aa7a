import assert from "node:assert/strict";
import {
  asStored,
  byHead,
  laidOut,
  padded,
  paddedHeadDim,
  unpacked,
} from "../../src/ops/layout.ts";

/** Where each number of a stored vector comes to lie; 0 for padding, numbers counted from 1. */
function placed(layOut: ReturnType<typeof byHead>, stored: number): number[] {
  const bytes = Uint8Array.from({ length: stored }, (_, i) => i + 1);
  const one = asStored(1);
  return [...laidOut(bytes, { rows: 1, columns: stored, bytesEach: 1 }, one, layOut(stored))];
}

Deno.test("sizes that are multiples of 8 stay as they are stored, bytes and all", () => {
  const bytes = new Uint8Array(16 * 24 * 2);
  const stored = { rows: 16, columns: 24, bytesEach: 2 };
  assert.equal(laidOut(bytes, stored, padded(16), byHead(8)(24)), bytes);
  assert.equal(laidOut(bytes, stored, byHead(16, 8)(16), padded(24)), bytes);
});

Deno.test("a dimension is padded at its end, a head at the end of what rope turns together", () => {
  assert.deepEqual(placed(padded, 5), [1, 2, 3, 4, 5, 0, 0, 0]);
  assert.deepEqual(placed(byHead(6), 12), [
    ...[1, 2, 3, 0, 4, 5, 6, 0],
    ...[7, 8, 9, 0, 10, 11, 12, 0],
  ]);
  assert.deepEqual(placed(byHead(5, 2), 5), [
    ...[1, 0, 0, 0, 2, 0, 0, 0],
    ...[3, 4, 5, 0, 0, 0, 0, 0],
  ]);
  assert.equal(paddedHeadDim(5, 2), 16);
  assert.equal(paddedHeadDim(80, 20), 88); // Pythia 2.8B
  assert.equal(paddedHeadDim(100), 104); // OpenLLaMA 3B
});

Deno.test("a packed map is taken apart by its groups", () => {
  const second = { every: 6, from: 2, count: 2 };
  assert.deepEqual(placed(unpacked(second, asStored), 12), [3, 4, 9, 10]);
  assert.deepEqual(placed(unpacked(second, padded), 12), [3, 4, 9, 10, 0, 0, 0, 0]);
  // Heads of four in groups of two: what rope turns is padded where it would be by itself.
  const queries = { every: 6, from: 0, count: 4 };
  assert.deepEqual(placed(unpacked(queries, byHead(2)), 12), [
    ...[1, 0, 0, 0, 2, 0, 0, 0],
    ...[3, 0, 0, 0, 4, 0, 0, 0],
    ...[7, 0, 0, 0, 8, 0, 0, 0],
    ...[9, 0, 0, 0, 10, 0, 0, 0],
  ]);
  assert.throws(() => unpacked(second, padded)(13), { code: "ops/shape" });
});

Deno.test("rows are laid out like columns, whatever a number's bytes", () => {
  const bytes = Uint8Array.from({ length: 12 }, (_, i) => i + 1); // [3, 2] of two bytes
  const stored = { rows: 3, columns: 2, bytesEach: 2 };
  const rows = unpacked({ every: 3, from: 1, count: 2 }, asStored)(3);
  const laid = laidOut(bytes, stored, rows, { size: 3, runs: [{ from: 0, to: 1, count: 2 }] });
  assert.deepEqual([...laid], [0, 0, 5, 6, 7, 8, 0, 0, 9, 10, 11, 12]);
});
