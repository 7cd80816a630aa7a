import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import {
  debiasedRewards,
  debiasVerbosity,
  verbosityPenalties,
} from "../../src/fitting/verbosity_debiasing.ts";
import { testWhere } from "../requirement.ts";
import { largestDifference, sharedFixture } from "./golden.ts";

const fixture = sharedFixture<{
  rewards: number[][];
  verbosity_dim: number;
  threshold: number;
  grid: number[];
  penalty: number[];
  corr: number[];
  transform: number[][];
  adjusted_first: number[];
}>("armo_verbosity.json");

testWhere(
  fixture === undefined ? "no ../shared/fixtures beside the repository" : undefined,
  "debiasVerbosity() equals the fixture armo_verbosity",
  () => {
    const { rewards, verbosity_dim, threshold, grid, penalty, corr, transform } = fixture!;
    const flat = Float64Array.from(rewards.flat());
    const found = debiasVerbosity(flat, penalty.length, verbosity_dim, { threshold });
    assert.deepEqual([...verbosityPenalties], grid);
    assert.deepEqual(found.objectives.map((of) => of.penalty), penalty);
    assert.ok(largestDifference(found.objectives.map((of) => of.after ?? NaN), corr) < 1e-12);
    assert.deepEqual([...found.transform], transform.flat());
    const adjusted = debiasedRewards(flat.subarray(0, penalty.length), found.transform);
    assert.ok(largestDifference(adjusted, fixture!.adjusted_first) < 1e-12);
  },
);

/** Verbosity first, then objectives made of it. */
function rewardsOf(...others: ((verbosity: number) => number)[]): Float64Array {
  const rows = Array.from({ length: 30 }, (_, row) => ((row * 7) % 30) / 10);
  return Float64Array.from(rows.flatMap((v) => [v, ...others.map((of) => of(v))]));
}

Deno.test("debiasVerbosity() leaves an objective alone that verbosity speaks against", () => {
  const { objectives } = debiasVerbosity(rewardsOf((v) => -v), 2, 0);
  assert.deepEqual(objectives[1], { penalty: 0, before: -1, after: -1, reached: true });
});

Deno.test("debiasVerbosity() takes the penalty 1, not the grid's last, where none is enough", () => {
  const { objectives, transform } = debiasVerbosity(rewardsOf((v) => 3 * v), 2, 0);
  assert.deepEqual(objectives[1], { penalty: 1, before: 1, after: 1, reached: false });
  assert.deepEqual([...transform], [0, -1, 0, 1]);
});

Deno.test("debiasVerbosity() makes verbosity's own reward 0 for every response", () => {
  const rewards = rewardsOf((v) => v * v, (v) => Math.sin(9 * v));
  const { transform } = debiasVerbosity(rewards, 3, 0);
  const debiased = debiasedRewards(rewards, transform);
  assert.ok(debiased.every((x, i) => i % 3 !== 0 || x === 0));
});

Deno.test("debiasVerbosity() leaves a constant objective alone, unless as released", () => {
  const rewards = rewardsOf(() => 0.5);
  const [, alone] = debiasVerbosity(rewards, 2, 0).objectives;
  assert.deepEqual(alone, { penalty: 0, before: null, after: null, reached: true });
  // As released: r − λ v falls with v as soon as λ > 0, and the first comparison is with NaN.
  const [, released] =
    debiasVerbosity(rewards, 2, 0, { constantObjectives: "released" }).objectives;
  assert.equal(released!.penalty, 0.01);
});

Deno.test("debiasVerbosity() takes nothing away where verbosity is constant", () => {
  const rewards = Float64Array.of(1, 0.5, 1, 0.7, 1, 0.2);
  const { objectives, transform } = debiasVerbosity(rewards, 2, 0);
  assert.equal(objectives[1]!.penalty, 0);
  assert.deepEqual([...transform], [0, 0, 0, 1]);
});

Deno.test("debiasVerbosity() refuses an objective that is not there, and no rewards", () => {
  const rewards = Float64Array.of(1, 2);
  const hasCode = (code: string) => (error: unknown) =>
    error instanceof AssayError && error.code === code;
  for (const verbosity of [2, -1, 0.5]) {
    assert.throws(() => debiasVerbosity(rewards, 2, verbosity), hasCode("fitting/bad-objective"));
  }
  assert.throws(() => debiasVerbosity(new Float64Array(), 2, 0), hasCode("fitting/wrong-rows"));
  assert.throws(() => debiasVerbosity(rewards, 3, 0), hasCode("fitting/wrong-rows"));
});
