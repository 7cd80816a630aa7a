import type { Calibrator } from "../../calibration/calibrator.ts";
import { readJsonLines } from "../../data/read_json_lines.ts";
import type { ReadRow } from "../../data/rows.ts";
import { writtenRow } from "../../data/unwritable_row.ts";
import { answerHeaders, answerOf } from "../../fleet/answer_headers.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import { scoreRows } from "../../tasks/score/score_rows.ts";
import type { Conversation } from "../../text/conversation.ts";
import { modelFailed, serverError } from "../failures.ts";
import { type Exchange, type Route, route } from "../protocol.ts";
import { badRequest } from "../request_body.ts";
import type { ServedModel } from "../served_model.ts";

/** Rows of one request. */
const mostRows = 10_000;

/**
 * Rows in, the rows that `assay score` writes out, byte for byte, and what those bytes depend on: what
 * programs ask that spread a data set over servers.
 *
 * A request is answered whole or refused whole. All of its conversations join the queue at once, so that
 * one which does not fit is refused before any of it is computed.
 */
export function rowsRoutes(calibrator: Calibrator | undefined): readonly Route[] {
  return [
    route({
      method: "POST",
      path: "/v1/rows",
      summary: "JSON Lines of rows in, the lines that assay score writes out, byte for byte; " +
        "?explain, ?model=; the answer's headers tell what it is the answer to",
      wholeLines: (bytes, exchange) => answerRows(bytes, exchange, calibrator),
      answerTo: () => undefined,
    }),
    route({
      method: "GET",
      path: "/v1/identity",
      summary: "What the bytes of /v1/rows depend on: servers with the same identity give the same",
      answerTo: (_, exchange) => {
        const served = exchange.model(undefined);
        const { identity, identityDigest: digest } = served.model ?? {};
        if (served.model === undefined) throw loading();
        if (identity === undefined || digest === undefined) {
          throw serverError(
            "server/no-identity",
            "Cannot tell what the model computes with: the program that serves it says nothing of it",
          );
        }
        const { mostBytes } = exchange.limits;
        return { model: served.id, identity, digest, mostBytes, mostWaiting: served.mostWaiting };
      },
    }),
  ];
}

async function answerRows(
  bytes: Uint8Array<ArrayBuffer>,
  exchange: Exchange,
  calibrator: Calibrator | undefined,
): Promise<Response> {
  const { url: { searchParams, search }, signal } = exchange;
  const served = exchange.model(undefined);
  const { model } = served;
  if (model === undefined) throw loading();
  const rows = await rowsOf(bytes);
  const scorer = { hubName: model.hubName, scoreStream: allAtOnce(served, exchange) };
  const options = { explain: isAsked(searchParams.get("explain")), calibrator, signal };
  const lines: string[] = [];
  for await (const { row } of scoreRows(given(rows), scorer, options)) {
    lines.push(`${writtenRow(row).text}\n`);
  }
  // One that was loaded again meanwhile may compute otherwise: its folder may have changed.
  if (served.model?.identityDigest !== model.identityDigest) throw modelFailed();
  const body = new TextEncoder().encode(lines.join(""));
  const told = answerOf({ asked: bytes, search, body, rows: lines.length });
  return new Response(body, {
    headers: {
      "content-type": "application/x-ndjson",
      ...await told,
      ...(model.identityDigest !== undefined && { [answerHeaders.identity]: model.identityDigest }),
    },
  });
}

/** A scorer whose conversations join the queue as one request. */
function allAtOnce(served: ServedModel, exchange: Exchange) {
  return async function* (conversations: AsyncIterable<Conversation>): AsyncGenerator<Verdict> {
    const all = await Array.fromAsync(conversations);
    if (all.length > 0) yield* await exchange.score(served, all);
  };
}

async function rowsOf(bytes: Uint8Array<ArrayBuffer>): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const some of readJsonLines(given([bytes]))) {
    rows.push(...some);
    if (rows.length > mostRows) throw badRequest(`expected at most ${mostRows} rows, found more`);
  }
  return rows;
}

async function* given<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

function isAsked(value: string | null): boolean {
  return value !== null && !/^(0|false|no)$/i.test(value);
}

function loading(): Error {
  return serverError("server/not-ready", "The model loads: try again");
}
