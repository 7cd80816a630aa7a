import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fitBayesianPairs } from "../../src/fitting/bayesian_pairs.ts";
import { type BayesianHead, fitBayesianRatings } from "../../src/fitting/bayesian_ratings.ts";
import { whiten } from "../../src/fitting/evidence.ts";
import { assertClose, rejectsWith } from "../calibration/assertions.ts";

interface Expected {
  readonly features: readonly number[];
  readonly dimension: number;
  readonly penalty: number;
  readonly weight: readonly number[];
  readonly at: readonly (readonly number[])[];
  readonly score: readonly number[];
  readonly std: readonly number[];
}

const golden = JSON.parse(
  await readFile(new URL("../golden/fitting/bayesian.json", import.meta.url), "utf8"),
) as {
  readonly ratings: readonly (Expected & {
    readonly ratings: readonly number[];
    readonly noise: number;
  })[];
  readonly pairs: readonly (Expected & {
    readonly pairs: readonly number[];
    readonly given: number | null;
    readonly marginStd: number;
    readonly labelSmoothing?: readonly number[];
    readonly margin?: readonly number[];
  })[];
};

const tolerance = 1e-12;

function norm(values: Float64Array): number {
  return Math.hypot(...values);
}

function assertHead(head: BayesianHead, expected: Expected): void {
  assertClose([head.penalty / expected.penalty], [1], 1e-9, "penalty");
  assertClose(head.weight, expected.weight, 1e-9, "weight");
  const std = expected.at.map((row) => Math.sqrt(norm(whiten(head.factor, row)) ** 2 + head.noise));
  assertClose(std, expected.std, 1e-9, "deviation");
}

Deno.test("fitBayesianRatings() equals scikit-learn's BayesianRidge and NumPy's closed form", () => {
  for (const expected of golden.ratings) {
    const features = Float32Array.from(expected.features);
    const { dimension, ratings } = expected;
    const head = fitBayesianRatings(dimension, features, ratings, { tolerance });
    assertHead(head, expected);
    assertClose([head.noise], [expected.noise], 1e-9);
    const given = fitBayesianRatings(dimension, features, ratings, { penalty: expected.penalty });
    assertHead(given, expected);
    assert.ok(head.determined > 0 && head.determined < dimension);
  }
});

Deno.test("fitBayesianPairs() equals Laplace's approximation by NumPy, with smoothing and margins", () => {
  for (const { given, marginStd, labelSmoothing, margin, pairs, ...expected } of golden.pairs) {
    const head = fitBayesianPairs({
      dimension: expected.dimension,
      features: Float32Array.from(expected.features),
      pairs: Uint32Array.from(pairs),
      labelSmoothing: labelSmoothing && Float64Array.from(labelSmoothing),
      margin: margin && Float64Array.from(margin),
    }, { tolerance, penalty: given ?? undefined });
    assertHead(head, expected);
    const [first, second] = expected.at.map((row) => whiten(head.factor, row)) as [
      Float64Array,
      Float64Array,
    ];
    assertClose([norm(first.map((value, i) => value - second[i]!))], [marginStd], 1e-9);
  }
});

Deno.test("deviations grow where rows are few, and fall as 1/√n", () => {
  const pairs = (count: number) => ({
    dimension: 2,
    features: Float32Array.of(1, 0, 0, 0),
    pairs: Uint32Array.from({ length: 2 * count }, (_, i) => i % 8 < 6 ? i % 2 : 1 - i % 2),
  });
  const stdOf = (count: number, x: readonly number[]) =>
    norm(whiten(fitBayesianPairs(pairs(count), { penalty: 1 }).factor, x));
  assert.ok(Math.abs(stdOf(4000, [1, 0]) / stdOf(1000, [1, 0]) - 0.5) < 0.01);
  assert.ok(Math.abs(stdOf(4000, [0, 1]) - 1) < 1e-12); // no pair differs in the second feature
});

Deno.test("what no Bayesian head can be fitted on is refused by name", () => {
  const none = new Float32Array(4);
  rejectsWith("fitting/no-signal", () => fitBayesianRatings(2, none, [1, 2]));
  rejectsWith("fitting/wrong-rows", () => fitBayesianRatings(3, none, [1, 2]));
  rejectsWith("fitting/not-finite", () => fitBayesianRatings(2, none, [1, Infinity]));
  const exact = Float32Array.of(1, 2, 3, 4);
  rejectsWith("fitting/unsolvable", () => fitBayesianRatings(1, exact, [1, 2, 3, 4]));
  const unrelated = Float32Array.of(1, -1, 1, -1);
  rejectsWith("fitting/no-signal", () => fitBayesianRatings(1, unrelated, [1, 1, 1, 1]));
  const equal = { dimension: 2, features: none, pairs: Uint32Array.of(0, 1) };
  rejectsWith("fitting/no-signal", () => fitBayesianPairs(equal));
  rejectsWith("fitting/no-pairs", () => fitBayesianPairs({ ...equal, pairs: new Uint32Array() }));
  const stopped = { signal: AbortSignal.abort(new Error("stop")) };
  assert.throws(() => fitBayesianRatings(1, exact, [1, 2, 3, 5], stopped), /stop/);
});
