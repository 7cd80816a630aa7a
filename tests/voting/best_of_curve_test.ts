import assert from "node:assert/strict";
import fc from "fast-check";
import { bestOfCurve, expectedBestOf } from "../../src/voting/best_of_curve.ts";
import { close, golden } from "./golden.ts";

interface Case {
  proxy: number[];
  value: number[];
  curve?: number[];
  m?: number;
  estimate?: number;
}

function samplesOf({ proxy, value }: Case) {
  return proxy.map((score, index) => ({ proxy: score, value: value[index]! }));
}

Deno.test("expectedBestOf() equals the mean over all subsets, ties included", () => {
  for (const expected of golden.bestOf as Case[]) {
    expected.curve?.forEach((value, index) =>
      close(expectedBestOf(samplesOf(expected), index + 1), value, 1e-12)
    );
    if (expected.m !== undefined) {
      close(expectedBestOf(samplesOf(expected), expected.m), expected.estimate!, 1e-10);
    }
  }
});

Deno.test("expectedBestOf() lies between mean and maximum, and grows with m", () => {
  const scores = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(fc.property(scores, (values) => {
    const samples = values.map((value) => ({ proxy: value, value }));
    const curve = bestOfCurve([samples]);
    assert.equal(curve.length, values.length);
    close(curve[0]!.value, values.reduce((a, b) => a + b) / values.length, 1e-9);
    close(curve.at(-1)!.value, Math.max(...values), 1e-9);
    curve.slice(1).forEach((point, i) => assert.ok(point.value >= curve[i]!.value - 1e-9));
  }));
});

Deno.test("expectedBestOf() does not overflow with many samples", () => {
  const samples = Array.from({ length: 5000 }, (_, i) => ({ proxy: i, value: i }));
  // The expected maximum of m of 0..n-1 is m (n + 1) / (m + 1) - 1.
  close(expectedBestOf(samples, 1000), 1000 * 5001 / 1001 - 1, 1e-9);
});

Deno.test("bestOfCurve() averages prompts as far as all of them reach, and gives the KL divergence", () => {
  const prompt = (values: number[]) => values.map((value) => ({ proxy: value, value }));
  const curve = bestOfCurve([prompt([1, 3]), prompt([5, 7, NaN, 9]), prompt([NaN])]);
  assert.deepEqual(curve.map(({ m }) => m), [1, 2]);
  close(curve[0]!.value, (2 + 7) / 2);
  close(curve[1]!.kl, Math.log(2) - 0.5);
  assert.deepEqual(bestOfCurve([]), []);
  assert.equal(bestOfCurve([prompt([1, 2, 3])], 2).length, 2);
});

Deno.test("expectedBestOf() answers NaN for too few samples, and throws on an m that is none", () => {
  assert.ok(Number.isNaN(expectedBestOf([{ proxy: 1, value: 1 }], 2)));
  assert.throws(() => expectedBestOf([], 0), { code: "voting/bad-option" });
});
