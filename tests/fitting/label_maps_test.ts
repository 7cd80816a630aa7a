import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { armoLabelMaps, rangeMap, rewardOfRating } from "../../src/fitting/label_maps.ts";

Deno.test("rewardOfRating() maps HelpSteer's ratings as the model card does", () => {
  const map = armoLabelMaps["helpsteer-verbosity"]!;
  const rewards = [0, 1, 2, 3, 4].map((rating) => rewardOfRating(rating, map));
  assert.deepEqual(rewards, [0.1, 0.3, 0.5, 0.7, 0.9]);
  assert.equal(Object.keys(armoLabelMaps).length, 5);
});

Deno.test("rewardOfRating() takes booleans, ranges and missing ratings", () => {
  assert.deepEqual([true, false].map((rating) => rewardOfRating(rating)), [1, 0]);
  assert.deepEqual([1, 3, 5].map((rating) => rewardOfRating(rating, rangeMap(1, 5))), [0, 0.5, 1]);
  assert.ok([null, undefined].every((rating) => Number.isNaN(rewardOfRating(rating))));
});

Deno.test("rewardOfRating() refuses what is no rating", () => {
  for (const rating of ["4", NaN, Infinity, {}, []]) {
    assert.throws(
      () => rewardOfRating(rating),
      (error) => error instanceof AssayError && error.code === "fitting/bad-label",
    );
  }
});
