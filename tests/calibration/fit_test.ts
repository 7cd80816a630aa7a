import assert from "node:assert/strict";
import fc from "fast-check";
import { automaticDelta } from "../../src/calibration/backfitting.ts";
import { fit } from "../../src/calibration/fit.ts";
import { lowess } from "../../src/calibration/lowess.ts";
import { type Pool, poolOfPairs, poolOfRows } from "../../src/calibration/pool.ts";
import { spearman } from "../../src/numbers/ranks.ts";
import type { FitOptions } from "../../src/calibration/settings.ts";
import { assertClose, rejectsWith } from "./assertions.ts";
import { anyPool, biasedPairs } from "./pools.ts";

function margins(pool: Pool, scores: ArrayLike<number>): number[] {
  const { chosen, rejected } = pool.pairs!;
  return Array.from(chosen, (row, pair) => scores[row]! - scores[rejected[pair]!]!);
}

const lengthOnly: FitOptions = { features: ["length"] };

Deno.test("fit() with lwr subtracts the LOWESS fit; uncentred it is the published formula", () => {
  const pool = poolOfPairs(biasedPairs(60, 0.005));
  const { fit: curve, order } = lowess(pool.features.length!, pool.scores, { frac: 0.9 });
  const estimate = new Float64Array(curve.length);
  order.forEach((row, i) => estimate[row] = curve[i]!);
  const published = Array.from(pool.scores).map((score, row) => score - 1.4 * estimate[row]!);
  const options = { ...lengthOnly, method: "lwr" as const, gamma: 1.4 };
  assertClose(fit(pool, { ...options, center: false }).scores, published, 1e-12);
  const centred = fit(pool, options).scores;
  assertClose(margins(pool, centred), margins(pool, published), 1e-12);
});

Deno.test("fit() centred leaves the scores on their own level", () => {
  const pool = poolOfPairs(biasedPairs(60, 0.005));
  const mean = (values: ArrayLike<number>) =>
    Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
  const level = mean(pool.scores);
  for (const method of ["lwr", "mean", "lwr-penalty"] as const) {
    const { scores } = fit(pool, { ...lengthOnly, method, gamma: 1.5, minimumCount: 5 });
    assert(Math.abs(mean(scores) - level) < 0.2, `${method}: ${mean(scores)} against ${level}`);
  }
});

Deno.test("fit() with lwr: an affine function of the feature added to scores changes no margin", () => {
  fc.assert(
    fc.property(anyPool, fc.integer({ min: -3, max: 3 }), (pool, slope) => {
      const length = pool.features.length!;
      const tilted = {
        ...pool,
        scores: Array.from(pool.scores).map((score, row) => score + slope * length[row]! / 4 + 1),
      };
      // The invariance is of the local-linear fit; where a window holds a single x it has none.
      const options = { ...lengthOnly, frac: 1, iterations: 0, force: true };
      assertClose(
        margins(pool, fit(tilted, options).scores),
        margins(pool, fit(pool, options).scores),
        1e-6,
      );
    }),
    { numRuns: 50 },
  );
});

Deno.test("fit() with mean subtracts window means, and leaves pairs with few rows as they are", () => {
  const pool = poolOfPairs(biasedPairs(50, 0.005));
  const { calibrator, scores, diagnostics } = fit(pool, { ...lengthOnly, method: "mean" });
  const component = calibrator.components[0]!;
  assert(component.kind === "curve");
  const { x, estimate, count } = component.knots;
  const knot = new Map(x.map((value, i) => [value, { mean: estimate[i]!, rows: count![i]! }]));
  const { chosen, rejected } = pool.pairs!;
  let left = 0;
  Array.from(chosen).forEach((row, pair) => {
    const other = rejected[pair]!;
    const length = pool.features.length!;
    const [a, b] = [knot.get(length[row]!)!, knot.get(length[other]!)!];
    const bias = a.rows < 20 || b.rows < 20 ? 0 : a.mean - b.mean;
    if (a.rows < 20 || b.rows < 20) left += 2;
    const margin = pool.scores[row]! - pool.scores[other]!;
    assertClose([scores[row]! - scores[other]!], [margin - bias], 1e-12);
    if (bias === 0) assertClose([scores[row]!], [pool.scores[row]!], 1e-12);
  });
  assert.equal(diagnostics.uncorrected, left);
});

Deno.test("fit() with penalty is r − λ·c, and λ·sd for normalised scores", () => {
  const scores = [1, 2, 3, 6];
  const features = { length: [100, 200, 300, 400] };
  assertClose(
    fit({ scores, features }, { method: "penalty" }).scores,
    [0.9, 1.8, 2.7, 5.6],
    1e-12,
  );
  const deviation = Math.sqrt((4 + 1 + 0 + 9) / 4);
  const normalised = fit({ scores, features }, { method: "penalty", penaltyUnit: "deviation" });
  const expected = scores.map((score, row) => score - 0.001 * deviation * features.length[row]!);
  assertClose(normalised.scores, expected, 1e-12);
  const half = fit({ scores, features }, { method: "penalty", gamma: 0.5, penalty: 0.01 }).scores;
  assertClose(half, [0.5, 1, 1.5, 4], 1e-12);
});

Deno.test("fit() with lwr-penalty differs from lwr only by the part that length does not explain", () => {
  const pairs = biasedPairs(60, 0.005);
  const pool = poolOfPairs(pairs);
  const options = { ...lengthOnly, frac: 1, iterations: 0 };
  // A penalty on the corrected feature itself is affine in it: no margin changes.
  const same = fit(pool, { ...options, method: "lwr-penalty", penaltyFeature: "length" });
  assertClose(margins(pool, same.scores), margins(pool, fit(pool, options).scores), 1e-9);
  // On the templated text, which the pool then has, the prompt's part stays in the scores.
  const templated = Array.from(pool.features.length!).map((length, row) => length + 7 * (row % 60));
  const longer = { ...pool, features: { ...pool.features, templated_length: templated } };
  const { calibrator } = fit(longer, { ...options, method: "lwr-penalty" });
  assert.deepEqual(calibrator.features, ["templated_length", "length"]);
});

/** Two correlated features, each with its own bias, and nothing else in the score. */
function twoBiases(): { pool: Pool; features: Record<string, number[]> } {
  const length = Array.from({ length: 300 }, (_, row) => (row * 37) % 101);
  const markdown = length.map((value, row) => Math.floor(value / 10) + (row * 13) % 9);
  const features = { length, markdown };
  const scores = length.map((value, row) => 0.05 * value + 0.4 * markdown[row]!);
  return { pool: { scores, features }, features };
}

Deno.test("fit() over several features removes what earlier features left; cycles remove the rest", () => {
  const { pool } = twoBiases();
  const spread = (scores: Float64Array) => Math.max(...scores) - Math.min(...scores);
  const options = { frac: 1, iterations: 0 } as const;
  const raw = spread(Float64Array.from(pool.scores));
  const once = fit(pool, options);
  const settled = fit(pool, { ...options, cycles: 500 });
  assert(spread(once.scores) < 0.7 * raw);
  // The score is a sum of lines in the two features, which back-fitting finds completely.
  assert(spread(settled.scores) < 1e-3, `${spread(settled.scores)}`);
  assert.deepEqual(once.diagnostics.backfitting, { cycles: 1, converged: false });
  assert.equal(settled.diagnostics.backfitting.converged, true);
  assert(settled.diagnostics.backfitting.cycles < 500);
});

Deno.test("fit() with mean over several features corrects for all, not only for the last", () => {
  const pairs = biasedPairs(200, 0.01);
  const pool = poolOfPairs(pairs);
  const options = { method: "mean", minimumCount: 1, ratio: 8 } as const;
  const both = fit(pool, options).scores;
  const before = Math.abs(spearman(pool.scores, pool.features.length!)!);
  const after = Math.abs(spearman(both, pool.features.length!)!);
  assert(before > 0.7 && after < 0.15, `${before} ${after}`);
});

Deno.test("fit() takes one γ per feature", () => {
  const { pool } = twoBiases();
  const untouched = fit(pool, { gamma: { length: 0, markdown: 0 } }).scores;
  assertClose(untouched, pool.scores, 1e-12);
  const { calibrator } = fit(pool, { gamma: { markdown: 0.5 } });
  assert.deepEqual(
    calibrator.components.map((part) => part.kind === "curve" && [part.feature, part.gamma]),
    [["length", 1], ["markdown", 0.5]],
  );
});

Deno.test("fit() leaves scores as they are for a constant feature and says why", () => {
  const pool = { scores: [3, 1, 2, 5], features: { length: [7, 7, NaN, 7] } };
  for (const method of ["lwr", "mean"] as const) {
    const { scores, diagnostics } = fit(pool, { method, force: true });
    assert.deepEqual([...scores], [3, 1, NaN, 5]);
    assert.deepEqual(diagnostics.idle, { length: "constant feature" });
    assert.equal(diagnostics.features.length!.spearmanBefore, null);
  }
});

Deno.test("fit() keeps NaN and infinities to their own rows", () => {
  const pairs = biasedPairs(40, 0.01);
  const clean = poolOfPairs(pairs);
  const dirty = {
    scores: [...Array.from(clean.scores), NaN, Infinity, 3],
    features: {
      length: [...Array.from(clean.features.length!), 100, 100, NaN],
      markdown: [...Array.from(clean.features.markdown!), 0, 0, 0],
    },
  };
  const expected = fit({ ...clean, pairs: undefined as never }).scores;
  const { scores, diagnostics } = fit(dirty);
  assertClose(scores.slice(0, expected.length), expected, 0);
  assert.deepEqual([...scores.slice(expected.length)], [NaN, NaN, NaN]);
  assert.equal(diagnostics.dropped, 3);
  assert(diagnostics.warnings.some((warning) => warning.startsWith("3 of 83 rows")));
});

Deno.test("fit() refuses fewer rows than the method needs, unless forced", () => {
  const pool = poolOfRows([1, 2].map((score) => ({ score, features: { length: 10 * score } })));
  rejectsWith("calibration/too-few-rows", () => fit(pool), /at least 3 rows.*found 2/);
  assert.deepEqual([...fit(pool, { force: true }).scores], [1.5, 1.5]);
  rejectsWith(
    "calibration/too-few-rows",
    () => fit(pool, { method: "mean" }),
    /at least 20.*found 2/,
  );
  assert.deepEqual([...fit(pool, { method: "mean", force: true }).scores], [1, 2]);
  const none = { scores: [NaN], features: { length: [1] } };
  rejectsWith("calibration/too-few-rows", () => fit(none, { force: true }), /found 0 of 1/);
});

Deno.test("fit() warns where windows hold so few rows that nothing is left of the scores", () => {
  const pool = poolOfRows([1, 5, 2].map((score, row) => ({ score, features: { length: row } })));
  const { scores, diagnostics } = fit(pool);
  assert.deepEqual([...scores].map((score) => score.toFixed(6)), Array(3).fill("2.666667"));
  assert(diagnostics.warnings.some((warning) => warning.startsWith("windows of 2 rows")));
});

Deno.test("fit() checks its options and its pool", () => {
  const pool = poolOfPairs(biasedPairs(20, 0.01));
  const bad: [FitOptions, RegExp][] = [
    [{ method: "median" as never }, /method/],
    [{ gamma: NaN }, /gamma/],
    [{ gamma: { length: Infinity } }, /gamma/],
    [{ cycles: 0 }, /cycles/],
    [{ frac: 2 }, /frac/],
    [{ iterations: -1 }, /iterations/],
    [{ delta: -1 }, /delta/],
    [{ ratio: 0 }, /ratio/],
    [{ minimumCount: 0 }, /minimumCount/],
    [{ halfWidth: -1 }, /halfWidth/],
    [{ penalty: NaN }, /penalty/],
    [{ tolerance: -1 }, /tolerance/],
    [{ features: ["length", "length"] }, /each feature once/],
  ];
  for (const [options, message] of bad) {
    rejectsWith("calibration/bad-option", () => fit(pool, options), message);
  }
  rejectsWith(
    "calibration/missing-feature",
    () => fit(pool, { features: ["depth"] }),
    /"depth".*"length"/,
  );
  rejectsWith("calibration/missing-feature", () => fit({ scores: [1, 2], features: {} }));
  const penalty = { method: "penalty", penaltyFeature: "depth" } as const;
  rejectsWith("calibration/missing-feature", () => fit(pool, penalty));
  const uneven = { scores: [1, 2, 3], features: { length: [1, 2] } };
  rejectsWith("calibration/length-mismatch", () => fit(uneven));
  const missing = [{ score: 1, features: { length: 1 } }, { score: 1, features: {} }];
  rejectsWith("calibration/missing-feature", () => poolOfRows(missing as never));
});

Deno.test("automatic delta is 0 up to 20,000 distinct values, and a sliver of the range above", () => {
  assert.equal(automaticDelta(Array.from({ length: 20_000 }, (_, i) => i)), 0);
  assert.equal(automaticDelta([...Array.from({ length: 20_001 }, (_, i) => i), NaN]), 20);
  assert.equal(automaticDelta(Array.from({ length: 50_000 }, (_, i) => i % 9000)), 0);
});

Deno.test("fit() with mean leaves pairs with few rows exactly as they are, centred or not, in either window", () => {
  const pool = poolOfPairs(biasedPairs(50, 0.005));
  const { chosen, rejected } = pool.pairs!;
  for (const center of [true, false]) {
    for (const compat of ["paper", "repo"] as const) {
      const options = { ...lengthOnly, method: "mean", center, compat, gamma: 0.7 } as const;
      const { calibrator, scores } = fit(pool, options);
      const component = calibrator.components[0]!;
      assert(component.kind === "curve");
      const rows = new Map(component.knots.x.map((x, i) => [x, component.knots.count![i]!]));
      let left = 0;
      for (let pair = 0; pair < chosen.length; pair++) {
        const sides = [chosen[pair]!, rejected[pair]!];
        if (sides.every((side) => rows.get(pool.features.length![side]!)! >= 20)) continue;
        left++;
        for (const side of sides) assert.equal(scores[side], pool.scores[side]);
      }
      assert(left > 0 && left < chosen.length);
    }
  }
});
