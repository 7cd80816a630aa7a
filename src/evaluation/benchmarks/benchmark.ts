import type { BenchmarkMeans } from "./benchmark_means.ts";

/** A row as a data set publishes it, or as Assay writes it: column → value. */
export type BenchmarkColumns = Readonly<Record<string, unknown>>;

/**
 * What a row's candidates were given, by one way of choosing: the model's scores, or lengths for "the
 * longest one wins"; and what is known of them.
 */
export interface JudgedRow {
  /** One number per candidate (a pair: chosen, rejected); of a row of steps one per step. */
  readonly scores: readonly number[];
  /** Which candidates are right, where that is known. */
  readonly correct?: readonly boolean[] | undefined;
  /** What each candidate is worth, where that is known; any scale. */
  readonly qualities?: readonly number[] | undefined;
  /** Of steps: index of the first wrong one, −1 where all are right. */
  readonly firstWrong?: number | undefined;
  /** The columns that the benchmark reads. */
  readonly columns: BenchmarkColumns;
}

/**
 * What one row says about each of a benchmark's marks: a value and its weight, the number of
 * comparisons that the value sums over; weight 0 where the row says nothing about the mark.
 */
export interface Marks {
  /** Sum over the row's comparisons, by mark. */
  readonly sums: readonly number[];
  /** How many comparisons, by mark. */
  readonly weights: readonly number[];
}

/** A figure of a report, before its interval. */
export interface Figure {
  /** What the figure is of: all rows, a subset, a section of subsets, or the benchmark's own score. */
  readonly group: "all" | "subset" | "section" | "benchmark";
  /** Its name. */
  readonly name: string;
  /** What is measured: `accuracy`, and others where a benchmark has them. */
  readonly metric: string;
  /** The figure; NaN where it is not defined. */
  readonly value: number;
  /** Rows that it rests on. */
  readonly rows: number;
  /** Subsets of a section that no row is of. */
  readonly missing?: readonly string[] | undefined;
}

/** A figure with the ends of its interval; `null` where those are not known. */
export interface FigureWithEnds extends Figure {
  /** Lower end. */
  readonly low: number | null;
  /** Upper end. */
  readonly high: number | null;
}

/** How a published data set is read, judged and averaged: all that Assay knows of it. */
export interface Benchmark {
  /** The name on the command line. */
  readonly name: string;
  /** The name in tables and messages. */
  readonly title: string;
  /** Where its rules are written down. */
  readonly source: string;
  /** The published columns, in the words of error messages. */
  readonly expects: string;
  /** Whether a row is in the published layout, right or wrong in its values. */
  isPublished(row: BenchmarkColumns): boolean;
  /** Whether a row in the published layout could be nothing else. */
  isUnmistakable?(row: BenchmarkColumns): boolean;
  /**
   * The row that Assay scores: a pair (`chosen`, `rejected`), candidates (`responses`, with
   * `num_correct`, `correct` or `qualities`) or `steps` (with `label`).
   *
   * @throws {AssayError} `evaluation/layout`.
   */
  read(row: BenchmarkColumns): Record<string, unknown>;
  /** Where a prompt's candidates stand in rows of their own, one after another: what they share. */
  readonly together?: {
    /** Whether rows are laid out so. */
    isPart(row: BenchmarkColumns): boolean;
    /** The column that they share. */
    readonly by: string;
    /** One row of them all. */
    join(rows: readonly BenchmarkColumns[]): Record<string, unknown>;
  };
  /** Columns that the rules read beside the numbers; none by default. */
  readonly reads?: readonly string[];
  /** Names of the marks that a row can have. */
  readonly marks: readonly string[];
  /**
   * What a row's numbers say.
   *
   * @param threshold From which on a step is right.
   * @returns The marks; `undefined` for a row without a preference (equal ratings).
   * @throws {AssayError} `evaluation/bad-row`, `evaluation/no-label`.
   */
  judge(row: JudgedRow, threshold: number): Marks | undefined;
  /** Rows that only several together say something: Ties of RewardBench 2. */
  readonly jointly?: {
    /** What the rows that belong together share; `undefined` for a row that stands alone. */
    key(columns: BenchmarkColumns): string | undefined;
    /** What they say. */
    judge(rows: readonly JudgedRow[]): Marks;
  };
  /** The figures of means by subset; called once for each draw of the bootstrap. */
  average(means: BenchmarkMeans): Figure[];
  /** Figures of the figures' own intervals, which have none themselves. */
  afterwards?(figures: readonly FigureWithEnds[]): Figure[];
  /** Whether there are lengths to compare with: not where steps are judged. */
  readonly hasBaselines: boolean;
  /** `false` where a row is neither right nor wrong as a whole. */
  readonly hasOutcomes?: boolean;
}
