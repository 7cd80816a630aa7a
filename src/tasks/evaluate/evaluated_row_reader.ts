import type { Calibrator } from "../../calibration/calibrator.ts";
import type { ScoredResponse } from "../../calibration/pool.ts";
import { numberInColumn, numbersInColumn } from "../../data/column_values.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { LabelledRow } from "../../evaluation/evaluation.ts";
import type { GoldPrompt } from "../../voting/gold_curve.ts";
import { ScoredRowReader } from "../calibrate/scored_responses.ts";
import { ownValue } from "../../own_value.ts";

/** Where scores and labels stand in rows. */
export interface EvaluatedRowOptions {
  /** Columns to read under another name: `chosen_score`, `num_correct`, … → the row's own. */
  readonly columns?: ReadonlyMap<string, string> | undefined;
  /** Column that names a row's subset; `subset` by default. */
  readonly subset?: string | undefined;
  /** Column with the candidates' qualities, a list of numbers. */
  readonly quality?: string | undefined;
  /** Corrects the scores, for a comparison. */
  readonly calibrator?: Calibrator | undefined;
}

/** What one row says about the scores. */
export interface EvaluatedRow {
  /** Where the right candidates are known. */
  readonly labelled: LabelledRow | undefined;
  /** Where the candidates' qualities are known: those, the scores, and calibrated ones if there are any. */
  readonly candidates: GoldPrompt | undefined;
}

/** Reads scores and labels from rows. */
export class EvaluatedRowReader {
  readonly #options: EvaluatedRowOptions;
  readonly #reader: ScoredRowReader;

  /** @param options What to read. */
  constructor(options: EvaluatedRowOptions) {
    const { columns, subset, calibrator } = options;
    this.#options = options;
    const { features = [], categories: own } = calibrator ?? {};
    this.#reader = new ScoredRowReader({ features, own, columns, subset });
  }

  /**
   * Reads one row.
   *
   * @throws {AssayError} `evaluation/no-label` where nothing tells which candidate is right,
   *   `data/bad-row` where a score is absent or a column holds something else, and the errors of
   *   {@linkcode ScoredRowReader}.
   */
  read(row: Row): EvaluatedRow {
    const { kind, responses, subset } = this.#reader.read(row);
    if (kind === "single") {
      throw noLabel('a pair, or candidates with "num_correct"', "the score of one response");
    }
    const candidates = allScored(responses);
    const calibrated = this.#options.calibrator?.applyTogether(candidates).scores;
    const qualities = kind === "pair" ? undefined : this.#qualities(row, candidates.length);
    const correct = kind === "pair" ? 1 : numberInColumn(row, this.#column("num_correct"));
    if (correct === undefined && qualities === undefined) {
      throw noLabel(
        '"num_correct" (so many candidates, the first ones, are right) or --quality',
        "candidates without either",
      );
    }
    const scores = candidates.map(({ score }) => score);
    const lengths = candidates.map(({ features }) => features.length ?? NaN);
    return {
      labelled: correct === undefined
        ? undefined
        : { scores, correct, calibrated, lengths, subset, id: ownValue(row, this.#column("id")) },
      candidates: qualities && {
        scores: calibrated === undefined ? [scores] : [scores, calibrated],
        gold: qualities,
      },
    };
  }

  #column(name: string): string {
    return this.#options.columns?.get(name) ?? name;
  }

  #qualities(row: Row, candidates: number): readonly number[] | undefined {
    const column = this.#options.quality;
    if (column === undefined) return undefined;
    const qualities = (numbersInColumn(row, column) ?? []).map((quality) => quality ?? NaN);
    if (qualities.length === candidates && qualities.every(Number.isFinite)) return qualities;
    throw new AssayError(
      "data/bad-row",
      `Cannot use column "${column}": expected ${candidates} finite numbers, one per candidate, ` +
        `found ${qualities.filter(Number.isFinite).length} in a list of ${qualities.length}`,
    );
  }
}

/**
 * The candidates of a row, each with a score.
 *
 * @throws {AssayError} `data/bad-row`.
 */
export function allScored(responses: readonly (ScoredResponse | undefined)[]): ScoredResponse[] {
  return responses.map((response, index) => {
    if (response !== undefined) return response;
    throw new AssayError(
      "data/bad-row",
      `Cannot evaluate the row: expected a score for every candidate, found none for candidate ${
        index + 1
      }`,
    );
  });
}

/** The error of a row of which it is not known which response is right. */
export function noLabel(expected: string, found: string): AssayError {
  return new AssayError(
    "evaluation/no-label",
    `Cannot tell which response is right: expected ${expected}, found ${found}`,
  );
}
