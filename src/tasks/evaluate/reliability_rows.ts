import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { LabelledRow } from "../../evaluation/evaluation.ts";
import {
  reliability,
  type ReliabilityOptions,
  type ReliabilityReport,
} from "../../evaluation/reliability.ts";
import { type EvaluatedRowOptions, EvaluatedRowReader } from "./evaluated_row_reader.ts";
import { PromptClusters } from "./prompt_cluster.ts";

/** Reliability of rows' scores; plain data for `JSON.stringify`. */
export interface RowReliability extends ReliabilityReport {
  /** The same of the scores that the calibrator corrects; `null` without one. */
  readonly calibrated: ReliabilityReport | null;
}

/** A row of more pairs would drown all others. */
const mostPairs = 64;

/**
 * Gathers the margins of scored rows whose right response is known, and tells how far they can be taken
 * as log odds, as `assay evaluate --reliability` does. A pair gives one margin; candidates give one for
 * each right and each wrong one, up to 64, and are left out beyond. Intervals draw prompts.
 *
 * @example
 * ```ts
 * import { ReliabilityRows, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const scored = [2, 1, -1].map((chosen_score) => ({ chosen_score, rejected_score: 0 }));
 * const gathered = new ReliabilityRows();
 * await gathered.addAll(rowsInMemory(scored).read());
 * const { pairs, asGiven } = gathered.report({ draws: 100 });
 * assert.equal(pairs, 3);
 * assert.ok(asGiven.ece.estimate! > 0);
 * ```
 */
export class ReliabilityRows {
  readonly #reader: EvaluatedRowReader;
  readonly #prompts: PromptClusters;
  readonly #isCalibrated: boolean;
  readonly #margins: number[] = [];
  readonly #calibrated: number[] = [];
  readonly #clusters: number[] = [];

  /**
   * Gathers nothing yet.
   *
   * @param options Where scores and labels stand, and a calibrator to compare with.
   */
  constructor(options: EvaluatedRowOptions = {}) {
    this.#reader = new EvaluatedRowReader(options);
    this.#prompts = new PromptClusters(options.columns?.get("prompt"));
    this.#isCalibrated = options.calibrator !== undefined;
  }

  /** Takes all rows; those that can't be evaluated are left out. */
  async addAll(rows: AsyncIterable<ReadRow>): Promise<void> {
    for await (const { row } of rows) this.#addIfLabelled(row);
  }

  /** Takes rows as they pass by. */
  async *watch(rows: AsyncIterable<ReadRow>): AsyncGenerator<ReadRow> {
    for await (const read of rows) {
      this.#addIfLabelled(read.row);
      yield read;
    }
  }

  /**
   * What was gathered so far.
   *
   * @param options Temperature, bins, draws.
   * @throws {AssayError} `evaluation/bad-row` where no row gave a pair, `evaluation/bad-option`.
   */
  report(options: Omit<ReliabilityOptions, "clusters"> = {}): RowReliability {
    const given = { ...options, clusters: denselyNumbered(this.#clusters) };
    return {
      ...reliability(this.#margins, given),
      calibrated: this.#isCalibrated ? reliability(this.#calibrated, given) : null,
    };
  }

  /**
   * Takes a row that was read.
   *
   * @param row Its scores, and how many of the first ones are right.
   * @param cluster Its prompt's number.
   */
  addLabelled({ scores, correct, calibrated }: LabelledRow, cluster: number): void {
    const pairs = correct * (scores.length - correct);
    if (!(pairs > 0 && pairs <= mostPairs)) return;
    const margins = marginsOf(scores, correct);
    const after = calibrated === undefined ? undefined : marginsOf(calibrated, correct);
    if (![...margins, ...after ?? []].every(Number.isFinite)) return;
    margins.forEach((margin, index) => {
      this.#margins.push(margin);
      this.#clusters.push(cluster);
      if (after !== undefined) this.#calibrated.push(after[index]!);
    });
  }

  #addIfLabelled(row: Row | undefined): void {
    if (row === undefined) return;
    try {
      const { labelled } = this.#reader.read(row);
      if (labelled !== undefined) this.addLabelled(labelled, this.#prompts.of(row));
    } catch (error) {
      if (!(error instanceof AssayError)) throw error; // the evaluation tells of such rows
    }
  }
}

function marginsOf(scores: readonly number[], correct: number): number[] {
  return scores.slice(0, correct).flatMap((right) =>
    scores.slice(correct).map((wrong) => right - wrong)
  );
}

/** Prompts whose rows gave no pair have a number too. */
function denselyNumbered(clusters: readonly number[]): Uint32Array {
  const numbers = new Map<number, number>();
  return Uint32Array.from(clusters, (cluster) => {
    const number = numbers.get(cluster) ?? numbers.size;
    numbers.set(cluster, number);
    return number;
  });
}
