import assert from "node:assert/strict";
import { cosineSimilarity } from "../../src/voting/prior_constraint.ts";
import { groupSamples, wordOverlap } from "../../src/voting/sample_groups.ts";
import { close } from "./golden.ts";

interface Case {
  readonly texts?: readonly string[];
  readonly vectors?: readonly (readonly number[])[];
  readonly alike: number;
  readonly similarity: readonly (readonly number[])[];
  readonly groups: readonly number[];
  readonly sizes: readonly number[];
  readonly largest: number | null;
  readonly confidence: number;
}

const file = new URL("../golden/voting/sample_groups.json", import.meta.url);
const cases = JSON.parse(await Deno.readTextFile(file)) as Case[];

Deno.test("groupSamples() groups as SciPy's single linkage does, by words and by vectors", () => {
  for (const { texts, vectors, alike, similarity, ...expected } of cases) {
    const measured = (i: number, j: number) =>
      texts !== undefined
        ? wordOverlap(texts[i]!, texts[j]!)
        : cosineSimilarity(vectors![i]!, vectors![j]!);
    const count = similarity.length;
    similarity.forEach((row, i) =>
      row.forEach((value, j) => close(measured(i, j), value, i === j ? 1e-7 : 1e-12))
    );
    assert.deepEqual(groupSamples(count, measured, alike), expected);
  }
});

Deno.test("groupSamples() chain samples, and name no largest group where two are as large", () => {
  const near = (i: number, j: number) => Math.abs(i - j) <= 1 ? 1 : 0;
  assert.deepEqual(groupSamples(4, near, 1).sizes, [4]);
  const halves = groupSamples(4, (i, j) => i % 2 === j % 2 ? 1 : 0, 0.5);
  assert.deepEqual(halves, { groups: [0, 1, 0, 1], sizes: [2, 2], largest: null, confidence: 0.5 });
  assert.deepEqual(groupSamples(2, () => NaN, 0).sizes, [1, 1]);
  assert.throws(() => groupSamples(0, () => 1, 0.5), { code: "voting/bad-option" });
  assert.throws(() => groupSamples(2, () => 1, 2), { code: "voting/bad-option" });
  assert.equal(wordOverlap("", " "), 1);
});
