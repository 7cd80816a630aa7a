import { throughStream } from "../../data/row_streams.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { scoreRows, type ScoreRowsOptions } from "./score_rows.ts";
import type { Scorer } from "./scorer.ts";

/**
 * Rows in, scored rows out, in their order, for `pipeThrough`: what {@linkcode scoreRows} does, between
 * the body of a request and that of an answer, or any two streams. No more rows are held than the model
 * computes together; where the reader goes away, the scoring ends.
 *
 * @example
 * ```ts
 * import { jsonLinesStream, rowsStream } from "@assay/assay/data";
 * import { openScorer, scoringStream } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * using scorer = await openScorer({ model: "tests/golden/parity/armo" });
 * const answer = (body: ReadableStream<Uint8Array>) =>
 *   new Response(
 *     body.pipeThrough(rowsStream()).pipeThrough(scoringStream(scorer)).pipeThrough(jsonLinesStream()),
 *   );
 * const request = new Response('{"prompt":"Hi","response":"Hello."}\n');
 * const scored = JSON.parse(await answer(request.body!).text());
 * assert.ok(Number.isFinite(scored.score));
 * ```
 *
 * @param scorer What scores; a `RewardModel` is one.
 * @param options What {@linkcode scoreRows} takes.
 */
export function scoringStream(
  scorer: Scorer,
  options: ScoreRowsOptions = {},
): ReadableWritablePair<Row, ReadRow> {
  return throughStream(async function* (rows: AsyncIterable<ReadRow>) {
    for await (const { row } of scoreRows(rows, scorer, options)) yield row;
  });
}
