import assert from "node:assert/strict";
import { SkewTally } from "../../src/probing/skew.ts";

Deno.test("the skew is the share of pairs that the trait wins, beside people's share and what is decided otherwise", () => {
  const tally = new SkewTally();
  const pairs = [[2, 1], [1, 0], [0, 0], [-1, 0], [3, 0.5], [4, undefined]] as const;
  pairs.forEach(([margin, human], i) =>
    tally.add({ trait: "length", prompt: `${i}`, margin, human })
  );
  const [length] = tally.report().traits;
  assert.deepEqual([length!.pairs, length!.ties, length!.humanPairs], [6, 1, 5]);
  assert.equal(length!.skew.estimate, 4.5 / 6);
  assert.equal(length!.margin.estimate, 9 / 6);
  assert.equal(length!.human!.estimate, 1.5 / 5);
  assert.ok(
    Math.abs(length!.difference!.estimate! - (3.5 - 1.5) / 5) < 1e-12,
    "of the pairs with both",
  );
  assert.equal(length!.disagreement!.estimate, (0 + 1 + 0.5 + 0) / 4, "people are even on one");
});

Deno.test("traits are told apart, the one that is leaned to most first; without people there is no comparison", () => {
  const tally = new SkewTally({ seed: 1 });
  for (let i = 0; i < 20; i++) {
    tally.add({ trait: "even", prompt: `${i}`, margin: i % 2 - 0.5 });
    tally.add({ trait: "shunned", prompt: `${i}`, margin: i === 0 ? 1 : -1 });
  }
  const { traits } = tally.report();
  assert.deepEqual(traits.map(({ trait }) => trait), ["shunned", "even"]);
  assert.deepEqual([traits[0]!.human, traits[0]!.difference, traits[0]!.disagreement], [
    null,
    null,
    null,
  ]);
  const { low, estimate, high } = traits[1]!.skew;
  assert.ok(low! < estimate! && estimate! < high!);
});

Deno.test("shares that are none and traits without end are refused", () => {
  const tally = new SkewTally();
  const pair = { trait: "a", prompt: "", margin: 1 };
  assert.throws(() => tally.add({ ...pair, human: 1.5 }), { code: "probing/bad-pair" });
  for (let i = 0; i < 200; i++) tally.add({ ...pair, trait: `${i}` });
  assert.throws(() => tally.add(pair), { code: "probing/too-many-traits" });
});
