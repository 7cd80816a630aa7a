import { conversationsOfRow } from "../data/row_conversations.ts";
import { numberInColumn } from "../data/column_values.ts";
import { stringifyJson } from "../data/json_text.ts";
import { kindOfValue, type Row } from "../data/rows.ts";
import { valueOfText } from "../data/serialized_text.ts";
import { AssayError } from "../error.ts";
import type { Conversation } from "../text/conversation.ts";
import { ownValue } from "../own_value.ts";

/** Which conversation of its row: the only one, a side of a pair, or a candidate by its place. */
export type ResponseSide = "single" | "chosen" | "rejected" | number;

/** A conversation to fit on and what is known of it. */
export interface FittingResponse {
  /** Which of the row's responses it is. */
  readonly side: ResponseSide;
  /** The prompt and the response. */
  readonly conversation: Conversation;
  /** Ratings by objective, as the row has them. */
  readonly ratings: Readonly<Record<string, unknown>>;
  /** Candidates of the row that this one is preferred to. */
  readonly beats: readonly number[];
}

/** A row to fit on. */
export interface FittingRow {
  /** The row's `id`, where it has one. */
  readonly id: string | number | null;
  /** Which part of the data it belongs to, where the row says so. */
  readonly split: "train" | "validation" | null;
  /** Tells prompts apart, so that a prompt's responses are never on both sides of a split. */
  readonly prompt: string;
  /** Where the row comes from, in which pairs may differ in how much they count. */
  readonly source: string | null;
  /** The conversations of the row, in their order. */
  readonly responses: readonly FittingResponse[];
  /** What `curate` says of a pair. */
  readonly labelSmoothing: number | null;
  /** What `curate` says the chosen response must be ahead by. */
  readonly margin: number | null;
}

/** Columns of a row to fit on that go by names of their own. */
export interface FittingColumns {
  /** Hold ratings of a row with one conversation; none by default. */
  readonly ratings?: readonly string[] | undefined;
  /** Tells where a row comes from; `source` by default. */
  readonly source?: string | undefined;
}

/**
 * Reads a row to fit on: conversations as in `score`, and their ratings.
 *
 * Ratings stand in the column `ratings`, an object by objective (candidates: a list of objects; a pair:
 * `chosen_ratings` and `rejected_ratings`), or, where `columns.ratings` names them, in columns of the
 * row itself. Candidates may have `pairs` beside them, a list of [preferred, other] by their places from
 * 0: each response is then computed once, however many pairs it stands in. `split` (`train`; or
 * `validation`, `dev`, `test`), `label_smoothing`, where the row comes from and, in a row that
 * `curate` wrote, `margin` are used where they stand.
 *
 * @param row The row.
 * @param columns Which columns hold what.
 * @throws {AssayError} `data/bad-row`.
 */
export function fittingRow(row: Row, columns: FittingColumns = {}): FittingRow {
  const { ratings: ratingColumns = [], source: sourceColumn = "source" } = columns;
  const source = ownValue(row, sourceColumn);
  const shape = conversationsOfRow(row);
  const ratingsOf = (column: string): Readonly<Record<string, unknown>> =>
    objectOf(column, structureIn(row, column) ?? {});
  const inColumns = Object.fromEntries(
    ratingColumns.flatMap((column) =>
      Object.hasOwn(row, column) ? [[column, structureIn(row, column) ?? null]] : []
    ),
  );
  let responses: FittingResponse[];
  switch (shape.kind) {
    case "single":
      responses = [{
        side: "single",
        conversation: shape.conversation,
        ratings: { ...ratingsOf("ratings"), ...inColumns },
        beats: [],
      }];
      break;
    case "pair":
      responses = (["chosen", "rejected"] as const).map((side) => ({
        side,
        conversation: shape[side],
        ratings: ratingsOf(`${side}_ratings`),
        beats: [],
      }));
      break;
    case "best_of_n":
      responses = candidateRatings(row, shape.candidates);
  }
  return {
    id: typeof row.id === "string" || typeof row.id === "number" ? row.id : null,
    split: splitOf(row.split),
    prompt: promptHash(responses[0]!.conversation),
    source: typeof source === "string" ? source : null,
    responses,
    labelSmoothing: numberOf("label_smoothing", row),
    // Rows that score or vote wrote have a margin of scores; only curate's is one to train for.
    margin: "source_row" in row ? numberOf("margin", row) : null,
  };
}

function candidateRatings(row: Row, candidates: readonly Conversation[]): FittingResponse[] {
  const list = structureIn(row, "ratings") ?? candidates.map(() => ({}));
  if (!Array.isArray(list) || list.length !== candidates.length) {
    throw badRow("ratings", `a list of ${candidates.length} objects, one per response`, list);
  }
  const pairs = structureIn(row, "pairs") ?? [];
  const isPlace = (place: unknown): boolean =>
    Number.isInteger(place) && candidates.length > Number(place) && Number(place) >= 0;
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every(isPlace);
  if (!Array.isArray(pairs) || !pairs.every(isPair)) {
    throw badRow("pairs", `a list of [preferred, other], places below ${candidates.length}`, pairs);
  }
  return candidates.map((conversation, side) => ({
    side,
    conversation,
    ratings: objectOf(`ratings[${side}]`, list[side] ?? {}),
    beats: (pairs as [number, number][]).filter(([better]) => better === side).map(([, other]) =>
      other
    ),
  }));
}

function objectOf(column: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw badRow(column, "an object of ratings by objective", value);
}

function numberOf(column: string, row: Row): number | null {
  const number = numberInColumn(row, column) ?? null;
  if (number === null || Number.isFinite(number)) return number;
  throw badRow(column, "a finite number", row[column]);
}

/** A column's list, object or number, or what the text of one (a CSV cell) holds. */
function structureIn(row: Row, column: string): unknown {
  const value = ownValue(row, column);
  if (typeof value !== "string") return value;
  if (value.trim() === "") return undefined;
  const number = /^[-+\d.]/.test(value.trim()) ? Number(value) : NaN;
  return Number.isNaN(number) ? valueOfText(value)?.value ?? value : number;
}

function splitOf(value: unknown): FittingRow["split"] {
  if (value === undefined || value === null || value === "") return null;
  if (value === "train") return "train";
  if (["validation", "valid", "dev", "test"].includes(String(value))) return "validation";
  throw badRow("split", '"train" or "validation"', value);
}

function badRow(column: string, expected: string, found: unknown): AssayError {
  const what = typeof found === "string" ? JSON.stringify(found) : kindOfValue(found);
  return new AssayError(
    "data/bad-row",
    `Cannot fit on the row: expected "${column}" to be ${expected}, found ${what}`,
  );
}

/** FNV-1a of the messages before the response: 32 bits, enough to keep prompts together. */
function promptHash(conversation: Conversation): string {
  const bytes = new TextEncoder().encode(stringifyJson(conversation.slice(0, -1)));
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}
