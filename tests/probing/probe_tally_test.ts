import assert from "node:assert/strict";
import type { Change, ChangeTarget } from "../../src/probing/change.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { ProbeTally } from "../../src/probing/probe_tally.ts";

const change = (name: string, target: ChangeTarget = "response"): Change => ({
  name,
  kind: "phrases",
  target,
  summary: "",
  apply: (text) => text,
});

/** Adds a row's scores and what one change makes of them. */
function add(
  tally: ProbeTally,
  scores: number[],
  changed: (number | undefined)[],
  { isPair = true, prompt = String(scores), index = 0 } = {},
): void {
  if (index === 0) tally.addRow(scores, scores[0]!);
  const cluster = tally.clusterOf(prompt);
  tally.changes[index]!.add({ cluster, isPair, scores, changed, addedLengths: [3] });
}

Deno.test("the change of score is in standard deviations of the scores before", () => {
  const tally = new ProbeTally([change("a")]);
  add(tally, [1, 3], [2, undefined]);
  add(tally, [5, 7], [8, 8]);
  const { pool, changes: [report] } = tally.report();
  assert.deepEqual(pool, { responses: 4, mean: 4, deviation: Math.sqrt(5) });
  const expected = (1 + 3 + 1) / 3 / Math.sqrt(5);
  assert.ok(Math.abs(report!.scoreChange.estimate! - expected) < 1e-12);
  assert.equal(report!.rows, 2);
  assert.equal(report!.addedLength, 3);
});

Deno.test("flips of pairs: the loser alone, the winner alone, both; equal afterwards is half", () => {
  const tally = new ProbeTally([change("a")]);
  add(tally, [2, 1], [3, 3]); // the loser passes alone; the winner stays; both meet
  add(tally, [1, 2], [5, 0]); // chosen is the loser and passes; the winner falls; both turn
  add(tally, [4, 4], [9, 0]); // no preference before
  const { flips, preferences, accuracy } = tally.report().changes[0]!;
  assert.equal(flips!.loser!.estimate, 1);
  assert.equal(flips!.winner!.estimate, 0.5);
  assert.equal(flips!.both!.estimate, 0.75);
  assert.equal(preferences, 2);
  assert.deepEqual(accuracy, { pairs: 3, before: 0.5, both: 2.5 / 3, rejected: 2 / 3 });
});

Deno.test("of candidates the best is held against each other one; a single response has no preference", () => {
  const tally = new ProbeTally([change("a")]);
  add(tally, [3, 1, 2], [3, 4, undefined], { isPair: false });
  const [of3] = tally.report().changes;
  assert.equal(of3!.preferences, 2);
  assert.equal(of3!.flips!.loser!.estimate, 1, "the loser that the change left is not counted");
  assert.equal(of3!.flips!.both!.estimate, 0.5);
  assert.equal(of3!.accuracy, null);
  const single = new ProbeTally([change("a")]);
  add(single, [3], [4], { isPair: false });
  assert.equal(single.report().changes[0]!.flips, null);
});

Deno.test("a change to the prompt changes all responses: no side alone", () => {
  const tally = new ProbeTally([change("a", "prompt")]);
  add(tally, [2, 1], [1, 2]);
  const { flips, accuracy } = tally.report().changes[0]!;
  assert.deepEqual([flips!.loser, flips!.winner, flips!.both!.estimate], [null, null, 1]);
  assert.equal(accuracy!.rejected, null);
});

Deno.test("changes are ranked by how far scores move, those whose interval is clear of 0 first", () => {
  const tally = new ProbeTally([
    change("unsure"),
    change("one row"),
    change("sure"),
    change("more"),
  ]);
  for (let i = 0; i < 30; i++) {
    const scores = [i % 7, 10 + i % 5];
    const prompt = String(i);
    tally.addRow(scores, scores[0]!);
    const cluster = tally.clusterOf(prompt);
    const to = (index: number, by: number) =>
      tally.changes[index]!.add({
        cluster,
        isPair: true,
        scores,
        changed: scores.map((score) => score + by),
        addedLengths: [],
      });
    to(0, i % 2 === 0 ? 9 : -9.5);
    if (i === 0) to(1, 50);
    to(2, -1 - i % 2);
    to(3, -2 - i % 2);
  }
  const report = tally.report();
  assert.deepEqual(report.changes.map(({ change }) => change), [
    "more",
    "sure",
    "one row",
    "unsure",
  ]);
  assert.equal(report.changes[2]!.scoreChange.low, null, "one prompt has no interval");
});

Deno.test("intervals draw prompts, not rows: rows of one prompt count once", () => {
  const rows = (prompts: number) => {
    const tally = new ProbeTally([change("a")], { draws: 500 });
    for (let i = 0; i < 400; i++) {
      add(tally, [i % 2, 5], [(i % prompts) / prompts, 5], { prompt: `p${i % prompts}` });
    }
    const { low, high } = tally.report().changes[0]!.scoreChange;
    return high! - low!;
  };
  assert.ok(rows(8) > 3 * rows(400));
});

Deno.test("where no preference flips the interval is the exact one, and equal reports come out equal", () => {
  const made = () => {
    const tally = new ProbeTally([change("a")], { seed: 4 });
    for (let i = 0; i < 20; i++) add(tally, [i + 1, i], [i + 1.5, i + 0.5]);
    return tally.report();
  };
  const { low, high, estimate } = made().changes[0]!.flips!.loser!;
  assert.deepEqual([estimate, low], [0, 0]);
  assert.ok(Math.abs(high! - (1 - 0.025 ** (1 / 20))) < 1e-12);
  assert.deepEqual(made(), made());
});

Deno.test("an empty probe has a report", () => {
  const report = new ProbeTally([change("a")]).report();
  assert.equal(report.pool.deviation, null);
  assert.equal(report.changes[0]!.scoreChange.estimate, null);
});

Deno.test("more than 10,000 prompts are drawn in 10,000 groups, whose intervals are as wide as they should be", () => {
  const tally = new ProbeTally([change("a")], { draws: 400 });
  const random = seededRandom(5);
  const count = 25_000;
  for (let i = 0; i < count; i++) {
    tally.addRow([i % 2], i % 2); // a deviation of one half
    const cluster = tally.clusterOf(`prompt ${i}`);
    const changed = [i % 2 + (random() - 0.5) * Math.sqrt(12)]; // changes of deviation 1
    tally.changes[0]!.add({ cluster, isPair: false, scores: [i % 2], changed, addedLengths: [] });
  }
  const report = tally.report();
  assert.equal(report.prompts, count);
  assert.equal(tally.clusterOf("prompt 10007"), 7);
  const { low, high } = report.changes[0]!.scoreChange;
  const expected = 2 * 2 * 1.96 / Math.sqrt(count);
  assert.ok(Math.abs((high! - low!) / expected - 1) < 0.15, `${high! - low!} for ${expected}`);
});
