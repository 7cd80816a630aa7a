import assert from "node:assert/strict";
import fc from "fast-check";
import { binMean, windowHalfWidth } from "../../src/calibration/bin_mean.ts";
import { testWhere } from "../requirement.ts";
import { assertClose, rejectsWith } from "./assertions.ts";

const fixture = new URL("../../../shared/fixtures/rc_mean.json", import.meta.url);
const missing = await Deno.stat(fixture).then(() => undefined, () => "../shared is absent");

interface Fixture {
  lengths: number[];
  scores: number[];
  T: number;
  rows: {
    len: number;
    full_window_n: number;
    full_window_mean: number;
    repo_window_n: number;
    repo_window_mean: number;
  }[];
}

testWhere(
  missing,
  "binMean() equals the fixture, full window and the released code's",
  async () => {
    const { lengths, scores, T, rows }: Fixture = JSON.parse(await Deno.readTextFile(fixture));
    const full = binMean(lengths, scores, { halfWidth: T });
    const repo = binMean(lengths, scores, { halfWidth: T, window: "repo" });
    for (const row of rows) {
      const knot = full.x.indexOf(row.len);
      assert.equal(full.count[knot], row.full_window_n);
      assertClose([full.mean[knot]!], [row.full_window_mean], 1e-12);
      assert.equal(repo.count[knot], row.repo_window_n);
      assertClose([repo.mean[knot]!], [row.repo_window_mean], 1e-12);
    }
  },
);

const rows = fc.array(
  fc.record({
    x: fc.integer({ min: 0, max: 40 }),
    y: fc.double({ min: -5, max: 5, noNaN: true }),
  }),
  { minLength: 1, maxLength: 60 },
);

Deno.test("binMean() is the mean of all rows in the closed window", () => {
  fc.assert(fc.property(rows, fc.integer({ min: 0, max: 20 }), (data, halfWidth) => {
    const { x, mean, count } = binMean(data.map((row) => row.x), data.map((row) => row.y), {
      halfWidth,
    });
    assert.deepEqual([...x], [...new Set(data.map((row) => row.x))].sort((a, b) => a - b));
    x.forEach((at, knot) => {
      const near = data.filter((row) => Math.abs(row.x - at) <= halfWidth);
      assert.equal(count[knot], near.length);
      const expected = near.reduce((sum, row) => sum + row.y, 0) / near.length;
      assertClose([mean[knot]!], [expected], 1e-12);
    });
  }));
});

Deno.test("binMean() with the repo's window leaves out the last row in sorted order", () => {
  const fit = binMean([3, 1, 2, 3], [30, 10, 20, 40], { halfWidth: 1, window: "repo" });
  assert.deepEqual([...fit.x], [1, 2, 3]);
  assert.deepEqual([...fit.count], [1, 3, 2]);
  assert.deepEqual([...fit.mean], [10, 20, 25]);
  const single = binMean([1, 9], [1, 2], { halfWidth: 0, window: "repo" });
  assert.deepEqual([...single.mean], [NaN, NaN]);
});

Deno.test("binMean() with a seed decides between equal rows repeatably", () => {
  const x = Array(20).fill(1);
  const y = Array.from({ length: 20 }, (_, i) => 2 ** i);
  const meanOf = (seed?: number) =>
    binMean(x, y, { halfWidth: 0, window: "repo", ...(seed === undefined ? {} : { seed }) })
      .mean[0];
  assert.equal(meanOf(1), meanOf(1));
  assert(new Set([1, 2, 3, 4, 5].map(meanOf)).size > 1);
  assert.equal(meanOf(), (2 ** 19 - 1) / 19);
});

Deno.test("binMean() keeps its digits beside an enormous score", () => {
  const x = Array.from({ length: 1000 }, (_, i) => i);
  const y = x.map((i) => i === 0 ? 1e16 : i / 1000);
  const { mean } = binMean(x, y, { halfWidth: 1 });
  // Differences of running totals would be off by whole numbers here.
  assertClose([mean[500]!], [0.5], 1e-12);
});

Deno.test("binMean() drops rows that are not finite and refuses bad windows", () => {
  const fit = binMean([1, NaN, 2], [1, 1, Infinity], { halfWidth: 5 });
  assert.deepEqual([[...fit.x], [...fit.mean], fit.dropped], [[1], [1], 2]);
  rejectsWith("calibration/bad-option", () => binMean([1], [1], { halfWidth: -1 }));
  rejectsWith("calibration/bad-option", () => binMean([1], [1], { halfWidth: NaN }));
  rejectsWith("calibration/length-mismatch", () => binMean([1], [], { halfWidth: 1 }));
});

Deno.test("windowHalfWidth() is a pair's mean distance over the ratio", () => {
  const x = [10, 30, 50, 20];
  const pairs = { chosen: [0, 1], rejected: [2, 3] };
  assert.equal(windowHalfWidth(x, pairs, 4), (40 + 10) / 2 / 4);
  assert.equal(windowHalfWidth([NaN, 1], { chosen: [0], rejected: [1] }, 4), 0);
});

Deno.test("windowHalfWidth() without pairs is the mean distance of any two rows", () => {
  fc.assert(fc.property(rows, (data) => {
    const x = data.map((row) => row.x);
    let sum = 0;
    for (let i = 0; i < x.length; i++) {
      for (let j = 0; j < i; j++) sum += Math.abs(x[i]! - x[j]!);
    }
    const pairs = x.length * (x.length - 1) / 2;
    assertClose([windowHalfWidth(x, undefined, 4)], [pairs === 0 ? 0 : sum / pairs / 4], 1e-9);
  }));
});
