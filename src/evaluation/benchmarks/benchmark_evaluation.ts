import { bootstrapAll, bootstrapDraws, type Interval } from "../../numbers/bootstrap.ts";
import type { Benchmark, BenchmarkColumns, Figure, JudgedRow } from "./benchmark.ts";
import type { BenchmarkMeans } from "./benchmark_means.ts";
import { EntryIndex, MarkTable } from "./mark_table.ts";

/** A scored row of a benchmark. */
export interface BenchmarkRow {
  /** One finite score per candidate; of a row of steps one per step. */
  readonly scores: readonly number[];
  /** Scores that a calibrator corrected, where there is one. */
  readonly calibrated?: readonly number[] | undefined;
  /** Lengths of the candidates in code points, where they are known. */
  readonly lengths?: readonly number[] | undefined;
  /** Markdown elements of the candidates, where they are known. */
  readonly markdown?: readonly number[] | undefined;
  /** Which candidates are right, where that is known. */
  readonly correct?: readonly boolean[] | undefined;
  /** What each candidate is worth, where that is known. */
  readonly qualities?: readonly number[] | undefined;
  /** Of steps: index of the first wrong one, −1 where all are right. */
  readonly firstWrong?: number | undefined;
  /** Its subset; rows without one stand together. */
  readonly subset?: string | undefined;
  /** What its prompt is known by: rows of one prompt are drawn together. */
  readonly prompt: string;
  /** Columns that the benchmark's rule reads (`id`, `subset`, …). */
  readonly columns: BenchmarkColumns;
}

/** What always choosing by one property of the responses would reach. */
export interface Baselines {
  /** The longest response; `null` where lengths are not known. */
  readonly longest: number | null;
  /** The shortest response. */
  readonly shortest: number | null;
  /** The response with the most Markdown elements. */
  readonly markdown: number | null;
}

/** One figure of a benchmark with its interval. */
export interface BenchmarkFigure extends Interval {
  /** What the figure is of: all rows, a subset, a section of subsets, or the benchmark's own score. */
  readonly group: Figure["group"];
  /** Its name. */
  readonly name: string;
  /** What is measured: `accuracy`, `score`, and what else a benchmark has. */
  readonly metric: string;
  /** Rows that it rests on. */
  readonly rows: number;
  /** Subsets of a section that no row is of. */
  readonly missing: readonly string[];
  /** The same by the calibrated scores; `null` without them. */
  readonly calibrated: number | null;
  /** Calibrated − not calibrated, by draws of prompts that both share; `null` without them. */
  readonly calibratedChange: Interval | null;
  /** The same if a property of the responses chose. */
  readonly baselines: Baselines;
}

/** What a benchmark found: plain data. */
export interface BenchmarkReport {
  /** The benchmark's name on the command line. */
  readonly benchmark: string;
  /** Its name in tables. */
  readonly title: string;
  /** Rows judged. */
  readonly rows: number;
  /** Rows whose label prefers nothing: they stand in no figure. */
  readonly undecided: number;
  /** Rows in which a better and a worse candidate have the same score. */
  readonly tied: number;
  /** The benchmark's score first, then sections and subsets. */
  readonly figures: readonly BenchmarkFigure[];
}

/** How a benchmark is evaluated. */
export interface BenchmarkOptions {
  /** From which score on a step is right. Default 0.5. */
  readonly threshold?: number | undefined;
  /** Draws of the bootstrap; by default as `bootstrapDraws` says. 0 draws nothing: no intervals. */
  readonly draws?: number | undefined;
  /** Seed of the draws. Default 0. */
  readonly seed?: number | undefined;
}

type Rating = "scores" | "calibrated" | keyof Baselines;

/** Ways of choosing among candidates; each gives them numbers of which the highest is chosen. */
const ratings: Readonly<Record<Rating, (row: BenchmarkRow) => readonly number[] | undefined>> = {
  scores: (row) => row.scores,
  calibrated: (row) => row.calibrated,
  longest: (row) => row.lengths,
  shortest: (row) => row.lengths?.map((length) => -length),
  markdown: (row) => row.markdown,
};

const ratingNames = Object.keys(ratings) as readonly Rating[];

/** What a comparison needs of an evaluation beside its report. */
export interface JudgedEntries {
  readonly benchmark: Benchmark;
  /** Which prompt and subset each entry belongs to. */
  readonly index: EntryIndex;
  /** Means over all rows. */
  readonly means: BenchmarkMeans;
  /** How the bootstrap draws. */
  readonly bootstrap: { readonly draws: number; readonly seed: number };
  /** The figures of drawn prompts. */
  drawnFigures(): (drawn: Uint32Array) => Figure[];
  /**
   * Whether every comparison of an entry is won; `undefined` for a tie that counts half, and for rows
   * that only together say something.
   */
  outcome(entry: number): boolean | undefined;
}

let entriesOf: (evaluation: BenchmarkEvaluation) => JudgedEntries;

/**
 * Judges scored rows by a benchmark's own rules and averages, with bootstrap intervals over prompts.
 *
 * @example
 * ```ts
 * import { BenchmarkEvaluation, benchmarkNamed } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const evaluation = new BenchmarkEvaluation(benchmarkNamed("judgebench")!);
 * const correct = [true, false];
 * const columns = {};
 * evaluation.add({ scores: [2, 1], correct, subset: "mmlu-pro-law", prompt: "a", columns });
 * evaluation.add({ scores: [1, 1], correct, subset: "livecodebench", prompt: "b", columns });
 * const [whole] = evaluation.report().figures;
 * assert.equal(whole?.estimate, 0.5); // a tie is wrong
 * ```
 */
export class BenchmarkEvaluation {
  readonly #benchmark: Benchmark;
  readonly #options: BenchmarkOptions;
  readonly #index = new EntryIndex();
  readonly #tables: Readonly<Record<Rating, MarkTable>>;
  /** Rows that only several together say something. */
  readonly #waiting = new Map<string, BenchmarkRow[]>();
  #closed = false;
  /** Entries of one row each, which come first. */
  #alone = 0;
  #rows = 0;
  #undecided = 0;
  #tied = 0;

  /**
   * An empty evaluation.
   *
   * @param benchmark The rules.
   * @param options The threshold of steps, and the draws of the bootstrap.
   */
  constructor(benchmark: Benchmark, options: BenchmarkOptions = {}) {
    this.#benchmark = benchmark;
    this.#options = options;
    const table = (rating: Rating) =>
      new MarkTable(benchmark.marks.length, rating === "scores" || rating === "calibrated");
    this.#tables = {
      scores: table("scores"),
      calibrated: table("calibrated"),
      longest: table("longest"),
      shortest: table("shortest"),
      markdown: table("markdown"),
    };
  }

  /**
   * Judges one row. Not after a report was asked for.
   *
   * @throws {AssayError} `evaluation/bad-row`, `evaluation/no-label`; nothing is counted then.
   */
  add(row: BenchmarkRow): void {
    const { jointly } = this.#benchmark;
    const key = jointly?.key(row.columns);
    if (key !== undefined) {
      jointly!.judge([judged(row, row.scores)]); // what is wrong with it is told now
      this.#rows++;
      if (hasTie(row)) this.#tied++;
      const known = this.#waiting.get(key);
      if (known === undefined) this.#waiting.set(key, [row]);
      else known.push(row);
      return;
    }
    const threshold = this.#options.threshold ?? 0.5;
    const marks = this.#benchmark.judge(judged(row, row.scores), threshold);
    if (marks === undefined) {
      this.#undecided++;
      return;
    }
    this.#rows++;
    if (hasTie(row)) this.#tied++;
    const place = this.#index.add(row.subset ?? "", row.prompt);
    for (const name of ratingNames) {
      const values = name === "scores" ? undefined : known(ratings[name](row));
      const other = values && this.#benchmark.judge(judged(row, values), threshold);
      this.#tables[name].add(place, name === "scores" ? marks : other);
    }
  }

  /** What was judged so far. */
  report(): BenchmarkReport {
    this.#close();
    const benchmark = this.#benchmark;
    const averages = benchmark.average(this.#means("scores"));
    const calibrated = alignedValues(averages, benchmark.average(this.#means("calibrated")));
    const isCalibrated = calibrated.some((value) => Number.isFinite(value));
    const intervals = this.#intervals(averages, isCalibrated);
    const ends = (place: number) => ({
      low: intervals[place]?.low ?? null,
      high: intervals[place]?.high ?? null,
    });
    const withEnds = averages.map((figure, place) => ({
      ...figure,
      ...ends(place),
      change: isCalibrated
        ? { estimate: finite(calibrated[place]! - figure.value), ...ends(averages.length + place) }
        : null,
    }));
    const more = benchmark.afterwards?.(withEnds) ?? [];
    const figures = [
      ...withEnds,
      ...more.map((figure) => ({ ...figure, low: null, high: null, change: null })),
    ];
    const others = ratingNames.slice(1).map((name) =>
      [name, byKey(benchmark.average(this.#means(name)))] as const
    );
    const other = (name: Rating, figure: Figure) =>
      // A mean score is of the model's own scale.
      figure.metric === "mean score"
        ? null
        : finite(others.find(([one]) => one === name)?.[1].get(keyOf(figure)));
    return {
      benchmark: benchmark.name,
      title: benchmark.title,
      rows: this.#rows,
      undecided: this.#undecided,
      tied: this.#tied,
      figures: figures.map((figure) => ({
        group: figure.group,
        name: figure.name,
        metric: figure.metric,
        rows: figure.rows,
        missing: figure.missing ?? [],
        estimate: finite(figure.value),
        low: figure.low,
        high: figure.high,
        calibrated: other("calibrated", figure),
        calibratedChange: figure.change,
        baselines: {
          longest: other("longest", figure),
          shortest: other("shortest", figure),
          markdown: other("markdown", figure),
        },
      })),
    };
  }

  static {
    entriesOf = (evaluation) => {
      evaluation.#close();
      return {
        benchmark: evaluation.#benchmark,
        index: evaluation.#index,
        means: evaluation.#means("scores"),
        bootstrap: evaluation.#bootstrap(),
        drawnFigures: () => evaluation.#drawnFigures("scores"),
        outcome: (entry) =>
          entry < evaluation.#alone ? evaluation.#tables.scores.outcome(entry) : undefined,
      };
    };
  }

  #means(rating: Rating): BenchmarkMeans {
    return this.#tables[rating].means(this.#index);
  }

  #drawnFigures(rating: "scores" | "calibrated"): (drawn: Uint32Array) => Figure[] {
    const means = this.#tables[rating].drawnMeans(this.#index);
    return (drawn) => this.#benchmark.average(means(drawn));
  }

  /** Fewer draws for more prompts, and for more marks of each. */
  #bootstrap(): { readonly draws: number; readonly seed: number } {
    const { draws, seed = 0 } = this.#options;
    const cost = this.#index.entries * Math.ceil(this.#benchmark.marks.length / 8);
    return { draws: draws ?? bootstrapDraws(cost), seed };
  }

  /** Intervals of the figures, then, with calibrated scores, of what they change. */
  #intervals(figures: readonly Figure[], isCalibrated: boolean): readonly Interval[] {
    const { draws, seed } = this.#bootstrap();
    if (draws === 0 || figures.length === 0) return [];
    const drawn = this.#drawnFigures("scores");
    const after = isCalibrated ? this.#drawnFigures("calibrated") : undefined;
    return bootstrapAll(this.#index.clusters, (sample) => {
      const values = alignedValues(figures, drawn(sample));
      if (after === undefined) return values;
      const changed = alignedValues(figures, after(sample));
      return [...values, ...changed.map((value, place) => value - values[place]!)];
    }, { draws, seed });
  }

  /** Judges what waited for its counterparts. */
  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#alone = this.#index.entries;
    for (const [key, rows] of this.#waiting) {
      const place = this.#index.add(rows[0]!.subset ?? "", key, rows.length);
      for (const name of ratingNames) {
        const values = rows.map((row) => known(ratings[name](row)));
        const all = values.every((one) => one !== undefined);
        this.#tables[name].add(
          place,
          all
            ? this.#benchmark.jointly!.judge(rows.map((row, index) => judged(row, values[index]!)))
            : undefined,
        );
      }
    }
    this.#waiting.clear();
  }
}

export { entriesOf };

/** The values of figures in the order of others; NaN for one that is not there. */
export function alignedValues(order: readonly Figure[], figures: readonly Figure[]): number[] {
  if (figures.length === order.length) return figures.map(({ value }) => value);
  const values = byKey(figures);
  return order.map((figure) => values.get(keyOf(figure)) ?? NaN);
}

function keyOf({ group, name, metric }: Figure): string {
  return `${group}\n${name}\n${metric}`;
}

function byKey(figures: readonly Figure[]): Map<string, number> {
  return new Map(figures.map((figure) => [keyOf(figure), figure.value]));
}

/**
 * Refuses a row that can't be judged, before others are.
 *
 * @throws {AssayError} `evaluation/bad-row`, `evaluation/no-label`.
 */
export function checkBenchmarkRow(
  benchmark: Benchmark,
  row: BenchmarkRow,
  threshold: number = 0.5,
): void {
  const one = judged(row, row.scores);
  if (benchmark.jointly?.key(row.columns) === undefined) benchmark.judge(one, threshold);
  else benchmark.jointly.judge([one]);
}

function judged(row: BenchmarkRow, scores: readonly number[]): JudgedRow {
  const { correct, qualities, firstWrong, columns } = row;
  return { scores, correct, qualities, firstWrong, columns };
}

function known(values: readonly number[] | undefined): readonly number[] | undefined {
  return values?.every(Number.isFinite) ? values : undefined;
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

/** Whether a better and a worse candidate have the same score. */
function hasTie({ scores, correct, qualities }: BenchmarkRow): boolean {
  const worthAt = new Map<number, number>();
  return (qualities ?? correct?.map(Number) ?? []).some((worth, index) => {
    const known = worthAt.get(scores[index]!);
    worthAt.set(scores[index]!, worth);
    return known !== undefined && known !== worth;
  });
}
