import assert from "node:assert/strict";
import fc from "fast-check";
import { lowess } from "../../src/calibration/lowess.ts";
import { testWhere } from "../requirement.ts";
import { assertClose, rejectsWith } from "./assertions.ts";
import golden from "../golden/calibration/lowess.json" with { type: "json" };

const fixtures = new URL("../../../shared/fixtures/lowess.json", import.meta.url);
const missing = await Deno.stat(fixtures).then(() => undefined, () => "../shared is absent");

interface Fixture {
  name: string;
  x: (number | null)[];
  y: (number | null)[];
  opts: { frac: number; it?: number; delta?: number };
  sorted_x: number[];
  fit: number[];
}

testWhere(missing, "lowess() equals statsmodels on every fixture", async () => {
  const { cases }: { cases: Fixture[] } = JSON.parse(await Deno.readTextFile(fixtures));
  assert(cases.length > 0);
  // JSON has no NaN and no infinities: the file's generator wrote them as text or null.
  const number = (value: unknown) => typeof value === "number" ? value : NaN;
  for (const { name, x, y, opts, sorted_x, fit } of cases) {
    const found = lowess(x.map(number), y.map(number), {
      frac: opts.frac,
      ...(opts.it === undefined ? {} : { iterations: opts.it }),
      ...(opts.delta === undefined ? {} : { delta: opts.delta }),
    });
    assertClose(found.x, sorted_x, 0, name);
    assertClose(found.fit, fit, 1e-9, name);
  }
});

Deno.test("lowess() equals statsmodels on random cases: ties, outliers, constants, n = 1, 2, 3", () => {
  for (const { name, x, y, frac, iterations, delta, fit } of golden.cases) {
    assertClose(lowess(x, y, { frac, iterations, delta }).fit, fit, 1e-9, name);
  }
});

/** The pool that the golden script draws: whole numbers throughout, so that it can be drawn again. */
function lehmerPool(count: number, distinct: number): { x: number[]; y: number[] } {
  let state = 1;
  const next = () => state = state * 48271 % 2147483647;
  const x: number[] = [];
  const y: number[] = [];
  for (let row = 0; row < count; row++) {
    x.push(1 + next() % distinct);
    y.push((next() % 20011) / 2048 + x[row]! / 64);
  }
  return { x, y };
}

Deno.test("lowess() equals statsmodels on 60,000 rows, where rows of equal x are summed together", () => {
  const { count, distinct, frac, iterations, fitAtDistinctX } = golden.large;
  const { x, y } = lehmerPool(count, distinct);
  const found = lowess(x, y, { frac, iterations });
  const firsts = [...found.x.keys()].filter((i) => i === 0 || found.x[i] !== found.x[i - 1]);
  assertClose(firsts.map((i) => found.fit[i]!), fitAtDistinctX, 1e-9);
});

const pool = fc.integer({ min: 3, max: 40 }).chain((count) =>
  fc.record({
    x: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: count, maxLength: count }),
    y: fc.array(fc.double({ min: -10, max: 10, noNaN: true }).map((value) => Math.fround(value)), {
      minLength: count,
      maxLength: count,
    }),
    frac: fc.constantFrom(0.3, 0.5, 0.9, 1),
  })
);

Deno.test("lowess() is affine in y: fits of a·y + b are a·fit + b", () => {
  fc.assert(fc.property(pool, ({ x, y, frac }) => {
    // Powers of two, so that the robustness weights see exactly the same residuals.
    const scaled = lowess(x, y.map((value) => -4 * value), { frac });
    assertClose(scaled.fit, lowess(x, y, { frac }).fit.map((value) => -4 * value), 1e-9);
    const moved = lowess(x, y.map((value) => 2 * value + 8), { frac, iterations: 0 });
    const still = lowess(x, y, { frac, iterations: 0 }).fit;
    assertClose(moved.fit, still.map((value) => 2 * value + 8), 1e-9);
  }));
});

Deno.test("lowess() does not change with affine maps of x", () => {
  fc.assert(fc.property(pool, ({ x, y, frac }) => {
    const mapped = lowess(x.map((value) => 4 * value - 16), y, { frac, iterations: 0 });
    // Windows of radius 0 aside, only the floor of 1e-12 under the variance has a scale.
    assertClose(mapped.fit, lowess(x, y, { frac, iterations: 0 }).fit, 1e-9);
  }));
});

Deno.test("lowess() gives rows of equal x equal fits, one per distinct x", () => {
  fc.assert(fc.property(pool, ({ x, y, frac }) => {
    const { x: sorted, fit } = lowess(x, y, { frac });
    for (let i = 1; i < sorted.length; i++) {
      if (sorted[i] === sorted[i - 1]) assert.equal(fit[i], fit[i - 1]);
    }
  }));
});

Deno.test("lowess() returns y for one and two rows", () => {
  assert.deepEqual([...lowess([5], [3]).fit], [3]);
  assert.deepEqual([...lowess([5, 1], [3, 7], { frac: 1 }).fit], [7, 3]);
});

Deno.test("lowess() drops rows with NaN or infinities and says how many", () => {
  const x = [1, 2, NaN, 3, 4, 5, Infinity];
  const y = [1, 2, 3, -Infinity, 4, 5, 6];
  const { x: used, fit, order, dropped } = lowess(x, y, { frac: 1 });
  assert.deepEqual([...used], [1, 2, 4, 5]);
  assert.deepEqual([...order], [0, 1, 4, 5]);
  assert.equal(dropped, 3);
  assertClose(fit, [1, 2, 4, 5], 1e-12);
});

Deno.test("lowess() where one x fills the window: the first row's score, or the mean of all", () => {
  const x = [1, 1, 1, 1, 2, 3];
  const y = [5, 0, 1, 2, 9, 9];
  const options = { frac: 0.5, iterations: 0 };
  assert.equal(lowess(x, y, options).fit[0], 5);
  assert.equal(lowess(x, y, { ...options, degenerate: "mean" }).fit[0], 2);
  const reversed = { ...options, degenerate: "mean" as const };
  assert.equal(lowess([...x].reverse(), [...y].reverse(), reversed).fit[0], 2);
  assert.equal(lowess([...x].reverse(), [...y].reverse(), options).fit[0], 2);
});

Deno.test("lowess() keeps the degenerate mean robust: an outlier among equal x loses its weight", () => {
  const x = [...Array(9).fill(1), 2, 3, 4];
  const y = [1, 1.1, 0.9, 1, 1.05, 0.95, 1, 1, 100, 1, 1, 1];
  const { fit } = lowess(x, y, { frac: 0.5, iterations: 3, degenerate: "mean" });
  assert(Math.abs(fit[0]! - 1) < 0.05, `found ${fit[0]}`);
});

Deno.test("lowess() throws on options out of range, columns of different length, no finite rows", () => {
  for (const frac of [-0.1, 1.1, NaN]) {
    rejectsWith("calibration/bad-option", () => lowess([1], [1], { frac }), /frac/);
  }
  for (const iterations of [-1, 1.5, NaN]) {
    rejectsWith("calibration/bad-option", () => lowess([1], [1], { iterations }), /iterations/);
  }
  for (const delta of [-1, NaN, Infinity]) {
    rejectsWith("calibration/bad-option", () => lowess([1], [1], { delta }), /delta/);
  }
  rejectsWith("calibration/length-mismatch", () => lowess([1, 2], [1]));
  rejectsWith("calibration/too-few-rows", () => lowess([], []));
  rejectsWith("calibration/too-few-rows", () => lowess([NaN, 1], [1, Infinity]));
});
