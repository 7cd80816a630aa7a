import assert from "node:assert/strict";
import type { ReadRow, Row } from "../../src/data/rows.ts";
import { AssayError } from "../../src/error.ts";
import { extractFeatures, type StateSource } from "../../src/fitting/feature_extraction.ts";
import { FeatureSet, splitRows } from "../../src/fitting/feature_set.ts";
import { fittingRow } from "../../src/fitting/fitting_row.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { inFolder } from "../cli/captured_output.ts";

/** Stands in for a backbone: states that tell the conversation, an error where it says so. */
function source(failing = "fail"): StateSource & { computed: number } {
  const number = (text: string): number => Number(/\d+/.exec(text)?.[0] ?? 0);
  const self = {
    name: "stand-in",
    hiddenSize: 2,
    computed: 0,
    pooledStates(conversations: readonly Conversation[]) {
      self.computed += conversations.length;
      return Promise.resolve(conversations.map((messages) => {
        const [prompt, response] = [messages.at(0)!.content, messages.at(-1)!.content];
        if (response === failing) return new AssayError("text/too-long", "too long");
        const last = Float32Array.of(number(prompt), number(response));
        const states = { last: [last], prompt: [Float32Array.of(number(prompt), -1)] };
        return { states, tokens: 3, truncated: false };
      }));
    },
  };
  return self;
}

async function* read(rows: readonly (Row | string)[]): AsyncGenerator<ReadRow> {
  for (const [i, row] of rows.entries()) {
    const error = typeof row === "string" ? new AssayError("data/bad-row", row) : undefined;
    await Promise.resolve();
    yield { line: i + 1, row: typeof row === "string" ? undefined : row, error };
  }
}

const single = (n: number): Row => ({
  id: `r${n}`,
  prompt: `p${n % 3}`,
  response: `${n}`,
  ratings: { quality: n / 10 },
});
const pair = (n: number): Row => ({
  prompt: `p${n}`,
  chosen: `${n}`,
  rejected: `${n + 100}`,
  chosen_ratings: { quality: 1 },
});

Deno.test("features come back as they were computed, shard by shard, with rows, pairs and prompts", async () => {
  await inFolder(async (folder) => {
    const rows = [single(1), pair(7), "not a row", { prompt: "p9", response: "fail" }, single(4)];
    const options = { prompts: true, rowsPerShard: 2 };
    const result = await extractFeatures(read(rows), source(), folder, options);
    assert.equal(result.rows, 5);
    assert.deepEqual(result.failed.map(({ row, error }) => [row, error.code]), [
      [2, "data/bad-row"],
      [3, "text/too-long"],
    ]);
    const features = await FeatureSet.open(folder);
    assert.equal(features.shards, 3);
    assert.equal(features.failedRows, 2);
    assert.deepEqual(features.rows.map(({ row, id, side }) => [row, id, side]), [
      [0, "r1", "single"],
      [1, null, "chosen"],
      [1, null, "rejected"],
      [4, "r4", "single"],
    ]);
    assert.deepEqual([...await features.last([0, 1, 2, 3])], [1, 1, 7, 7, 7, 107, 1, 4]);
    assert.deepEqual([...await features.last([2])], [7, 107]);
    assert.deepEqual(features.pairs, [{ chosen: 1, rejected: 2 }]);
    assert.deepEqual(features.rows[0]!.ratings, { quality: 0.1 });
    const { states, promptOfRow } = await features.prompts([0, 1, 2, 3]);
    assert.deepEqual([...promptOfRow], [0, 1, 1, 2]);
    assert.deepEqual([...states], [1, -1, 7, -1, 1, -1]);
  });
});

Deno.test("candidates are computed once each, and their pairs come back as pairs", async () => {
  await inFolder(async (folder) => {
    const responses = ["1", "fail", "3", "4"];
    const row = { prompt: "p5", responses, pairs: [[2, 0], [2, 1], [0, 3], [2, 3]] };
    const counting = source();
    await extractFeatures(read([single(1), row]), counting, folder, { prompts: true });
    assert.equal(counting.computed, 5);
    const features = await FeatureSet.open(folder);
    assert.deepEqual(features.rows.map(({ side }) => side), ["single", 0, 2, 3]);
    assert.deepEqual(features.pairs, [
      { chosen: 1, rejected: 3 },
      { chosen: 2, rejected: 1 },
      { chosen: 2, rejected: 3 },
    ]);
  });
});

Deno.test("extractFeatures() goes on with what a run left, and computes whole shards once", async () => {
  await inFolder(async (folder) => {
    const rows = Array.from({ length: 7 }, (_, n) => single(n));
    const options = { prompts: true, rowsPerShard: 2 };
    const controller = new AbortController();
    const interrupted = extractFeatures(read(rows), source(), folder, {
      ...options,
      signal: controller.signal,
      onProgress: (done) => done === 4 && controller.abort(),
    });
    await assert.rejects(interrupted);
    const again = source();
    const result = await extractFeatures(read(rows), again, folder, options);
    assert.equal(result.resumed, 4);
    assert.equal(again.computed, 4); // three rows, and the first to see whether it is the same
    const whole = source();
    assert.equal((await extractFeatures(read(rows), whole, folder, options)).resumed, 7);
    assert.equal(whole.computed, 1);
    const more = source();
    const longer = [...rows, single(7), single(8)];
    assert.equal((await extractFeatures(read(longer), more, folder, options)).resumed, 6);
    assert.equal(more.computed, 4); // the last shard has grown
    assert.equal((await FeatureSet.open(folder)).rows.length, 9);
    const shorter = extractFeatures(read(rows.slice(0, 2)), source(), folder, options);
    await assert.rejects(
      shorter,
      (error) => error instanceof AssayError && error.code === "fitting/bad-features",
    );
    const features = await FeatureSet.open(folder);
    const places = [...features.rows.keys()];
    assert.deepEqual(features.rows.map(({ row }) => row), places);
    const last = await features.last(places);
    assert.deepEqual([...last].filter((_, i) => i % 2 === 1), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

Deno.test("extractFeatures() refuses a folder with another backbone's features", async () => {
  await inFolder(async (folder) => {
    const options = { prompts: true };
    await extractFeatures(read([single(1)]), source(), folder, options);
    const other = { ...source(), name: "another" };
    const doubled = {
      ...source(),
      async pooledStates(conversations: readonly Conversation[]) {
        const states = await source().pooledStates(conversations);
        return states.map((state) =>
          state instanceof AssayError ? state : {
            ...state,
            states: { ...state.states, last: [state.states.last![0]!.map((x) => 2 * x)] },
          }
        );
      },
    };
    for (const [row, of] of [[1, other], [1, doubled], [2, source()]] as const) {
      await assert.rejects(
        extractFeatures(read([single(row)]), of, folder, options),
        (error) => error instanceof AssayError && error.code === "fitting/bad-features",
      );
    }
    await assert.rejects(
      FeatureSet.open(`${folder}/none`),
      (error) => error instanceof AssayError && error.code === "fitting/bad-features",
    );
    await Deno.writeTextFile(`${folder}/features.json`, "[]");
    await assert.rejects(
      FeatureSet.open(folder),
      (error) => error instanceof AssayError && error.code === "fitting/bad-features",
    );
  });
});

Deno.test("splitRows() keeps a prompt on one side, follows split, and changes with the seed", async () => {
  await inFolder(async (folder) => {
    const rows: Row[] = Array.from({ length: 400 }, (_, n) => ({
      prompt: `question ${Math.floor(n / 4)}`,
      response: `${n}`,
      ...(n < 8 ? { split: n % 2 === 0 ? "dev" : "train" } : {}),
    }));
    await extractFeatures(read(rows), source(), folder, { prompts: false });
    const features = await FeatureSet.open(folder);
    const { train, validation } = splitRows(features.rows, 0.25, 0);
    assert.equal(train.length + validation.length, 400);
    assert.deepEqual(validation.filter((place) => place < 8), [0, 2, 4, 6]);
    const prompt = (place: number): string => features.rows[place]!.prompt;
    const free = (places: readonly number[]) => places.filter((place) => place >= 8).map(prompt);
    const held = new Set(free(validation));
    assert.ok(free(train).every((of) => !held.has(of)));
    assert.ok(held.size > 10 && held.size < 45, `${held.size} of 98 prompts`);
    assert.notDeepEqual(splitRows(features.rows, 0.25, 1).validation, validation);
    await assert.rejects(
      features.prompts([0]),
      (error) => error instanceof AssayError && error.code === "fitting/bad-features",
    );
  });
});

Deno.test("fittingRow() reads ratings, splits and curate's columns of every shape of row", () => {
  const candidates = fittingRow({ prompt: "?", responses: ["a", "b"], ratings: [{ q: 1 }, {}] });
  assert.deepEqual(candidates.responses.map(({ side, ratings }) => [side, ratings]), [
    [0, { q: 1 }],
    [1, {}],
  ]);
  const columns = fittingRow(
    { prompt: "?", response: "a", helpfulness: 3, other: 1, dataset: "web", source: "people" },
    { ratings: ["helpfulness", "coherence"], source: "dataset" },
  );
  assert.deepEqual(columns.responses[0]!.ratings, { helpfulness: 3 });
  assert.equal(columns.source, "web");
  assert.equal(fittingRow({ prompt: "?", response: "a", source: "people" }).source, "people");
  assert.equal(candidates.source, null);
  const curated = fittingRow({ ...pair(1), margin: 2, label_smoothing: 0.1, source_row: 3 });
  assert.equal(curated.margin, 2);
  assert.equal(curated.labelSmoothing, 0.1);
  assert.equal(fittingRow({ ...pair(1), margin: 2 }).margin, null); // a margin of scores
  assert.equal(curated.prompt, fittingRow({ prompt: "p1", response: "else" }).prompt);
});

Deno.test("fittingRow() refuses ratings, splits and terms that are none", () => {
  for (
    const columns of [
      { ratings: 3 },
      { ratings: [1] },
      { split: "some" },
      { label_smoothing: "much" },
      { response: undefined, responses: ["a"], pairs: [[0, 1]] },
      { response: undefined, responses: ["a", "b"], pairs: [1, 0] },
    ]
  ) {
    assert.throws(
      () => fittingRow({ prompt: "?", response: "a", ...columns }),
      (error) => error instanceof AssayError && error.code === "data/bad-row",
    );
  }
  assert.throws(
    () => fittingRow({ prompt: "?", responses: ["a"], ratings: [{}, {}] }),
    (error) => error instanceof AssayError && error.code === "data/bad-row",
  );
});
