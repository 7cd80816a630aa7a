import {
  type ConformalInput,
  type ConformalIntervals,
  type ConformalRow,
  fitConformal,
} from "../../calibration/conformal.ts";
import type { CoverageCount } from "../../calibration/conformal_coverage.ts";
import { numberInColumn, numbersInColumn } from "../../data/column_values.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { ownValue } from "../../own_value.ts";
import type { OutputRow } from "../output_row.ts";
import { failedRow, rowHasError, type UsedRows, usedRows } from "./certain_rows.ts";
import { type ScoredColumns, ScoredRowReader } from "./scored_responses.ts";

/** How to fit intervals on rows. */
export interface FitIntervalsOptions extends Pick<ScoredColumns, "columns"> {
  /** α: the share of targets that may lie outside. */
  readonly alpha: number;
  /** Column with what a score stands for; of pairs, what the margin stands for. */
  readonly target: string;
  /** Column with the row's group, for a quantile of each. */
  readonly group?: string | undefined;
  /** Column with the quantiles of a quantile head, to start from them. */
  readonly quantiles?: string | undefined;
  /** Rows that a group needs; 50 by default. */
  readonly leastGroup?: number | undefined;
}

/** Intervals that were fitted on rows. */
export interface FittedIntervals {
  /** The intervals, to keep and to apply. */
  readonly intervals: ConformalIntervals;
  /** The rows that they were fitted on. */
  readonly rows: readonly ConformalRow[];
  /** How many rows were read, and why some could not be used. */
  readonly used: UsedRows;
}

/** Where rows hold what an interval needs. */
export interface IntervalColumns extends Pick<ScoredColumns, "columns"> {
  /** Column with what a score or a margin stands for. */
  readonly target: string | null;
  /** Column with the row's group. */
  readonly group: string | null;
  /** Column with the quantiles of a quantile head. */
  readonly quantiles: string | null;
}

/**
 * Fits conformal intervals on rows with a score, or a pair of scores, and what they stand for, as
 * `assay calibrate --conformal` does. Each candidate counts as a row of its own. Rows that can't be used
 * are passed over and counted.
 *
 * @example
 * ```ts
 * import { addIntervals, fitIntervals, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rated = Array.from({ length: 99 }, (_, i) => ({ score: i, rating: i + i % 10 }));
 * const rows = rowsInMemory(rated);
 * const { intervals } = await fitIntervals(rows.read(), { alpha: 0.1, target: "rating" });
 * const [first] = await Array.fromAsync(addIntervals(rows.read(), intervals));
 * assert.deepEqual([first!.row.score_low, first!.row.score_high], [-8, 8]);
 * ```
 *
 * @param rows The rows.
 * @param options α, and where target, group and quantiles stand.
 * @throws {AssayError} What `fitConformal` throws; where no row can be used, why the first one can't.
 */
export async function fitIntervals(
  rows: AsyncIterable<ReadRow>,
  options: FitIntervalsOptions,
): Promise<FittedIntervals> {
  const { alpha, leastGroup, target, group = null, quantiles = null, columns } = options;
  const reader = new IntervalReader({ target, group, quantiles, columns });
  const kept: ConformalRow[] = [];
  const used = await usedRows(rows, "fit intervals", (row) => {
    for (const { target, ...input } of reader.read(row)) {
      if (target === undefined) throw noTarget(options.target);
      kept.push({ ...input, target });
    }
  });
  const intervals = fitConformal(kept, {
    alpha,
    leastGroup,
    of: reader.of ?? "score",
    fromQuantiles: quantiles !== null,
    columns: { target, group, quantiles },
  });
  return { intervals, rows: kept, used };
}

/**
 * Adds conformal intervals to scored rows as they come: `score_low` and `score_high` (lists, of
 * candidates), or `margin_low` and `margin_high` of pairs; `interval_group` where intervals are by group:
 * the group whose quantile was taken, `null` for that of all rows. An end without a bound is `null`.
 * A row that can't have one gets an `error`, or keeps the one that it had.
 *
 * @param rows The scored rows.
 * @param intervals What {@linkcode fitIntervals} or a file gave.
 * @param options Where scores stand, and who counts how many targets lie inside.
 */
export async function* addIntervals(
  rows: AsyncIterable<ReadRow>,
  intervals: ConformalIntervals,
  options: Pick<ScoredColumns, "columns"> & { readonly coverage?: CoverageCount | undefined } = {},
): AsyncGenerator<OutputRow> {
  const { columns: { target, group, quantiles }, of } = intervals.toJSON();
  const reader = new IntervalReader({ target, group, quantiles, columns: options.columns }, of);
  for await (const read of rows) {
    if (read.row === undefined) {
      yield failedRow(read, {});
      continue;
    }
    try {
      const inputs = reader.read(read.row);
      const row = { ...read.row, ...intervalColumns(inputs, intervals, reader.isList) };
      for (const { target, ...input } of inputs) {
        if (target !== undefined) options.coverage?.add({ ...input, target });
      }
      yield { row, failed: rowHasError(row) };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      yield failedRow(read, { [`${of}_low`]: null, [`${of}_high`]: null }, error);
    }
  }
}

/** A score or a margin, and what it stands for where that is known. */
export type IntervalInput = ConformalInput & { readonly target: number | undefined };

/** Reads from rows what intervals are made of; all rows must have one shape: scores or pairs. */
export class IntervalReader {
  readonly #columns: IntervalColumns;
  readonly #reader: ScoredRowReader;
  /** Whether the last row had candidates. */
  isList = false;
  /** What the rows have. */
  of: "score" | "margin" | undefined;

  /**
   * Reads nothing yet.
   *
   * @param columns Where target, group and quantiles stand.
   * @param of What the rows must have; by default what the first one has.
   */
  constructor(columns: IntervalColumns, of?: "score" | "margin") {
    this.#columns = columns;
    this.of = of;
    this.#reader = new ScoredRowReader({ features: [], columns: columns.columns });
  }

  /**
   * Reads one row.
   *
   * @throws {AssayError} `data/bad-row`, and the errors of `ScoredRowReader`.
   */
  read(row: Row): IntervalInput[] {
    const { kind, responses } = this.#reader.read(row);
    const of = kind === "pair" ? "margin" : "score";
    if ((this.of ??= of) !== of) throw otherShape(this.of, of);
    this.isList = kind === "best_of_n";
    const group = this.#group(row);
    const { target, quantiles } = this.#columns;
    if (kind === "pair" && quantiles !== null) throw noMarginQuantiles();
    const scores = kind === "pair"
      ? [responses[0]!.score - responses[1]!.score]
      : responses.map((response) => response?.score ?? NaN);
    const targets = target === null || !this.isList
      ? [target === null ? undefined : numberInColumn(row, target)]
      : numbersInColumn(row, target) ?? [];
    return scores.map((score, index) => ({
      score,
      group,
      target: finiteOrNone(targets[index]),
      quantiles: quantiles === null ? undefined : this.#quantiles(row, quantiles, index),
    }));
  }

  #group(row: Row): string | undefined {
    const value = this.#columns.group === null ? null : ownValue(row, this.#columns.group) ?? null;
    return value === null || value === "" ? undefined : String(value);
  }

  #quantiles(row: Row, column: string, index: number): number[] {
    const value = ownValue(row, column);
    const own = this.isList && Array.isArray(value) ? value[index] : value;
    return (numbersInColumn({ [column]: own }, column) ?? []).map((one) => one ?? NaN);
  }
}

function intervalColumns(
  inputs: readonly IntervalInput[],
  intervals: ConformalIntervals,
  isList: boolean,
): Row {
  const { of, columns } = intervals.toJSON();
  const found = inputs.map((input) => intervals.interval(input));
  const ends = (end: "low" | "high") => {
    const values = found.map((one) => finiteOrNone(one[end]) ?? null);
    return isList ? values : values[0]!;
  };
  const isByGroup = found.every(({ byGroup }) => byGroup);
  return {
    [`${of}_low`]: ends("low"),
    [`${of}_high`]: ends("high"),
    ...(columns.group === null
      ? {}
      : { interval_group: isByGroup ? inputs[0]?.group ?? null : null }),
  };
}

function finiteOrNone(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

function noTarget(column: string): AssayError {
  return new AssayError(
    "data/bad-row",
    `Cannot fit intervals on the row: expected a number in "${column}" for every score, found none`,
  );
}

function otherShape(expected: string, found: string): AssayError {
  return new AssayError(
    "data/bad-row",
    `Cannot give the row an interval: expected a ${expected}, as the intervals are for, found a ${found}`,
  );
}

function noMarginQuantiles(): AssayError {
  return new AssayError(
    "data/bad-row",
    "Cannot give the row an interval: expected the quantiles of one score, found a pair, whose margin " +
      "has none; fit without --quantiles",
  );
}
