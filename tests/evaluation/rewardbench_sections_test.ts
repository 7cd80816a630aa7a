import assert from "node:assert/strict";
import {
  rewardBench2Score,
  rewardBench2Subsets,
  rewardBenchScore,
  rewardBenchSections,
  rewardBenchWeights,
} from "../../src/evaluation/rewardbench_sections.ts";

const weights = Object.values(rewardBenchWeights).flatMap((subsets) => Object.entries(subsets));

Deno.test("RewardBench has 23 subsets with 2,985 pairs, of which math-prm's 447 count as 984", () => {
  assert.equal(weights.length, 23);
  assert.equal(new Set(weights.map(([name]) => name)).size, 23);
  assert.equal(weights.reduce((sum, [, weight]) => sum + weight, 0), 2985 - 447 + 984);
  const totals = Object.values(rewardBenchWeights).map((subsets) =>
    Object.values(subsets).reduce((sum, weight) => sum + weight)
  );
  assert.deepEqual(totals, [358, 456, 740, 1968]);
});

Deno.test("rewardBenchSections() weights subsets by their counts", () => {
  const only = (right: string) => new Map(weights.map(([name]) => [name, name === right ? 1 : 0]));
  const sectionOf = (right: string) =>
    rewardBenchSections(only(right)).map(({ accuracy }) => accuracy);
  assert.deepEqual(sectionOf("mt-bench-easy"), [28 / 358, 0, 0, 0]);
  assert.deepEqual(sectionOf("llmbar-adver-GPTOut"), [0, 47 / 456, 0, 0]);
  assert.deepEqual(sectionOf("xstest-should-refuse"), [0, 0, 154 / 740, 0]);
  assert.deepEqual(sectionOf("xstest-should-respond"), [0, 0, 250 / 740, 0]);
  assert.deepEqual(sectionOf("math-prm"), [0, 0, 0, 0.5]);
  assert.equal(rewardBenchScore(only("math-prm")), 0.125);
});

Deno.test("rewardBenchSections() takes the subsets that are there and names the others", () => {
  const sections = rewardBenchSections(
    new Map([["hep-go", 1], ["hep-js", 0.5], ["something-else", 0]]),
  );
  assert.deepEqual(sections, [{
    name: "Reasoning",
    accuracy: 0.75,
    present: ["hep-go", "hep-js"],
    missing: ["math-prm", "hep-cpp", "hep-java", "hep-python", "hep-rust"],
  }]);
  assert.deepEqual(rewardBenchSections(new Map()), []);
});

Deno.test("the benchmarks' scores are null unless every subset is there", () => {
  const all = new Map(weights.map(([name]) => [name, 1]));
  assert.equal(rewardBenchScore(all), 1);
  all.delete("donotanswer");
  assert.equal(rewardBenchScore(all), null);
  const second = new Map(rewardBench2Subsets.map((name, index) => [name, index / 10]));
  assert.ok(Math.abs(rewardBench2Score(second)! - 0.25) < 1e-15);
  second.delete("Ties");
  assert.equal(rewardBench2Score(second), null);
});
