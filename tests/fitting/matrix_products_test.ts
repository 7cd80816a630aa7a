import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addGram,
  factorize,
  multiplyTransposed,
  packedRow,
  solveFactorized,
  transposed,
} from "../../src/fitting/matrix_products.ts";
import { largestDifference } from "./golden.ts";

const sizes = fc.integer({ min: 1, max: 14 });
const values = fc.infiniteStream(fc.integer({ min: -32, max: 32 }));

Deno.test("multiplyTransposed() and transposed() equal plain loops for every shape", () => {
  fc.assert(
    fc.property(sizes, sizes, sizes, values, (rows, columns, inner, stream) => {
      const draw = (count: number): Float64Array =>
        Float64Array.from({ length: count }, () => stream.next().value / 8);
      const [a, b] = [draw(rows * inner), draw(columns * inner)];
      const expected = Array.from({ length: rows * columns }, (_, at) => {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum += a[Math.floor(at / columns) * inner + k]! * b[at % columns * inner + k]!;
        }
        return sum;
      });
      const product = multiplyTransposed(a, b, inner);
      assert.deepEqual([...product], expected);
      assert.deepEqual([...multiplyTransposed(b, a, inner)], [...transposed(product, columns)]);
    }),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("factorize() and solveFactorized() solve A x = b for every size", () => {
  fc.assert(
    fc.property(sizes, values, (count, stream) => {
      const rows = Float64Array.from({ length: count * count }, () => stream.next().value / 8);
      const packed = new Float64Array(packedRow(count));
      addGram(packed, rows, count, count, count);
      for (let i = 0; i < count; i++) packed[packedRow(i) + i]! += 1;
      const entry = (i: number, j: number): number =>
        packed[packedRow(Math.max(i, j)) + Math.min(i, j)]!;
      const matrix = Float64Array.from(
        { length: count * count },
        (_, at) => entry(Math.floor(at / count), at % count),
      );
      const right = Float64Array.from({ length: count }, () => stream.next().value);
      const factor = packed.slice();
      assert.ok(factorize(factor, count));
      const x = solveFactorized(factor, right);
      assert.ok(largestDifference(multiplyTransposed(matrix, x, count), right) < 1e-9);
    }),
    { numRuns: 100, seed: 2 },
  );
});

Deno.test("factorize() tells a matrix that is not positive definite", () => {
  assert.equal(factorize(Float64Array.of(1, 2, 4), 2), false);
  assert.equal(factorize(Float64Array.of(-1), 1), false);
  assert.equal(factorize(Float64Array.of(NaN), 1), false);
});
