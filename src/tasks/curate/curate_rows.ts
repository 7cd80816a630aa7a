import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { CategoryBounds } from "../../voting/categories.ts";
import type { OutputRow } from "../output_row.ts";
import type { RepeatableRows } from "../repeatable_rows.ts";
import {
  type CuratedCounts,
  type CuratedSet,
  type CurateRecipe,
  curateSet,
  knownPair,
  type RecipeOptions,
  type Similarity,
  withCategories,
} from "./curated_set.ts";
import { failedRow } from "./failed_row.ts";

/** How to curate rows. */
export interface CurateRowsOptions extends RecipeOptions {
  /** Bounds of the categories; by default the rows' own `category` counts, where all have one. */
  readonly bounds?: CategoryBounds | undefined;
}

/** One row of a curated set, or one that is left out of it. */
export interface CuratedOutput extends OutputRow {
  /** Whether it belongs to the set; the others are dropped, or could not be curated. */
  readonly kept: boolean;
  /** Line of the input row, from 1. */
  readonly line: number;
  /** Why the row could not be curated. */
  readonly error: AssayError | undefined;
}

/** What a curation amounts to, as `assay curate --summary` writes it beside its options. */
export interface CurationSummary extends CuratedCounts {
  /** Input rows. */
  readonly rows: number;
  /** Rows that could not be curated. */
  readonly failed: number;
  /** Input rows whose pair was flipped, from 0. */
  readonly flipped_rows: readonly number[];
  /** Input rows that were dropped. */
  readonly dropped_rows: readonly number[];
}

/** A curated preference set. */
export interface Curation {
  /** The rows: those of the set, and those that are left out, in the order of the input. */
  rows(): AsyncGenerator<CuratedOutput>;
  /** What it amounts to; complete once all rows were given. */
  summary(): CurationSummary;
}

type Known = ReturnType<typeof knownPair> | AssayError;

/**
 * Mends a preference set by its strengths, as `assay curate` does.
 *
 * @example
 * ```ts
 * import { curateRows, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const voted = rowsInMemory([
 *   { prompt: "2 + 2?", chosen: "5", rejected: "4", strength_mean: -2.7 },
 *   { prompt: "Capital of France?", chosen: "Paris", rejected: "Rome", strength_mean: 4.3 },
 * ]);
 * const curation = await curateRows(voted, "flip", { below: -1 });
 * const rows = await Array.fromAsync(curation.rows(), ({ row }) => row);
 * assert.deepEqual(rows.map(({ chosen }) => chosen), ["4", "Paris"]);
 * assert.deepEqual(curation.summary().flipped_rows, [0]);
 * ```
 *
 * @param rows Pairs as `vote` writes them, or with one voter as `score` does; read twice.
 * @param recipe What is done.
 * @param options Its settings.
 */
export async function curateRows(
  rows: RepeatableRows,
  recipe: CurateRecipe,
  options: CurateRowsOptions = {},
): Promise<Curation> {
  const { bounds, ...settings } = options;
  const similarity = recipe === "prior-margin" ? settings.prior?.similarity : undefined;
  const known = await readPairs(rows.read(), similarity);
  const pairs = withCategories(
    known.flatMap((pair) => pair instanceof AssayError ? [] : [pair]),
    bounds,
  );
  const set = curateSet(pairs, recipe, settings);
  let failed = 0;
  return {
    async *rows() {
      failed = 0;
      for await (const output of curatedOutputs(rows, known, set)) {
        if (output.failed) failed++;
        yield output;
      }
    },
    summary: () => summaryOf(known, set, failed),
  };
}

/** What each row says of its pair, or why it is none. */
async function readPairs(
  rows: AsyncIterable<ReadRow>,
  similarity: Similarity | undefined,
): Promise<Known[]> {
  const known: Known[] = [];
  for await (const { row, error } of rows) {
    try {
      if (row === undefined) throw error;
      const pair = knownPair(row);
      similarity?.(row); // a row that can't be compared is left out before the others are counted
      known.push(pair);
    } catch (cause) {
      if (!(cause instanceof AssayError)) throw cause;
      known.push(cause);
    }
  }
  return known;
}

async function* curatedOutputs(
  rows: RepeatableRows,
  known: readonly Known[],
  set: CuratedSet,
): AsyncGenerator<CuratedOutput> {
  let source = 0;
  let pair = 0;
  for await (const item of rows.read()) {
    const state = known[source];
    const place = state instanceof AssayError ? undefined : pair++;
    yield* outputsOf(item, state, place, set, source++);
  }
}

/** The outputs of one input row. */
function outputsOf(
  item: ReadRow,
  state: Known | undefined,
  place: number | undefined,
  set: CuratedSet,
  source: number,
): CuratedOutput[] {
  const { line } = item;
  try {
    if (state instanceof AssayError || item.row === undefined) throw state ?? item.error;
    const kept = set.curated[place!]!.action !== "drop";
    return set.rowsOf(item.row, place!, source)
      .map((row) => ({ row, kept, line, failed: false, error: undefined }));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const row = failedRow(item, error, source);
    return [{ row, kept: false, line, failed: true, error }];
  }
}

function summaryOf(known: readonly Known[], set: CuratedSet, failed: number): CurationSummary {
  const sources = known.flatMap((pair, source) => pair instanceof AssayError ? [] : [source]);
  const of = (action: string) =>
    set.curated.flatMap((pair, index) => pair.action === action ? [sources[index]!] : []);
  return {
    rows: known.length,
    failed,
    ...set.counts,
    flipped_rows: of("flip"),
    dropped_rows: of("drop"),
  };
}
