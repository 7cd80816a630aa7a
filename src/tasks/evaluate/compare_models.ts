import { explicitTexts } from "../../data/explicit_texts.ts";
import type { ReadRow } from "../../data/rows.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import {
  BenchmarkEvaluation,
  type BenchmarkReport,
  type BenchmarkRow,
  checkBenchmarkRow,
} from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import {
  type BenchmarkComparison,
  compareBenchmarks,
} from "../../evaluation/benchmarks/compare_benchmarks.ts";
import { ownValue } from "../../own_value.ts";
import {
  type JoinKey,
  joinVoters,
  textFingerprint,
  type VoterKeys,
} from "../../voting/join_voters.ts";
import { AssayError } from "../../error.ts";
import { type EvaluateBenchmarkOptions, readBenchmark } from "./evaluate_benchmark.ts";
import type { RowCounts } from "./taken_rows.ts";

/** A model's scored rows, and what messages call them. */
export interface NamedRows {
  /** The file. */
  readonly name: string;
  /** The rows. */
  readonly rows: AsyncIterable<ReadRow>;
}

/** Two models on the same rows. */
export interface ModelComparison {
  /** The first model's figures, over the rows that both have; without baselines. */
  readonly report: BenchmarkReport;
  /** The differences, first − second. */
  readonly comparison: BenchmarkComparison;
  /** What rows were matched by. */
  readonly by: JoinKey;
  /** Rows of each that the other lacks: they stand in no figure. */
  readonly lacking: readonly [number, number];
  /** What became of the rows of each. */
  readonly counts: readonly [RowCounts, RowCounts];
}

/** The rows of one model, ready to be joined. */
interface Gathered {
  readonly rows: BenchmarkRow[];
  readonly ids: (string | undefined)[];
  readonly subsets: (string | undefined)[];
  readonly fingerprints: (string | undefined)[];
  readonly counts: RowCounts;
}

/**
 * Compares two models' scores of the same rows, as `assay evaluate --against` does. Rows are matched by
 * `id`, by `subset` and `id`, else by their order; what two matched rows both have of ids, subsets and
 * texts must agree.
 *
 * @param first The first model's rows.
 * @param second The second's.
 * @param benchmark The rules; `plainRows` for rows of no benchmark.
 * @param options Columns, the threshold of steps, draws.
 * @throws {AssayError} `voting/rows-differ`, `voting/ids-differ`, `voting/no-common-ids`,
 *   `voting/row-count` and others where the rows are not the same, and those of `evaluateBenchmark`.
 */
export async function compareModels(
  first: NamedRows,
  second: NamedRows,
  benchmark: Benchmark,
  options: EvaluateBenchmarkOptions = {},
): Promise<ModelComparison> {
  const one = await gather(first, benchmark, options);
  const other = await gather(second, benchmark, options);
  const join = joinVoters([keysOf(first, one), keysOf(second, other)]);
  const failed = one.counts.rows.failed + other.counts.rows.failed;
  if (join.by === "order" && failed > 0) {
    throw differ("an id in every row, since some could not be evaluated", "rows without one");
  }
  const [places, otherPlaces] = join.places;
  const evaluations = [one, other].map(() => new BenchmarkEvaluation(benchmark, options));
  const lacking: [number, number] = [0, 0];
  for (let row = 0; row < join.rows; row++) {
    const [place, otherPlace] = [places![row]!, otherPlaces![row]!];
    if (place < 0) lacking[1]++;
    else if (otherPlace < 0) lacking[0]++;
    else {
      const [scores, others] = [one.rows[place]!.scores, other.rows[otherPlace]!.scores];
      if (scores.length !== others.length) {
        throw differ(
          "as many scores in both",
          `${scores.length} and ${others.length} in row ${row + 1}`,
        );
      }
      const { prompt, correct, qualities, firstWrong, subset, columns } = one.rows[place]!;
      evaluations[0]!.add(one.rows[place]!);
      // The same label and prompt: only the scores are the other model's.
      const label = { prompt, correct, qualities, firstWrong, subset, columns };
      evaluations[1]!.add({ ...other.rows[otherPlace]!, ...label });
    }
  }
  return {
    report: evaluations[0]!.report(),
    comparison: compareBenchmarks(evaluations[0]!, evaluations[1]!),
    by: join.by,
    lacking,
    counts: [one.counts, other.counts],
  };
}

async function gather(
  { rows }: NamedRows,
  benchmark: Benchmark,
  options: EvaluateBenchmarkOptions,
): Promise<Gathered> {
  const gathered = {
    rows: [] as BenchmarkRow[],
    ids: [] as (string | undefined)[],
    subsets: [] as (string | undefined)[],
    fingerprints: [] as (string | undefined)[],
  };
  const idColumn = options.columns?.get("id") ?? "id";
  const subsets = new Map<string, string>();
  const counts = await readBenchmark(rows, benchmark, options, (row, source) => {
    checkBenchmarkRow(benchmark, row, options.threshold);
    const id = ownValue(source, idColumn);
    const { lengths: _, markdown: __, calibrated: ___, ...rest } = row;
    // Each row's text of a subset would be kept as its own.
    const subset = rest.subset === undefined ? undefined : subsets.get(rest.subset) ?? rest.subset;
    if (subset !== undefined) subsets.set(subset, subset);
    gathered.rows.push({ ...rest, subset });
    gathered.ids.push(
      typeof id === "string" || typeof id === "number" || typeof id === "bigint"
        ? String(id)
        : undefined,
    );
    gathered.subsets.push(subset);
    gathered.fingerprints.push(textFingerprint(explicitTexts(source)));
  });
  return { ...gathered, counts };
}

function differ(expected: string, found: string): AssayError {
  return new AssayError(
    "evaluation/rows-differ",
    `Cannot compare two models: expected ${expected}, found ${found}; score the same rows with both`,
  );
}

function keysOf({ name }: NamedRows, { ids, subsets, fingerprints }: Gathered): VoterKeys {
  return { name, ids, subsets, fingerprints };
}
