import assert from "node:assert/strict";
import fc from "fast-check";
import { categorize } from "../../src/voting/categories.ts";
import { curatedRow, swapSides, undoCuratedRow } from "../../src/voting/curated_row.ts";
import {
  countActions,
  curatePairs,
  type CurationOptions,
  type Recipe,
  recipes,
  type StrengthOfPair,
} from "../../src/voting/curation.ts";
import { sigmoid } from "../../src/numbers/sigmoid.ts";

function pairsOf(means: readonly number[]): StrengthOfPair[] {
  const categories = categorize(means);
  return means.map((mean, i) => ({
    mean,
    targetProbability: sigmoid(mean),
    category: categories[i]!,
  }));
}

function actions(means: readonly number[], recipe: Recipe, options: CurationOptions = {}): string {
  return curatePairs(pairsOf(means), recipe, options).map(({ action }) => action[0]).join("");
}

const tenMeans = [-5, 4, -1, 3, 0.5, 6, 2, -3, 1, 8];
const recipeNames = fc.constantFrom(...Object.keys(recipes) as Recipe[]);
const meansOfSets = fc.array(
  fc.oneof(fc.double({ min: -9, max: 9, noNaN: true }), fc.constant(NaN)),
  { maxLength: 30 },
);

Deno.test("curatePairs() flips the lowest tenth, and more where asked", () => {
  assert.equal(actions(tenMeans, "flip"), "fkkkkkkkkk");
  assert.equal(actions(tenMeans, "flip", { share: 0.2 }), "fkkkkkkfkk");
  assert.equal(actions(tenMeans, "flip", { below: -0.5 }), "fkfkkkkfkk");
});

Deno.test("curatePairs() flips no pair of positive strength unless told to", () => {
  const positive = tenMeans.map((mean) => mean + 10);
  assert.equal(actions(positive, "flip"), "kkkkkkkkkk");
  assert.equal(actions(positive, "flip", { anySign: true }), "fkkkkkkkkk");
});

Deno.test("curatePairs() sets the margin of the order after the flip, not below 0", () => {
  const margins = (recipe: Recipe, options?: CurationOptions) =>
    curatePairs(pairsOf(tenMeans), recipe, options).map(({ margin }) => margin);
  assert.deepEqual(margins("margin"), [0, 4, 0, 3, 0.5, 6, 2, 0, 1, 8]);
  assert.deepEqual(margins("margin", { signedMargins: true }), tenMeans);
  assert.deepEqual(margins("flip-margin"), [5, 4, 0, 3, 0.5, 6, 2, 0, 1, 8]);
  assert.deepEqual(margins("flip"), tenMeans.map(() => null));
});

Deno.test("curatePairs() smooths the labels that the recipe says", () => {
  const smoothing = (recipe: Recipe, options?: CurationOptions) =>
    curatePairs(pairsOf(tenMeans), recipe, options).map(({ labelSmoothing }) => labelSmoothing);
  assert.deepEqual(
    smoothing("soft-label-margin", { smoothing: 0.25 }),
    tenMeans.map((mean) => mean < 0 ? 0.25 : 0),
  );
  assert.equal(smoothing("soft-label-margin", { smoothStrong: true }).at(-1), 0.1);
  assert.deepEqual(smoothing("label-smoothing"), tenMeans.map(() => 0.1));
  assert.deepEqual(smoothing("soft-label"), tenMeans.map((mean) => 1 - sigmoid(mean)));
  assert.equal(actions(tenMeans, "soft-label-margin"), "skskkkkskk");
});

Deno.test("curatePairs() drops the categories that it is told", () => {
  assert.equal(actions(tenMeans, "drop"), "dkkkkkkdkk");
  assert.equal(actions(tenMeans, "drop", { drop: ["incorrect", "ambiguous"] }), "dkdkdkkdkk");
  assert.equal(actions([NaN, ...tenMeans], "drop", { drop: ["unscored"] }), "dkkkkkkkkkk");
});

Deno.test("curatePairs() keeps unscored pairs as they are", () => {
  const [pair] = curatePairs(pairsOf([NaN, 1, 2]), "soft-label-margin");
  assert.deepEqual(pair, { action: "keep", strength: NaN, margin: 0, labelSmoothing: 0 });
});

Deno.test("curatePairs() of a flipped pair with a soft label aims at the same response", () => {
  const treatments = { flip: true, drop: false, margin: false, smoothing: "voters" as const };
  const [flipped] = curatePairs(pairsOf(tenMeans), treatments);
  assert.equal(flipped?.action, "flip");
  assert.equal(flipped?.labelSmoothing, sigmoid(-5));
});

Deno.test("curatePairs() leaves every strength as it is or negates it, and never negates a positive one", () => {
  fc.assert(fc.property(meansOfSets, recipeNames, (means, recipe) => {
    const pairs = pairsOf(means);
    const curated = curatePairs(pairs, recipe);
    curated.forEach(({ action, strength, margin, labelSmoothing }, i) => {
      assert.ok(Object.is(strength, action === "flip" ? -means[i]! : means[i]));
      assert.ok(action !== "flip" || means[i]! < 0);
      assert.ok(margin === null || margin >= 0);
      assert.ok(labelSmoothing === null || (labelSmoothing >= 0 && labelSmoothing <= 1));
    });
    const counts = countActions(pairs, curated);
    assert.equal(Object.values(counts.actions).reduce((a, b) => a + b, 0), means.length);
    assert.equal(counts.unscored, means.filter(Number.isNaN).length);
  }));
});

Deno.test("curatePairs() throws on settings out of range", () => {
  const bad = { code: "voting/bad-option" };
  assert.throws(() => curatePairs([], "flip", { share: 1.5 }), bad);
  assert.throws(() => curatePairs([], "label-smoothing", { smoothing: 0.6 }), bad);
  assert.throws(() => curatePairs([], "flip", { share: NaN }), bad);
});

const plainRow = {
  id: 3,
  prompt: "2+2?",
  chosen: "5",
  rejected: "4",
  chosen_score: -1,
  rejected_score: 2,
  margin: -3,
  strength_mean: -3,
  strength_std: 0.5,
  vote_share: 0.3,
  target_probability: 0.1,
  category: "incorrect",
  margins: [-3.5, -2.5],
  score_chosen: 7,
  chosen_note: "mine",
};

Deno.test("curatedRow() of a flip exchanges the sides and everything that has a sign", () => {
  const flip = { action: "flip", strength: 3, margin: 3, labelSmoothing: null } as const;
  assert.deepEqual(curatedRow(plainRow, flip, 41), {
    id: 3,
    prompt: "2+2?",
    chosen: "4",
    rejected: "5",
    chosen_score: 2,
    rejected_score: -1,
    score_margin: 3,
    strength_mean: 3,
    strength_std: 0.5,
    vote_share: 0.7,
    target_probability: 0.9,
    category: "incorrect",
    margins: [3.5, 2.5],
    score_rejected: 7,
    rejected_note: "mine",
    original_vote_share: 0.3,
    original_target_probability: 0.1,
    action: "flip",
    flipped: true,
    source_row: 41,
    margin: 3,
  });
});

Deno.test("curatedRow() never leaves a score's margin where a trainer looks for its own", () => {
  const keep = { action: "keep", strength: -3, margin: null, labelSmoothing: null } as const;
  const row = curatedRow(plainRow, keep, 0);
  assert.ok(!("margin" in row) && row.score_margin === -3);
});

Deno.test("undoCuratedRow() gives back every row, byte for byte", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const rows = fc.record({
    prompt: fc.string(),
    chosen: fc.string(),
    rejected: fc.string(),
    chosen_score: number,
    rejected_score: number,
    margin: number,
    strength_mean: fc.double({ min: -9, max: 9, noNaN: true }),
    vote_share: fc.double({ min: 0, max: 1, noNaN: true }),
    target_probability: fc.double({ min: 0, max: 1, noNaN: true }),
    winner: fc.constantFrom("chosen", "rejected", "tie"),
    margins: fc.array(number, { maxLength: 3 }),
    subset: fc.string(),
  }, { requiredKeys: ["chosen", "rejected", "strength_mean"] });
  fc.assert(
    fc.property(fc.array(rows, { minLength: 1, maxLength: 8 }), recipeNames, (rows, recipe) => {
      const curated = curatePairs(pairsOf(rows.map((row) => row.strength_mean)), recipe, {
        share: 0.5,
      });
      rows.forEach((row, i) => {
        const undone = undoCuratedRow(curatedRow(row, curated[i]!, i));
        assert.equal(JSON.stringify(undone), JSON.stringify(row));
      });
    }),
  );
});

Deno.test("curatedRow() refuses a curated row, undoCuratedRow() one that is not", () => {
  const keep = { action: "keep", strength: 1, margin: 1, labelSmoothing: null } as const;
  const once = curatedRow(plainRow, keep, 0);
  assert.throws(() => curatedRow(once, keep, 0), { code: "voting/already-curated" });
  assert.throws(() => undoCuratedRow(plainRow), { code: "voting/not-curated" });
});

Deno.test("swapSides() twice is nothing", () => {
  const columns = fc.constantFrom("chosen", "rejected_score", "score_chosen", "id", "prechosen");
  const rows = fc.dictionary(columns, fc.integer());
  fc.assert(fc.property(rows, (row) => {
    assert.equal(JSON.stringify(swapSides(swapSides(row))), JSON.stringify(row));
  }));
});
