import { type EloCalibration, EloFit, type EloFitOptions } from "../../calibration/elo_offsets.ts";
import { categoryIn } from "../../calibration/category_feature.ts";
import type { Feature } from "../../calibration/features.ts";
import { type JsonObject, parseStrictJson } from "../../checkpoint/strict_json.ts";
import { stringifyJson } from "../../data/json_text.ts";
import { conversationsInOrder, conversationsOfRow } from "../../data/row_conversations.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { ownValue } from "../../own_value.ts";
import { withoutResponse } from "../../text/conversation.ts";
import { readTextFile } from "../text_file.ts";
import { type UsedRows, usedRows } from "./certain_rows.ts";
import { type ScoredColumns, ScoredRowReader } from "./scored_responses.ts";

/** How to hold rows' scores against an Elo table. */
export interface FitEloOptions extends EloFitOptions, Pick<ScoredColumns, "columns"> {
  /** Column that tells prompts apart; without one the prompt's own text does. */
  readonly promptColumn?: string | undefined;
}

/** Offsets that were fitted on rows. */
export interface FittedElo extends EloCalibration {
  /** How many rows were read, and why some could not be used. */
  readonly used: UsedRows;
}

/**
 * Fits an offset for each model, as `assay calibrate --elo` does: rows with a score and the `model` that
 * answered (a pair: `chosen_model` and `rejected_model`; candidates: a list `models`), and what tells the
 * prompt. Rows that can't be used are passed over and counted.
 *
 * @example
 * ```ts
 * import { calibrateRows, fitEloOffsets, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rows = rowsInMemory(Array.from({ length: 40 }, (_, i) => ({
 *   prompt: `${i}`,
 *   responses: ["yes", "no"],
 *   models: ["big", "small"],
 *   scores: [i % 7, i % 5 + 4],
 * })));
 * const elo = new Map([["big", 1250], ["small", 1200]]);
 * const { models: [small], calibrator } = await fitEloOffsets(rows.read(), { elo, reference: "big" });
 * assert.ok(small!.mismatchDegree > 0 && small!.offset < 0);
 * const [first] = await Array.fromAsync(calibrateRows(rows.read(), calibrator));
 * assert.deepEqual(first!.row.calibrated_scores, [0, 4 + small!.offset]);
 * ```
 *
 * @param rows The scored rows.
 * @param options Ratings, the reference model, columns.
 * @throws {AssayError} What `EloFit` throws; where no row can be used, why the first one can't.
 */
export async function fitEloOffsets(
  rows: AsyncIterable<ReadRow>,
  options: FitEloOptions,
): Promise<FittedElo> {
  const { feature = "model", columns, promptColumn } = options;
  const fit = new EloFit({ ...options, feature });
  const named: string[] = [];
  const reader = new ScoredRowReader({
    features: [feature],
    own: [anyCategory(feature, named)],
    columns,
  });
  const used = await usedRows(rows, "fit offsets", (row) => {
    const prompt = promptOf(row, promptColumn);
    const { responses } = reader.read(row);
    for (const response of responses) {
      if (response === undefined) continue;
      const model = named[response.features[feature]!]!;
      fit.add({ prompt, model, score: response.score });
    }
  });
  return { ...fit.fit(), used };
}

/** A category of whatever name: unknown models are told, and not an error before the fit. */
function anyCategory(name: string, named: string[]): Feature {
  const indices = new Map<string, number>();
  return {
    name,
    measure: (source) => {
      const category = categoryIn(source, name);
      if (category === undefined) return undefined;
      const known = indices.get(category);
      if (known !== undefined) return known;
      indices.set(category, named.length);
      return named.push(category) - 1;
    },
  };
}

function promptOf(row: Row, column: string | undefined): string {
  if (column !== undefined) {
    const value = ownValue(row, column) ?? undefined;
    if (value !== undefined && value !== "") return stringifyJson(value);
    throw new AssayError(
      "data/bad-row",
      `Cannot use the row: expected what tells its prompt in the column "${column}", found nothing`,
    );
  }
  const { prompt } = row;
  if (typeof prompt === "string" && prompt !== "") return prompt;
  const [conversation] = conversationsInOrder(conversationsOfRow(row));
  return stringifyJson(withoutResponse(conversation!));
}

/**
 * Reads an Elo table: a JSON object of ratings by model, `{"gpt-4": 1250}`, or a list of objects with
 * `model` and `elo`, or with `model_name` and `arena_score`, as CHARM's code has it.
 *
 * @param path The file.
 * @throws {AssayError} `calibration/bad-elo`, also for a model named twice; `data/no-such-file`.
 */
export async function readEloTable(path: string): Promise<ReadonlyMap<string, number>> {
  const text = await readTextFile(path);
  const table = new Map<string, number>();
  for (const [name, rating] of entriesOf(text, path)) {
    if (typeof rating !== "number" && typeof rating !== "bigint") {
      throw badTable(path, `no number for ${JSON.stringify(name)}`);
    }
    if (table.has(name)) throw badTable(path, `two ratings for ${JSON.stringify(name)}`);
    table.set(name, Number(rating));
  }
  return table;
}

function entriesOf(text: string, path: string): [string, unknown][] {
  let value: unknown;
  try {
    value = parseStrictJson(text, path);
  } catch (error) {
    if (error instanceof AssayError) throw badTable(path, error.message);
    throw error;
  }
  if (value instanceof Map) return [...value as JsonObject];
  if (!Array.isArray(value)) throw badTable(path, "neither");
  return value.map((item, index) => {
    const name = item instanceof Map ? item.get("model") ?? item.get("model_name") : undefined;
    if (typeof name !== "string") throw badTable(path, `no model in item ${index + 1}`);
    return [name, item.get("elo") ?? item.get("arena_score")];
  });
}

function badTable(path: string, found: string): AssayError {
  return new AssayError(
    "calibration/bad-elo",
    `Cannot read the Elo table ${path}: expected {"MODEL": RATING, …} or a list of {"model", "elo"}, ` +
      `found ${found}`,
  );
}
