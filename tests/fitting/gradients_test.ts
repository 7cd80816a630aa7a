import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { preferenceSlope } from "../../src/fitting/bradley_terry.ts";
import { contrastiveHead } from "../../src/fitting/contrastive_head.ts";
import { GatingNetwork } from "../../src/fitting/gating_network.ts";
import { type HeadLearner, linearHead } from "../../src/fitting/linear_head.ts";
import { responseDifference } from "../../src/fitting/meta_reward.ts";
import { batchOfPairs } from "../../src/fitting/preference_pairs.ts";
import { simcse } from "../../src/fitting/simcse.ts";
import { sinkhorn, swav } from "../../src/fitting/swav.ts";
import { preferenceLoss } from "../../src/voting/preference_losses.ts";

function drawn(count: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: count }, () => 2 * random() - 1);
}

/** Asserts that a gradient is the slope of `loss` along each of `values`, by central differences. */
function assertGradient(loss: () => number, values: Float64Array, gradient: Float64Array): void {
  const step = 1e-5;
  values.forEach((value, i) => {
    values[i] = value + step;
    const above = loss();
    values[i] = value - step;
    const below = loss();
    values[i] = value;
    const slope = (above - below) / (2 * step);
    const error = Math.abs(slope - gradient[i]!);
    assert.ok(error < 1e-6 * Math.max(1, Math.abs(slope)), `${i}: ${slope} or ${gradient[i]}`);
  });
}

Deno.test("preferenceSlope() is the slope of preferenceLoss()", () => {
  const number = fc.double({ min: -20, max: 20, noNaN: true });
  fc.assert(
    fc.property(number, number, fc.double({ min: 0, max: 1, noNaN: true }), (d, margin, alpha) => {
      const terms = { margin, labelSmoothing: alpha };
      const slope = (preferenceLoss(d + 1e-5, terms) - preferenceLoss(d - 1e-5, terms)) / 2e-5;
      assert.ok(Math.abs(slope - preferenceSlope(d, terms)) < 1e-6);
    }),
    { seed: 1 },
  );
});

Deno.test("responseDifference() has the range of the paper and slopes that fit", () => {
  for (const count of [1, 2, 3, 6]) {
    const scores = drawn(count, count);
    const { value, slopes } = responseDifference(scores);
    assert.ok(value >= (count - 1) / (2 * count) && (count === 1 || value < (count - 1) / count));
    assertGradient(() => responseDifference(scores).value, scores, slopes);
  }
});

Deno.test("simcse() has gradients that fit, by both views", () => {
  const [s, t] = [drawn(12, 1), drawn(12, 2)];
  const { first, second } = simcse(s, t, 3, 0.5);
  assertGradient(() => simcse(s, t, 3, 0.5).loss, s, first);
  assertGradient(() => simcse(s, t, 3, 0.5).loss, t, second);
});

Deno.test("simcse() takes the cosine with a vector of zeros as 0", () => {
  const zeros = new Float64Array(6);
  const { loss, first } = simcse(zeros, zeros, 3, 0.05);
  assert.ok(Math.abs(loss - Math.log(2)) < 1e-12);
  assert.deepEqual([...first], [0, 0, 0, 0, 0, 0]);
});

Deno.test("sinkhorn() gives each item shares that sum to 1 and uses prototypes alike", () => {
  const shares = sinkhorn(drawn(40, 3), 4, 0.5, 60);
  const used = [0, 0, 0, 0];
  shares.forEach((share, i) => used[i % 4]! += share);
  for (let item = 0; item < 10; item++) {
    const sum = shares.subarray(4 * item, 4 * item + 4).reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - 1) < 1e-12);
  }
  assert.ok(used.every((sum) => Math.abs(sum - 2.5) < 1e-6), `${used}`);
});

Deno.test("swav() stays finite where a prototype is far from every item", () => {
  const items = Float64Array.of(1, 0, 1, 0.01, 1, -0.01);
  const prototypes = Float64Array.of(1, 0, -1, 0);
  const result = swav(items, items, prototypes, 2, { epsilon: 0.001 });
  assert.ok(Number.isFinite(result.loss));
  assert.ok(
    [result.first, result.second, result.prototypes].every((of) => of.every(Number.isFinite)),
  );
});

const pairs = {
  dimension: 4,
  features: Float32Array.from(drawn(24, 4)),
  pairs: Uint32Array.of(0, 1, 2, 3, 4, 5, 1, 4),
  labelSmoothing: Float64Array.of(0, 0.1, 0.2, 0),
  margin: Float64Array.of(0, 0.5, -0.5, 1),
};

/** Checks the gradients of a learner; each call of `make` gives one that draws alike. */
function assertLearner(make: () => HeadLearner): void {
  const batch = batchOfPairs(pairs, [0, 1, 2, 3]);
  const learner = make();
  learner.accumulate(batch);
  learner.parameters.forEach(({ gradient }, index) => {
    const moved = learner.parameters[index]!.value.slice();
    assertGradient(
      () => {
        const other = make();
        other.parameters[index]!.value.set(moved);
        return other.accumulate(batch);
      },
      moved,
      gradient,
    );
  });
}

Deno.test("the learners of linear and contrastive heads have gradients that fit", () => {
  assertLearner(() => linearHead(4, drawn(4, 5)));
  for (const items of ["pairs", "difference"] as const) {
    const start = { projection: drawn(12, 6), head: drawn(3, 7) };
    const options = { kind: "simcse", items, weight: 0.7, dropout: 0.3, temperature: 0.5, seed: 8 };
    assertLearner(() => contrastiveHead(4, { ...options, kind: "simcse", start }));
  }
});

Deno.test("GatingNetwork.backward() has gradients that fit, with and without dropout", () => {
  for (const rate of [0, 0.3]) {
    const shape = { dimension: 4, objectives: 3, hiddenSize: 6, hiddenLayers: 2, temperature: 2 };
    const network = GatingNetwork.create(shape, 3);
    network.logitScale.value[0] = 1.7;
    const prompts = drawn(20, 9);
    const slopes = drawn(15, 10);
    const forward = () => network.forward(prompts, { rate, random: seededRandom(11) });
    const loss = (): number => forward().gating.reduce((sum, g, i) => sum + g * slopes[i]!, 0);
    network.backward(forward(), slopes);
    for (const { value, gradient } of network.parameters) assertGradient(loss, value, gradient);
  }
});

Deno.test("GatingNetwork.create() gives the same gate for the same seed, another for another", () => {
  const shape = { dimension: 8, objectives: 3, hiddenSize: 4 };
  const values = (seed: number): number[] =>
    GatingNetwork.create(shape, seed).parameters.flatMap(({ value }) => [...value]);
  assert.deepEqual(values(1), values(1));
  assert.notDeepEqual(values(1), values(2));
  assert.equal(values(1).length, 4 * 8 + 4 + 2 * (4 * 4 + 4) + 3 * 4 + 3 + 1);
  assert.ok(values(1).slice(0, 32).every((x) => Math.abs(x) <= 1 / Math.sqrt(8)));
});
