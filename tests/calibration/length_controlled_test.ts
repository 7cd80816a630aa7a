import assert from "node:assert/strict";
import {
  alpacaEvalPreference,
  type ControlledComparison,
  lengthControlledWinRate,
} from "../../src/calibration/length_controlled.ts";
import { fitLogisticL1 } from "../../src/calibration/logistic_regression.ts";
import { assertClose, rejectsWith } from "./assertions.ts";
import golden from "../golden/calibration/length_controlled.json" with { type: "json" };

function comparisonsOf(entry: (typeof golden.cases)[number]): ControlledComparison[] {
  return entry.preference.map((preference, i) => ({
    preference,
    lengthDifference: entry.lengthDifference[i]!,
    difficulty: entry.difficulty[i]!,
  }));
}

Deno.test("lengthControlledWinRate() equals scikit-learn's liblinear at every C", () => {
  for (const entry of golden.cases) {
    for (const [c, expected] of Object.entries(entry.coefficientsByC)) {
      const { weights } = lengthControlledWinRate(comparisonsOf(entry), {
        c: Number(c),
        gamed: entry.gamed,
      });
      const found = [weights.length, weights.difficulty, weights.model];
      assertClose(found, expected, 1e-8, `${entry.name} at ${c}`);
    }
  }
});

Deno.test("lengthControlledWinRate() chooses the same C by cross-validation, and the same rate", () => {
  for (const entry of golden.cases) {
    const found = lengthControlledWinRate(comparisonsOf(entry), { gamed: entry.gamed });
    assertClose([found.c / entry.chosenC], [1], 1e-12, entry.name);
    assertClose([found.lengthControlledWinRate], [entry.lengthControlledWinRate], 1e-7, entry.name);
    assertClose([found.standardError!], [entry.standardError], 1e-7, entry.name);
  }
});

Deno.test("lengthControlledWinRate() of a baseline against itself is 50", () => {
  const self = Array.from({ length: 20 }, () => ({ preference: 0.5, lengthDifference: 0 }));
  const found = lengthControlledWinRate(self);
  assert.deepEqual([found.winRate, found.lengthControlledWinRate], [50, 50]);
  assert.deepEqual(found.weights, { length: 0, difficulty: 0, model: 0 });
});

Deno.test("lengthControlledWinRate() has nothing to control for at equal length differences", () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({
    preference: i < 15 ? 1 : 0,
    lengthDifference: 100,
  }));
  const found = lengthControlledWinRate(rows, { c: 1e6 });
  assert.equal(found.weights.length, 0);
  assertClose([found.lengthControlledWinRate], [75], 1e-3);
});

Deno.test("lengthControlledWinRate() refuses too few comparisons and bad options", () => {
  const rows = Array.from({ length: 10 }, (_, i) => ({ preference: 0.5, lengthDifference: i }));
  rejectsWith("calibration/too-few-rows", () => lengthControlledWinRate(rows.slice(1)), /found 9/);
  const outside = [...rows, { preference: 2, lengthDifference: 0 }];
  rejectsWith("calibration/bad-preference", () => lengthControlledWinRate(outside));
  for (const options of [{ c: 0 }, { c: Infinity }, { grid: [] }, { folds: 1 }, { folds: 11 }]) {
    rejectsWith("calibration/bad-option", () => lengthControlledWinRate(rows, options));
  }
});

Deno.test("fitLogisticL1() finds the minimum: no step to either side makes it smaller", () => {
  const columns = [
    Float64Array.from({ length: 50 }, (_, i) => Math.sin(i)),
    Float64Array.from({ length: 50 }, (_, i) => (i % 7) / 7),
    new Float64Array(50),
  ];
  const targets = Float64Array.from({ length: 50 }, (_, i) => (i % 3) / 2);
  const weights = new Float64Array(50).fill(1);
  const objective = (w: ArrayLike<number>) => {
    let sum = 0;
    for (let row = 0; row < 50; row++) {
      const eta = columns.reduce((total, column, j) => total + w[j]! * column[row]!, 0);
      const loss = Math.log1p(Math.exp(-eta)) * targets[row]! +
        Math.log1p(Math.exp(eta)) * (1 - targets[row]!);
      sum += 5 * loss;
    }
    return sum + Array.from(w).reduce((total, value) => total + Math.abs(value), 0);
  };
  const found = fitLogisticL1({ columns, targets, weights }, 5);
  assert.equal(found[2], 0); // a column of zeros is worth nothing
  const least = objective(found);
  for (let j = 0; j < 3; j++) {
    for (const step of [-1e-4, 1e-4]) {
      assert(objective(found.map((value, k) => k === j ? value + step : value)) > least);
    }
  }
});

Deno.test("alpacaEvalPreference() maps stored preferences to probabilities", () => {
  assert.deepEqual([0, 1, 1.5, 2].map(alpacaEvalPreference), [0.5, 0, 0.5, 1]);
});
