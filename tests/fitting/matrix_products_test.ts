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
import { blockInner, blockRows } from "../../src/fitting/block_product.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { largestDifference } from "./golden.ts";

// Up to 14, and sizes about those at which blocks end.
const sizes = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 14 }) },
  { weight: 1, arbitrary: fc.integer({ min: blockRows - 1, max: 2 * blockRows + 2 }) },
);
const inners = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 14 }) },
  { weight: 1, arbitrary: fc.integer({ min: blockInner - 2, max: blockInner + 5 }) },
);
const values = fc.infiniteStream(fc.integer({ min: -32, max: 32 }));

Deno.test("multiplyTransposed() and transposed() equal plain loops for every shape", () => {
  fc.assert(
    fc.property(sizes, sizes, inners, values, (rows, columns, inner, stream) => {
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

Deno.test("a product has the bits of its two lanes' sums, block by block, on every machine", () => {
  const random = seededRandom(8);
  for (const [rows, columns, inner] of [[64, 64, 1030], [3, 5, 513], [1, 1, 7]] as const) {
    const draw = (count: number) => Float64Array.from({ length: count }, () => random() - 0.5);
    const [a, b] = [draw(rows * inner), draw(columns * inner)];
    const product = multiplyTransposed(a, b, inner);
    product.forEach((found, at) => {
      const [left, right] = [Math.floor(at / columns) * inner, at % columns * inner];
      let expected = 0;
      for (let from = 0; from < inner; from += blockInner) {
        const lanes: [number, number] = [0, 0];
        for (let k = from; k < Math.min(from + blockInner, inner); k++) {
          lanes[k % 2]! += a[left + k]! * b[right + k]!;
        }
        expected += lanes[0] + lanes[1];
      }
      assert.equal(found, expected);
    });
  }
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

Deno.test("addGram() adds what multiplyTransposed() multiplies, for every shape", () => {
  fc.assert(
    fc.property(
      sizes,
      inners,
      fc.integer({ min: 0, max: 3 }),
      values,
      (count, inner, gap, stream) => {
        const stride = inner + gap;
        const rows = Float64Array.from({ length: count * stride }, () => stream.next().value / 8);
        const dense = Float64Array.from(
          { length: count * inner },
          (_, at) => rows[Math.floor(at / inner) * stride + at % inner]!,
        );
        const product = multiplyTransposed(dense, dense, inner);
        const packed = new Float64Array(packedRow(count)).fill(1);
        addGram(packed, rows, count, inner, stride);
        for (let i = 0; i < count; i++) {
          for (let j = 0; j <= i; j++) {
            assert.equal(packed[packedRow(i) + j], 1 + product[i * count + j]!);
          }
        }
      },
    ),
    { numRuns: 60, seed: 3 },
  );
});

Deno.test("what a block product met before, NaN included, does not stay", () => {
  const broken = new Float64Array(3 * 5).fill(NaN);
  multiplyTransposed(broken, broken, 5);
  assert.deepEqual([...multiplyTransposed(Float64Array.of(2), Float64Array.of(3), 1)], [6]);
});
