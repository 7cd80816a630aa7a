import type { Calibrator } from "../../calibration/calibrator.ts";
import { type Pool, PoolBuilder, type ScoredResponse } from "../../calibration/pool.ts";
import { explicitTexts } from "../../data/explicit_texts.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { checkCandidates } from "../../evaluation/best_of_n_accuracy.ts";
import { ownValue } from "../../own_value.ts";
import type { SkewReport } from "../../probing/skew.ts";
import type { GoldPrompt } from "../../voting/gold_curve.ts";
import { textFingerprint } from "../../voting/join_voters.ts";
import type { ScoredRow } from "../../voting/scored_row.ts";
import { responseSources } from "../calibrate/response_sources.ts";
import { IntervalReader } from "../calibrate/conformal_rows.ts";
import { addToPool, ScoredRowReader } from "../calibrate/scored_responses.ts";
import { markdownOf } from "../evaluate/benchmark_row_reader.ts";
import { EvaluatedRowReader } from "../evaluate/evaluated_row_reader.ts";
import { PromptClusters } from "../evaluate/prompt_cluster.ts";
import type { AuditedRowCounts } from "./audit_report.ts";
import { LabelBuilder, type Labels } from "./label_columns.ts";
import { AuditedSkew } from "./skew_section.ts";

/** How to read a model's rows. */
export interface AuditedRowOptions {
  /** Columns to read under another name: `chosen_score`, `num_correct`, … → the row's own. */
  readonly columns?: ReadonlyMap<string, string> | undefined;
  /** Column that names a row's subset; `subset` by default. */
  readonly subset?: string | undefined;
  /** Column with the candidates' qualities, a list of numbers. */
  readonly quality?: string | undefined;
  /** Column with what a score, or a pair's margin, stands for. */
  readonly target?: string | undefined;
  /** Whether rows will be matched with another model's. */
  readonly isCompared?: boolean | undefined;
}

/** Candidates whose quality is known, with what a calibrator needs. */
export interface GoldCandidates extends GoldPrompt {
  /** Lengths of the candidates, NaN where they are not known. */
  readonly lengths: readonly number[];
}

/** What is kept of a model's rows. */
export interface AuditedRows {
  /** Rows of each kind. */
  readonly counts: AuditedRowCounts;
  /** Rows whose right answers are known. */
  readonly labels: Labels;
  /** Scores and features of all responses; none where no row has scores. */
  readonly pool: Pool | undefined;
  /** Candidates with their qualities, by prompt. */
  readonly candidates: readonly GoldCandidates[];
  /** Scores or margins with what they stand for; none where no column was named. */
  readonly targets: {
    readonly of: "score" | "margin" | undefined;
    readonly scores: Float64Array;
    readonly targets: Float64Array;
  };
  /** What pairs that differ in a trait alone show; `undefined` where there are none. */
  readonly skew: SkewReport | undefined;
  /** Number of prompts, or of rows where they do not tell their prompts. */
  readonly clusters: number;
  /** Whether every row told its prompt. */
  readonly isByPrompt: boolean;
  /** What rows of several files are matched by, and what voters say, by place; empty where not asked for. */
  readonly keys: AuditedKeys;
}

/** What is needed of every row to match it with another model's. */
export interface AuditedKeys {
  readonly ids: (string | undefined | null)[];
  readonly fingerprints: (string | undefined)[];
  readonly subsets: (string | undefined)[];
  readonly scores: (ScoredRow | undefined)[];
}

/**
 * Reads all rows of one model. Rows without scores are counted and passed over.
 *
 * @param rows The rows.
 * @param options Columns.
 * @throws {AssayError} Where no row has scores, why the first one has none.
 */
export async function readAuditedRows(
  rows: AsyncIterable<ReadRow>,
  options: AuditedRowOptions = {},
): Promise<AuditedRows> {
  const builder = new AuditedRowsBuilder(options);
  for await (const read of rows) builder.add(read);
  return builder.build();
}

class AuditedRowsBuilder {
  readonly #scored: ScoredRowReader;
  readonly #evaluated: EvaluatedRowReader;
  readonly #columns: ReadonlyMap<string, string>;
  readonly #pool = new PoolBuilder();
  readonly #labels = new LabelBuilder();
  readonly #candidates: GoldCandidates[] = [];
  readonly #intervals: IntervalReader | undefined;
  readonly #targets = { scores: [] as number[], targets: [] as number[] };
  readonly #skew = new AuditedSkew();
  readonly #prompts: PromptClusters;
  readonly #keys: AuditedKeys = { ids: [], fingerprints: [], subsets: [], scores: [] };
  readonly #counts = { read: 0, pair: 0, best_of_n: 0, single: 0, failed: 0 };
  readonly #isCompared: boolean;
  #firstFailure: AuditedRowCounts["firstFailure"];

  constructor(options: AuditedRowOptions) {
    const { columns, subset, target } = options;
    this.#columns = columns ?? new Map();
    this.#isCompared = options.isCompared ?? false;
    this.#scored = new ScoredRowReader({ features: [], columns, subset });
    this.#prompts = new PromptClusters(columns?.get("prompt"));
    this.#evaluated = new EvaluatedRowReader(options);
    this.#intervals = target === undefined
      ? undefined
      : new IntervalReader({ target, group: null, quantiles: null, columns });
  }

  add({ row, error }: ReadRow): void {
    const place = this.#counts.read++;
    this.#addKeys(row);
    try {
      if (row === undefined) throw error!;
      this.#addScores(row, place);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      this.#counts.failed++;
      this.#firstFailure ??= { code: error.code, message: error.message };
    }
  }

  build(): AuditedRows {
    const { read, failed, pair, best_of_n, single } = this.#counts;
    const firstFailure = this.#firstFailure;
    if (firstFailure !== undefined && failed === read) {
      throw new AssayError(
        firstFailure.code,
        `Cannot audit any of ${read} rows. The first: ${firstFailure.message}`,
      );
    }
    return {
      counts: {
        read,
        pairs: pair,
        bestOfN: best_of_n,
        single,
        failed,
        ...(firstFailure !== undefined && { firstFailure }),
      },
      labels: this.#labels.build(),
      pool: this.#pool.size === 0 ? undefined : this.#pool.build(),
      candidates: this.#candidates,
      targets: {
        of: this.#intervals?.of,
        scores: Float64Array.from(this.#targets.scores),
        targets: Float64Array.from(this.#targets.targets),
      },
      skew: this.#skew.report(),
      clusters: this.#prompts.count,
      isByPrompt: this.#prompts.alone === 0,
      keys: this.#keys,
    };
  }

  #addKeys(row: Row | undefined): void {
    if (!this.#isCompared) return;
    const { ids, fingerprints, subsets, scores } = this.#keys;
    ids.push(row === undefined ? null : idOf(this.#value(row, "id")));
    fingerprints.push(row && textFingerprint(explicitTexts(row)));
    subsets.push(row && idOf(this.#value(row, "subset")));
    scores.push(undefined);
  }

  #addScores(row: Row, place: number): void {
    const { kind, responses, subset } = this.#scored.read(row);
    const present = responses.filter((response) => response !== undefined);
    if (present.length === 0) {
      throw new AssayError(
        "data/bad-row",
        "Cannot audit the row: expected a score for a candidate, found none",
      );
    }
    const cluster = this.#prompts.of(row);
    if (kind !== "single") this.#addLabel(row, kind === "pair", present, cluster, place);
    addToPool(this.#pool, { kind, responses, subset });
    this.#addTargets(row);
    if (responses.length === 2 && present.length === 2) {
      this.#skew.add(row, [present[0]!.score, present[1]!.score], cluster);
    }
    this.#counts[kind]++;
    if (!this.#isCompared) return;
    const values = responses.map((response) => response?.score ?? NaN);
    this.#keys.scores[place] = kind === "pair"
      ? { kind, chosen: values[0]!, rejected: values[1]! }
      : kind === "single"
      ? { kind, score: values[0]! }
      : { kind, scores: values };
  }

  /** A row without a target counts everywhere else. */
  #addTargets(row: Row): void {
    if (this.#intervals === undefined) return;
    try {
      for (const { target, score } of this.#intervals.read(row)) {
        if (target === undefined) return;
        this.#targets.scores.push(score);
        this.#targets.targets.push(target);
      }
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
    }
  }

  #addLabel(
    row: Row,
    isPair: boolean,
    responses: readonly ScoredResponse[],
    cluster: number,
    place: number,
  ): void {
    try {
      const { labelled, candidates } = this.#evaluated.read(row);
      if (labelled !== undefined) {
        const { scores, correct, lengths = [], subset, id } = labelled;
        checkCandidates(scores, correct);
        const kind = isPair ? "pair" : "best_of_n";
        const markdown = markdownOf(responseSources(row, kind, scores.length, undefined));
        const read = { scores, correct, lengths, markdown, subset, id };
        this.#labels.add({ ...read, cluster, place, isPair });
      }
      if (candidates !== undefined) {
        const lengths = responses.map(({ features }) => features.length ?? NaN);
        this.#candidates.push({ ...candidates, lengths });
      }
    } catch (error) {
      // Scores without a label still tell what a model likes.
      if (!(error instanceof AssayError) || error.code !== "evaluation/no-label") throw error;
    }
  }

  #value(row: Row, name: string): unknown {
    return ownValue(row, this.#columns.get(name) ?? name);
  }
}

/** Scores that a calibrator for length corrects together. */
export function calibratedTogether(
  scores: ArrayLike<number>,
  lengths: ArrayLike<number> | undefined,
  calibrator: Calibrator,
): readonly number[] {
  const responses = Array.from(scores, (score, index) => ({
    score,
    features: { length: lengths?.[index] ?? NaN },
  }));
  return calibrator.applyTogether(responses).scores;
}

function idOf(id: unknown): string | undefined {
  const isKey = typeof id === "string" || typeof id === "number" || typeof id === "bigint";
  return isKey && id !== "" ? String(id) : undefined;
}
