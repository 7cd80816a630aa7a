import assert from "node:assert/strict";
import type { Row } from "../../../src/data/rows.ts";
import {
  pairsFromSamples,
  type SamplePairOptions,
} from "../../../src/tasks/curate/sample_pairs.ts";
import { rowsInMemory } from "../../../src/tasks/repeatable_rows.ts";

const make = (rows: readonly Row[], options?: SamplePairOptions) =>
  Array.fromAsync(pairsFromSamples(rowsInMemory(rows).read(), options));

const responses = ["It is 4.", "5, I think", "It is 4!", "it is 4", "No idea at all"];
const sums = {
  id: 7,
  prompt: "2 + 2?",
  responses,
  scores: [1, 2, 3, 0, -1],
  tokens: [1, 2, 3, 4, 5],
};

Deno.test("pairsFromSamples() prefer one of the largest group to one outside, softly", async () => {
  const [pair] = await make([sums], { seed: 3 });
  const { row } = pair!;
  assert.ok([0, 2, 3].includes(row.chosen_sample as number));
  assert.ok([1, 4].includes(row.rejected_sample as number));
  assert.equal(row.chosen, responses[row.chosen_sample as number]);
  assert.equal(row.rejected, responses[row.rejected_sample as number]);
  assert.deepEqual([row.confidence, row.group_sizes], [0.6, [3, 1, 1]]);
  assert.equal(row.label_smoothing, 1 - 0.6);
  assert.deepEqual([row.id, row.prompt, row.source_row], [7, "2 + 2?", 0]);
  assert.ok(!("responses" in row) && !("scores" in row) && !("tokens" in row));
  assert.equal(row.chosen_score, sums.scores[row.chosen_sample as number]);
});

Deno.test("pairsFromSamples() choose by seed and place alone, or by scores", async () => {
  const rows = new Array<Row>(20).fill(sums);
  const places = async (some: readonly Row[], seed: number) =>
    (await make(some, { seed })).map(({ row }) => [row.chosen_sample, row.rejected_sample]);
  const first = await places(rows, 1);
  assert.deepEqual(await places(rows, 1), first);
  assert.notDeepEqual(await places(rows, 2), first);
  assert.deepEqual(
    await places([...rows.slice(0, 5), { prompt: "" }], 1).then((p) => p.slice(0, 5)),
    [
      ...first.slice(0, 5),
    ],
  );
  assert.ok(new Set(first.map(String)).size > 3);
  const [best] = await make([sums], { pick: "score" });
  assert.deepEqual([best!.row.chosen_sample, best!.row.rejected_sample], [2, 4]);
  const [unscored] = await make([{ ...sums, scores: [1] }], { pick: "score" });
  assert.equal(unscored!.error?.code, "data/bad-row");
});

Deno.test("pairsFromSamples() make none where the policy is not sure, and say why", async () => {
  const left = await make([
    { prompt: "?", responses: ["a b", "c d", "e f"] },
    { prompt: "?", responses: ["yes", "no", "yes", "no"] },
    { prompt: "?", responses: ["yes", "Yes"] },
    { prompt: "?", responses: ["a", "a", "b", "c", "d"] },
    { prompt: "?", responses: ["alone"] },
    { prompt: "?", chosen: "a", rejected: "b" },
    { prompt: "?", responses: new Array(1025).fill("a") },
  ]);
  assert.deepEqual(left.map((one) => one.left ?? one.error?.code), [
    "tied",
    "tied",
    "alike",
    "unsure",
    "data/bad-row",
    "data/bad-row",
    "data/bad-row",
  ]);
  const [now] = await make([{ prompt: "?", responses: ["a", "a", "b", "c", "d"] }], {
    confidence: 0.4,
  });
  assert.equal(now!.row.chosen, "a");
  await assert.rejects(make([], { alike: 2 }), { code: "voting/bad-option" });
});

Deno.test("pairsFromSamples() compare vectors, and messages by what they say", async () => {
  const message = (content: string) => [{ role: "assistant", content }];
  const row = {
    prompt: [{ role: "user", content: "?" }],
    responses: ["x", "y", "z"].map(message),
    embeddings: [[1, 0], [0.9, 0.1], [0, 1]],
  };
  const [pair] = await make([row], { similarity: "embedding" });
  assert.deepEqual(pair!.row.rejected, message("z"));
  assert.ok(!("embeddings" in pair!.row));
  const [bad] = await make([{ ...row, embeddings: [[1], [2]] }], { similarity: "embedding" });
  assert.match(bad!.error!.message, /expected 3 vectors in column "embeddings".*found 2/);
  const [odd] = await make([{ ...row, embeddings: [[1], [2], [1, 2]] }], {
    similarity: "embedding",
  });
  assert.equal(odd!.error?.code, "voting/bad-embedding");
});
