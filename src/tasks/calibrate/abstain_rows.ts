import {
  type Abstention,
  type AbstentionFit,
  type AbstentionOptions,
  type Decision,
  fitAbstention,
} from "../../calibration/abstention.ts";
import { numberInColumn } from "../../data/column_values.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { bestOfNWin } from "../../evaluation/best_of_n_accuracy.ts";
import type { OutputRow } from "../output_row.ts";
import { failedRow, rowHasError, type UsedRows, usedRows } from "./certain_rows.ts";
import { type ScoredColumns, ScoredRowReader } from "./scored_responses.ts";

/** How to fit a threshold on rows. */
export interface FitAbstentionRowsOptions
  extends AbstentionOptions, Pick<ScoredColumns, "columns"> {}

/** A threshold that was fitted on rows. */
export interface FittedAbstention extends AbstentionFit {
  /** The rows' decisions. */
  readonly decisions: readonly Decision[];
  /** How many rows were read, and why some could not be used. */
  readonly used: UsedRows;
}

/**
 * Fits the threshold of |margin| below which nothing is to be decided, on pairs (chosen first) or
 * candidates with `num_correct`, as `assay calibrate --abstain` does. Of candidates the margin is the
 * best score minus the second best. Rows that can't be used are passed over and counted.
 *
 * @example
 * ```ts
 * import { fitAbstentionRows, markAbstentions, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rows = rowsInMemory(Array.from({ length: 400 }, (_, i) => ({
 *   chosen_score: i < 100 && i % 2 === 0 ? -0.5 : i / 100,
 *   rejected_score: 0,
 * })));
 * const { abstention } = await fitAbstentionRows(rows.read(), { risk: 0.05 });
 * const marked = await Array.fromAsync(markAbstentions(rows.read(), abstention));
 * assert.deepEqual([marked[0], marked.at(-1)].map((of) => of!.row.abstain), [true, false]);
 * ```
 *
 * @param rows The rows.
 * @param options Risk, its confidence, and where scores stand.
 * @throws {AssayError} What `fitAbstention` throws; where no row can be used, why the first one can't.
 */
export async function fitAbstentionRows(
  rows: AsyncIterable<ReadRow>,
  options: FitAbstentionRowsOptions,
): Promise<FittedAbstention> {
  const { columns, ...fitOptions } = options;
  const reader = new ScoredRowReader({ features: [], columns });
  const decisions: Decision[] = [];
  const used = await usedRows(rows, "fit a threshold", (row) => {
    const { scores, isPair } = readScores(reader, row);
    const name = columns?.get("num_correct") ?? "num_correct";
    const correct = isPair ? 1 : numberInColumn(row, name);
    if (correct === undefined) throw noLabel();
    decisions.push(decisionOf(scores, correct));
  });
  return { ...fitAbstention(decisions, fitOptions), decisions, used };
}

/**
 * Marks scored rows as they come: `abstain` is `true` where the margin (of candidates, best minus second
 * best) is too small to decide at the risk that was fitted, else `false`. No label is needed. A row that
 * can't be marked gets an `error`, or keeps the one that it had, and `abstain: null`.
 *
 * @param rows The scored rows.
 * @param abstention What {@linkcode fitAbstentionRows} or a file gave.
 * @param options Where scores stand.
 */
export async function* markAbstentions(
  rows: AsyncIterable<ReadRow>,
  abstention: Abstention,
  options: Pick<ScoredColumns, "columns"> = {},
): AsyncGenerator<OutputRow> {
  const reader = new ScoredRowReader({ features: [], columns: options.columns });
  for await (const read of rows) {
    try {
      if (read.row === undefined) throw read.error!;
      const abstain = abstention.abstains(sizeOf(readScores(reader, read.row).scores));
      const row = { ...read.row, abstain };
      yield { row, failed: rowHasError(row) };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      yield failedRow(read, { abstain: null }, error);
    }
  }
}

/** A row's decision: of the best scores, how far apart they are, and whether the best is right. */
export function decisionOf(scores: readonly number[], correct: number): Decision {
  return { size: sizeOf(scores), isRight: bestOfNWin(scores, correct, "wrong") === 1 };
}

function readScores(
  reader: ScoredRowReader,
  row: Row,
): { readonly scores: readonly number[]; readonly isPair: boolean } {
  const { kind, responses } = reader.read(row);
  const scores = responses.map((response) => response?.score ?? NaN);
  if (kind !== "single" && scores.length > 1 && scores.every(Number.isFinite)) {
    return { scores, isPair: kind === "pair" };
  }
  throw new AssayError(
    "data/bad-row",
    `Cannot decide the row: expected the scores of two responses or more, found ${
      scores.filter(Number.isFinite).length
    }`,
  );
}

/** Best score minus second best. */
function sizeOf(scores: readonly number[]): number {
  let [best, second] = [-Infinity, -Infinity];
  for (const score of scores) {
    if (score > best) [best, second] = [score, best];
    else if (score > second) second = score;
  }
  return best - second;
}

function noLabel(): AssayError {
  return new AssayError(
    "evaluation/no-label",
    'Cannot tell which response is right: expected a pair, or candidates with "num_correct"',
  );
}
