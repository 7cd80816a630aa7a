import fc from "fast-check";
import assert from "node:assert/strict";
import { type ScoredRow, scoreRows } from "../../../src/tasks/score/score_rows.ts";
import type { ReadRow, Row } from "../../../src/data/rows.ts";
import { AssayError } from "../../../src/error.ts";
import { stubScorer } from "./stub_scorer.ts";

const badLine = new AssayError("data/bad-row", "Cannot read line: it is no row");

/** Rows as a reader gives them; `undefined` is a line that is no row. */
async function* readRowsOf(rows: readonly (Row | undefined)[]): AsyncGenerator<ReadRow> {
  for (const [index, row] of rows.entries()) {
    await Promise.resolve();
    yield { line: index + 1, row, error: row === undefined ? badLine : undefined };
  }
}

async function score(
  rows: readonly (Row | undefined)[],
  options: Parameters<typeof scoreRows>[2] = {},
  scorer = stubScorer(),
): Promise<ScoredRow[]> {
  const scored: ScoredRow[] = [];
  for await (const row of scoreRows(readRowsOf(rows), scorer, options)) scored.push(row);
  return scored;
}

const row = fc.oneof(
  fc.constant(undefined),
  fc.constant({ id: 0 }),
  fc.record({ prompt: fc.string(), response: fc.string({ maxLength: 5 }) }),
  fc.record({ prompt: fc.string(), chosen: fc.string(), rejected: fc.string() }),
  fc.record({ prompt: fc.string(), responses: fc.array(fc.string(), { maxLength: 4 }) }),
);

Deno.test("scoreRows() keeps the order of any mixture of rows, in any batch of the model", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 30 }),
      fc.integer({ min: 1, max: 9 }),
      async (rows, batch) => {
        const scored = await score(rows, {}, stubScorer({ batch }));
        assert.equal(scored.length, rows.length);
        scored.forEach(({ row, failed }, index) => {
          const input = rows[index] as Row | undefined;
          if (input === undefined) {
            return assert.deepEqual(row, { line: index + 1, error: badLine.toJSON() });
          }
          for (const [column, value] of Object.entries(input)) assert.equal(row[column], value);
          const lengths = (texts: unknown) => (texts as string[]).map((text) => text.length);
          const responses = input.responses as string[] | undefined;
          if (responses !== undefined && responses.length > 0) {
            assert.deepEqual(row.scores, lengths(responses));
            assert.equal(row.best, lengths(responses).indexOf(Math.max(...lengths(responses))));
          } else if ("response" in input) {
            assert.deepEqual([row.score], lengths([input.response]));
          } else if ("chosen" in input) {
            const [chosen, rejected] = lengths([input.chosen, input.rejected]);
            assert.deepEqual([row.chosen_score, row.rejected_score], [chosen, rejected]);
            assert.equal(row.margin, chosen! - rejected!);
          } else {
            assert.equal((row.error as { code: string }).code, "data/bad-row");
            assert(failed);
          }
        });
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("scoreRows() adds score and tokens to one conversation, and nothing else", async () => {
  const [scored] = await score([{ id: 7, prompt: "Q", response: "four", custom: { a: [null] } }]);
  assert.deepEqual(scored, {
    row: { id: 7, prompt: "Q", response: "four", custom: { a: [null] }, score: 4, tokens: 14 },
    failed: false,
    conversations: 1,
    tokens: 14,
  });
});

Deno.test("scoreRows() adds both scores, the margin and both tokens to a pair", async () => {
  const [scored] = await score([{ prompt: "Q", chosen: "four", rejected: "two" }]);
  assert.deepEqual(Object.keys(scored!.row).slice(3), [
    "chosen_score",
    "rejected_score",
    "margin",
    "chosen_tokens",
    "rejected_tokens",
  ]);
  assert.deepEqual(Object.values(scored!.row).slice(3), [4, 3, 1, 14, 13]);
});

Deno.test("scoreRows() names the first of the best responses", async () => {
  const [scored] = await score([{ prompt: "Q", responses: ["a", "bcd", "efg"] }]);
  assert.deepEqual(scored!.row.scores, [1, 3, 3]);
  assert.equal(scored!.row.best, 1);
  assert.deepEqual(scored!.row.tokens, [11, 13, 13]);
});

Deno.test("scoreRows() explains each shape", async () => {
  const rows = [
    { prompt: "Q", response: "A" },
    { prompt: "Q", chosen: "A", rejected: "B" },
    { prompt: "Q", responses: ["A", "FAIL"] },
  ];
  const scored = await score(rows, { explain: true }, stubScorer({ objectives: ["x", "y"] }));
  const [rewards, coefficients, gating] = [{ x: 1, y: 2 }, { x: 0.5, y: 0.5 }, {
    x: 0.25,
    y: 0.25,
  }];
  const [single, pair, many] = scored.map(({ row }) => row) as [Row, Row, Row];
  assert.deepEqual([single.rewards, single.coefficients, single.gating], [
    rewards,
    coefficients,
    gating,
  ]);
  for (const side of ["chosen", "rejected"]) {
    assert.deepEqual(pair[`${side}_rewards`], rewards);
    assert.deepEqual(pair[`${side}_coefficients`], coefficients);
    assert.deepEqual(pair[`${side}_gating`], gating);
  }
  assert.deepEqual([single, pair, many].map(({ kernels }) => kernels), ["cpu", "cpu", "cpu"]);
  assert.deepEqual(many.rewards, [rewards, null]);
  assert.deepEqual(many.coefficients, [coefficients, null]);
  assert.deepEqual(many.gating, [gating, null]);
  const [plain] = await score(rows, {}, stubScorer({ objectives: ["x"] }));
  assert.equal("rewards" in plain!.row || "kernels" in plain!.row, false);
  const [scalar] = await score(rows, { explain: true });
  assert.equal("rewards" in scalar!.row, false);
});

Deno.test("scoreRows() tells how certain a score is, where the head does", async () => {
  const rows = [
    { prompt: "Q", response: "A" },
    { prompt: "Q", chosen: "A", rejected: "B", score_std: 7 },
    { prompt: "Q", responses: ["A", "FAIL"] },
    { prompt: "Q", response: "FAIL", score_std: 7 },
  ];
  const scored = await score(rows, {}, stubScorer({ deviation: 0.5 }));
  const columns = scored.map(({ row }) =>
    Object.entries(row).filter(([column]) => column.endsWith("score_std"))
  );
  assert.deepEqual(columns, [
    [["score_std", 0.5]],
    [["score_std", 7], ["chosen_score_std", 0.5], ["rejected_score_std", 0.5]],
    [["score_std", [0.5, null]]],
    [],
  ]);
  const [without] = await score(rows);
  assert.equal("score_std" in without!.row, false);
});

Deno.test("scoreRows() gives a failed conversation no score, an error and its place in the row", async () => {
  const scored = await score([
    { prompt: "Q", response: "FAIL" },
    { prompt: "Q", chosen: "A", rejected: "FAIL" },
    { prompt: "Q", responses: ["FAIL", "A", "FAIL"] },
    { prompt: "Q", responses: ["FAIL"] },
  ]);
  const error = (place: string) => ({
    code: "text/too-long",
    message: `${place}Cannot score it: it is too long`,
  });
  const rows = scored.map(({ row }) => row);
  assert.deepEqual(scored.map(({ failed }) => failed), [true, true, true, true]);
  assert.deepEqual([rows[0]!.score, rows[0]!.error], [null, error("")]);
  assert.deepEqual(
    [rows[1]!.chosen_score, rows[1]!.rejected_score, rows[1]!.margin, rows[1]!.error],
    [1, null, null, error("rejected: ")],
  );
  assert.deepEqual([rows[2]!.scores, rows[2]!.best, rows[2]!.error], [
    [null, 1, null],
    1,
    error("response 1: "),
  ]);
  assert.deepEqual([rows[3]!.scores, rows[3]!.best], [[null], null]);
});

Deno.test("scoreRows() never lets NaN out", async () => {
  const [scored] = await score([{ prompt: "Q", chosen: "NAN", rejected: "A" }]);
  assert.equal(scored!.row.chosen_score, null);
  assert.equal(scored!.row.margin, null);
  assert.equal((scored!.row.error as { code: string }).code, "scoring/not-finite");
});

Deno.test("scoreRows() says which rows were cut, and replaces what an earlier run said", async () => {
  const earlier = { score: 99, rewards: { old: 1 }, truncated: true, error: { code: "old" } };
  const scored = await score([
    { prompt: "Q", response: "CUT" },
    { prompt: "Q", response: "A", margin: 3, ...earlier },
    { prompt: "Q", ...earlier },
  ]);
  assert.equal(scored[0]!.row.truncated, true);
  assert.deepEqual(scored[1]!.row, { prompt: "Q", response: "A", margin: 3, score: 1, tokens: 11 });
  assert.equal((scored[2]!.row.error as { code: string }).code, "data/bad-row");
  assert.deepEqual(Object.keys(scored[2]!.row), ["prompt", "rewards", "error"]);
});

Deno.test("scoreRows() holds few rows at a time, whether they are good or bad", async () => {
  const count = 50_000;
  let read = 0;
  let written = 0;
  let mostWaiting = 0;
  async function* input(): AsyncGenerator<ReadRow> {
    for (let line = 1; line <= count; line++) {
      read++;
      mostWaiting = Math.max(mostWaiting, read - written);
      const isBad = line < 20_000 || line % 3 === 0;
      yield isBad
        ? { line, row: undefined, error: badLine }
        : { line, row: { prompt: "Q", response: "A" }, error: undefined };
    }
    await Promise.resolve();
  }
  for await (const _row of scoreRows(input(), stubScorer({ batch: 32 }))) written++;
  assert.equal(written, count);
  assert(mostWaiting < 5000, `${mostWaiting} rows waited at once`);
});

Deno.test("scoreRows() stops reading when its reader stops, and when the signal is raised", async () => {
  let closed = 0;
  async function* endless(): AsyncGenerator<ReadRow> {
    try {
      for (let line = 1;; line++) {
        await Promise.resolve();
        yield { line, row: { prompt: "Q", response: "A" }, error: undefined };
      }
    } finally {
      closed++;
    }
  }
  for await (const { row } of scoreRows(endless(), stubScorer())) {
    assert.equal(row.score, 1);
    break;
  }
  assert.equal(closed, 1);
  const controller = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of scoreRows(endless(), stubScorer(), { signal: controller.signal })) {
      controller.abort(new Error("enough"));
    }
  }, { message: "enough" });
  assert.equal(closed, 2);
});
