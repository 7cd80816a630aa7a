import assert from "node:assert/strict";
import { fit } from "../../src/calibration/fit.ts";
import { poolOfPairs, poolOfRows } from "../../src/calibration/pool.ts";
import { rejectsWith } from "./assertions.ts";
import { biasedPairs } from "./pools.ts";

Deno.test("gamma auto corrects a biased judge", () => {
  const pool = poolOfPairs(biasedPairs(300, 0.01));
  const { diagnostics, calibrator } = fit(pool, { features: ["length"], gamma: "auto" });
  const { gamma, grid, heldOutAccuracy, folds, pairs } = diagnostics.gammaChoice!;
  assert(gamma > 0.5, `${gamma}`);
  assert.deepEqual([folds, pairs, grid.length], [5, 300, 21]);
  const accuracyAt = (value: number) => grid.find((step) => step.gamma === value)!.accuracy;
  assert.equal(accuracyAt(0), diagnostics.accuracy!.overall.before);
  assert(accuracyAt(gamma) > accuracyAt(0) + 0.2);
  assert(Math.abs(heldOutAccuracy - accuracyAt(gamma)) < 0.05);
  const component = calibrator.components[0]!;
  assert(component.kind === "curve");
  assert.equal(component.gamma, gamma);
});

Deno.test("gamma auto leaves scores alone where length is what makes the better response", () => {
  const pairs = Array.from({ length: 100 }, (_, i) => ({
    chosen: { score: 3 + (i % 10) / 10, features: { length: 300 + (i * 37) % 200 } },
    rejected: { score: 1 + (i % 7) / 10, features: { length: 100 + (i * 53) % 200 } },
  }));
  const { diagnostics, scores } = fit(poolOfPairs(pairs), { gamma: "auto" });
  assert.equal(diagnostics.gammaChoice!.gamma, 0);
  assert.deepEqual([...scores], Array.from(poolOfPairs(pairs).scores));
});

Deno.test("gamma auto works for every method and for several features", () => {
  const pool = poolOfPairs(biasedPairs(60, 0.01));
  for (const method of ["mean", "lwr", "lwr-penalty", "penalty"] as const) {
    const options = { method, minimumCount: 3, gammaSearch: { grid: [0, 0.5, 1], folds: 3 } };
    const { diagnostics } = fit(pool, { ...options, gamma: "auto", force: true });
    assert([0, 0.5, 1].includes(diagnostics.gammaChoice!.gamma));
    assert(diagnostics.accuracy!.overall.after >= diagnostics.accuracy!.overall.before - 0.05);
  }
});

Deno.test("gamma auto is repeatable and skips pairs that are not finite", () => {
  const pairs = biasedPairs(60, 0.01);
  const broken = [...pairs, {
    chosen: { score: NaN, features: { length: 5, markdown: 0 } },
    rejected: { score: 1, features: { length: 5, markdown: 0 } },
  }];
  const choose = () =>
    fit(poolOfPairs(broken), { features: ["length"], gamma: "auto" }).diagnostics.gammaChoice;
  assert.deepEqual(choose(), choose());
  assert.equal(choose()!.pairs, 60);
});

Deno.test("gamma auto says that it needs labelled pairs", () => {
  const rows = poolOfRows([1, 2, 3, 4].map((score) => ({ score, features: { length: score } })));
  rejectsWith("calibration/no-labels", () => fit(rows, { gamma: "auto" }), /found 0/);
  const few = poolOfPairs(biasedPairs(9, 0.01));
  rejectsWith("calibration/no-labels", () => fit(few, { gamma: "auto" }), /at least 10.*found 9/);
});
