import * as v from "valibot";
import type { Calibrator } from "../../calibration/calibrator.ts";
import { conversationsOfRow } from "../../data/row_conversations.ts";
import { readJsonLines } from "../../data/read_json_lines.ts";
import { stringifyJson } from "../../data/json_text.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import { rowsInMemory } from "../../tasks/repeatable_rows.ts";
import { type ScoredRow, scoreRows } from "../../tasks/score/score_rows.ts";
import type { Conversation } from "../../text/conversation.ts";
import { type Failure, failureOf } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";
import { badRequest } from "../request_body.ts";
import { rowsRoutes } from "./rows.ts";
import type { ServedModel } from "../served_model.ts";

/** Rows of a request that is one JSON object. */
const mostRows = 10_000;
/** Conversations of streamed rows that are asked for together. */
const askedTogether = 64;

const score = v.looseObject({
  model: v.nullish(v.string()),
  explain: v.nullish(v.boolean()),
  rows: v.optional(v.pipe(v.array(v.looseObject({})), v.maxLength(mostRows))),
});

/** What a model is to `scoreRows`: its conversations join the queue, so many at a time. */
function scorerOf(model: ServedModel, exchange: Exchange) {
  const scoreSome = (some: readonly Conversation[]) => exchange.score(model, some);
  // A request must not fill the queue for itself.
  const asksAhead = 2 * askedTogether <= model.mostWaiting;
  return {
    hubName: model.model?.hubName,
    async *scoreStream(conversations: AsyncIterable<Conversation>): AsyncGenerator<Verdict> {
      let asked: Promise<readonly Verdict[]> | undefined;
      let some: Conversation[] = [];
      for await (const conversation of conversations) {
        some.push(conversation);
        if (some.length < askedTogether) continue;
        if (asked !== undefined && !asksAhead) {
          yield* await asked;
          asked = undefined;
        }
        const before = asked;
        asked = scoreSome(some);
        asked.catch(() => {}); // awaited in the next turn
        some = [];
        if (before !== undefined) yield* await before;
      }
      if (asked !== undefined) yield* await asked;
      if (some.length > 0) yield* await scoreSome(some);
    },
  };
}

/** Routes of Assay's own, with the calibrator of the server where it has one. */
export function assayProtocol(calibrator?: Calibrator): Protocol {
  const scored = (rows: AsyncIterable<ReadRow>, exchange: Exchange, options: {
    readonly model: string | null | undefined;
    readonly explain: boolean;
  }): AsyncGenerator<ScoredRow> => {
    const scorer = scorerOf(exchange.model(options.model), exchange);
    const { signal } = exchange;
    return scoreRows(rows, scorer, { explain: options.explain, calibrator, signal });
  };

  async function answerTo(
    body: v.InferOutput<typeof score>,
    exchange: Exchange,
  ): Promise<unknown> {
    const { model, explain, rows, ...row } = body;
    const given = (rows ?? [row]) as Row[];
    const options = { model, explain: explain ?? false };
    const answered = await Array.fromAsync(
      scored(rowsInMemory(given).read(), exchange, options),
      ({ row }) => row,
    );
    const failed = answered.length === 1 && rows === undefined ? answered[0]!.error : undefined;
    if (failed !== undefined) {
      const { code, message } = failed as { code: string; message: string };
      throw new AssayError(code, message);
    }
    return rows === undefined ? answered[0] : { rows: answered };
  }

  return {
    name: "assay",
    routes: [
      ...rowsRoutes(calibrator),
      route({
        method: "POST",
        path: "/v1/score",
        summary:
          "Scores of rows as in files: one row, or a list under `rows`; JSON Lines are answered " +
          "line by line",
        body: score,
        // vLLM and SGLang have the same address; none of their fields is a row's.
        accepts: (body) => !["queries", "text_1", "data_1", "items"].some((field) => field in body),
        lines: (request, exchange) => {
          const { searchParams } = exchange.url;
          const options = {
            model: searchParams.get("model"),
            explain: searchParams.has("explain"),
          };
          exchange.model(options.model); // a name that is none fails before anything is sent
          return linesResponse(scored(rowsOf(request), exchange, options));
        },
        answerTo,
      }),
      route({
        method: "POST",
        path: "/v1/tokens",
        summary: "The tokens of a row's conversation, and where the head reads",
        body: v.looseObject({ model: v.nullish(v.string()) }),
        answerTo: async ({ model, ...row }, exchange) => {
          const shape = conversationsOfRow(row);
          if (shape.kind !== "single") {
            throw badRequest("expected a row of one conversation, found several in it");
          }
          return await exchange.model(model).tokens(shape.conversation);
        },
      }),
    ],
    failed: ({ code, message }: Failure) => ({ error: { code, message } }),
  };
}

async function* rowsOf({ body }: Request): AsyncGenerator<ReadRow> {
  if (body === null) return;
  for await (const rows of readJsonLines(body)) yield* rows;
}

/** Rows as they come, a line each; what ends them early is the last line. */
function linesResponse(rows: AsyncGenerator<ScoredRow>): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await rows.next();
        if (done) return controller.close();
        controller.enqueue(encoder.encode(`${stringifyJson(value.row)}\n`));
      } catch (error) {
        const { code, message } = failureOf(error);
        const line = JSON.stringify({ error: { code, message }, ended: true });
        controller.enqueue(encoder.encode(`${line}\n`));
        controller.close();
      }
    },
    async cancel() {
      await rows.return(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}
