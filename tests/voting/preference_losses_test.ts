import assert from "node:assert/strict";
import fc from "fast-check";
import { preferenceLoss, preferredDelta } from "../../src/voting/preference_losses.ts";
import {
  cosineSimilarity,
  flagMargin,
  lengthRatio,
  priorConstraintLoss,
  priorConstraints,
  priorMargin,
  squashMargin,
} from "../../src/voting/prior_constraint.ts";
import { close, golden } from "./golden.ts";

Deno.test("preferenceLoss() equals NumPy, from -900 to 900", () => {
  for (const [delta, labelSmoothing, margin, loss] of golden.losses) {
    close(preferenceLoss(delta, { labelSmoothing, margin }), loss);
  }
});

Deno.test("preferenceLoss() is least at the preferred delta", () => {
  const alpha = fc.double({ min: 0.01, max: 0.5, noNaN: true });
  const margin = fc.double({ min: -3, max: 3, noNaN: true });
  fc.assert(fc.property(alpha, margin, (labelSmoothing, margin) => {
    const terms = { labelSmoothing, margin };
    const least = preferenceLoss(preferredDelta(terms), terms);
    for (const step of [-1, -0.01, 0.01, 1]) {
      assert.ok(preferenceLoss(preferredDelta(terms) + step, terms) >= least - 1e-12);
    }
  }));
  assert.equal(preferredDelta({ labelSmoothing: 0 }), Infinity);
});

Deno.test("priorMargin(), lengthRatio() and cosineSimilarity() equal NumPy", () => {
  const { caps, lengths, cosines } = golden.priorConstraint;
  for (const { setting, similarity, cap } of caps) {
    close(priorMargin(similarity, priorConstraints[setting as "tldr-length"]), cap);
  }
  for (const { chosen, rejected, ratio } of lengths) close(lengthRatio(chosen, rejected), ratio);
  for (const { chosen, rejected, similarity } of cosines) {
    close(cosineSimilarity(chosen, rejected), similarity);
  }
});

Deno.test("lengthRatio() of identical responses is 1, of a response and its beginning 0", () => {
  assert.equal(lengthRatio(["a", "b"], ["a", "b"]), 1);
  assert.equal(lengthRatio([], []), 1);
  assert.equal(lengthRatio([1, 2], [1, 2, 3]), 0);
});

Deno.test("cosineSimilarity() refuses embeddings of different lengths, and bears zeros", () => {
  assert.throws(() => cosineSimilarity([1], [1, 2]), { code: "voting/bad-embedding" });
  assert.equal(cosineSimilarity([0, 0], [1, 2]), 0.5);
});

Deno.test("priorConstraintLoss() and squashMargin() equal NumPy", () => {
  for (const { delta, cap, loss, squashed } of golden.priorConstraint.values) {
    close(priorConstraintLoss(delta, cap), loss);
    close(squashMargin(delta, cap), squashed);
  }
  assert.ok(Number.isNaN(squashMargin(1, -2)));
});

Deno.test("priorConstraintLoss() is least at half the cap", () => {
  fc.assert(fc.property(fc.double({ min: 0.1, max: 20, noNaN: true }), (cap) => {
    const least = priorConstraintLoss(cap / 2, cap);
    for (const step of [-0.5, 0.5]) assert.ok(priorConstraintLoss(cap / 2 + step, cap) > least);
  }));
});

Deno.test("flagMargin() tells a margin's place beside its cap", () => {
  assert.deepEqual([-1, 0, 4, 5].map((delta) => flagMargin(delta, 4)), [
    "negative",
    "within",
    "within",
    "over",
  ]);
});
