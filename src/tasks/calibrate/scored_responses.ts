import {
  type Feature,
  featureNamed,
  type FeatureSource,
  lengthFeature,
  measureFeatures,
} from "../../calibration/features.ts";
import type { PoolBuilder, ScoredResponse } from "../../calibration/pool.ts";
import { numberInColumn, numbersInColumn } from "../../data/column_values.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { type ResponseMeasures, responseSources } from "./response_sources.ts";
import { ownValue, setOwnValue } from "../../own_value.ts";

/** Where scores and features stand in rows. */
export interface ScoredColumns {
  /** Columns to read under another name: `score`, `chosen_score`, … → the row's own. */
  readonly columns?: ReadonlyMap<string, string> | undefined;
  /** Column that names a pair's subset; `subset` by default. */
  readonly subset?: string | undefined;
  /** Tokens and template of a checkpoint, for features that need them: see {@linkcode tokenizerMeasures}. */
  readonly measures?: ResponseMeasures | undefined;
}

/** How to read scores and features from rows. */
export interface ScoredRowOptions extends ScoredColumns {
  /** Names of the features to measure. */
  readonly features: readonly string[];
  /** Features that are not measured as their name says, such as a calibrator's categories. */
  readonly own?: readonly Feature[] | undefined;
}

/** The scored responses of one row. */
export interface ScoredResponses {
  /** The row's shape. */
  readonly kind: "single" | "pair" | "best_of_n";
  /** In order; a pair's chosen one first. A candidate that has no score is `undefined`. */
  readonly responses: readonly (ScoredResponse | undefined)[];
  /** Subset of a pair, where the row names one. */
  readonly subset: string | undefined;
}

/** Reads scores and features from rows; knows whether lengths can be measured beside them. */
export class ScoredRowReader {
  readonly #options: ScoredRowOptions;
  readonly #columns: ReadonlyMap<string, string>;
  readonly #features: readonly Feature[];
  #measuresLength: boolean | undefined;

  /** @param options What to read. */
  constructor(options: ScoredRowOptions) {
    this.#options = options;
    this.#columns = options.columns ?? new Map();
    this.#features = options.features.map((name) => featureNamed(name, options.own));
    // Where length is corrected for, it is measured like every other feature.
    if (options.features.includes(lengthFeature.name)) this.#measuresLength = false;
  }

  /**
   * Reads one row.
   *
   * @throws {AssayError} `data/bad-row` where the row has no scores or a column holds no number,
   *   `calibration/not-finite` for a NaN or infinite score or feature,
   *   `calibration/missing-feature` where a feature can't be measured.
   */
  read(row: Row): ScoredResponses {
    const view = this.#renamed(row);
    const subset = view[this.#options.subset ?? "subset"];
    const base = { subset: typeof subset === "string" && subset !== "" ? subset : undefined };
    if (has(view, "chosen_score") || has(view, "rejected_score")) {
      const scores = ["chosen_score", "rejected_score"].map((name) => requiredScore(view, name));
      return { kind: "pair", responses: this.#responses(view, "pair", scores), ...base };
    }
    if (has(view, "scores")) {
      const scores = numbersInColumn(view, "scores") ?? [];
      return { kind: "best_of_n", responses: this.#responses(view, "best_of_n", scores), ...base };
    }
    if ("score" in view) {
      const scores = [requiredScore(view, "score")];
      return { kind: "single", responses: this.#responses(view, "single", scores), ...base };
    }
    const found = Object.keys(row).map((name) => `"${name}"`).join(", ") || "none";
    throw new AssayError(
      "data/bad-row",
      'Cannot find scores in the row: expected "score", "chosen_score" and "rejected_score", or ' +
        `"scores"; found the columns ${found} (--column score=NAME reads another)`,
    );
  }

  #renamed(row: Row): Row {
    if (this.#columns.size === 0) return row;
    const view: Row = { ...row };
    for (const [name, column] of this.#columns) setOwnValue(view, name, ownValue(row, column));
    return view;
  }

  #responses(
    view: Row,
    kind: ScoredResponses["kind"],
    scores: readonly (number | undefined)[],
  ): (ScoredResponse | undefined)[] {
    const sources = responseSources(view, kind, scores.length, this.#options.measures);
    return scores.map((score, index) => {
      if (score === undefined) return undefined;
      const source = sources[index]!;
      if (!Number.isFinite(score)) {
        throw new AssayError(
          "calibration/not-finite",
          `Cannot calibrate the score${
            position(kind, index)
          }: expected a finite number, found ${score}`,
        );
      }
      const features = measureFeatures(this.#features, source);
      this.#measuresLength ??= lengthBeside(source) !== undefined;
      if (this.#measuresLength) features.length = lengthBeside(source) ?? NaN;
      return { score, features };
    });
  }
}

/** The length of a response that is not corrected for: whatever cannot be measured is not known. */
function lengthBeside(source: FeatureSource): number | undefined {
  try {
    return lengthFeature.measure(source);
  } catch (error) {
    if (error instanceof AssayError) return undefined;
    throw error;
  }
}

/** An empty CSV cell is none: a file has the columns of every row's shape in every row. */
function has(row: Row, column: string): boolean {
  const value = ownValue(row, column) ?? null;
  return value !== null && value !== "";
}

function requiredScore(row: Row, column: string): number {
  const score = numberInColumn(row, column);
  if (score !== undefined) return score;
  throw new AssayError(
    "data/bad-row",
    `Cannot calibrate the row: expected a number in "${column}", found ${
      ownValue(row, column) === undefined ? "no such column" : "nothing"
    }`,
  );
}

function position(kind: ScoredResponses["kind"], index: number): string {
  if (kind === "single") return "";
  return kind === "pair" ? ` of ${["chosen", "rejected"][index]}` : ` of response ${index + 1}`;
}

/**
 * Adds a row's responses to a pool. Candidates of one prompt are single responses: they have no
 * label.
 */
export function addToPool(pool: PoolBuilder, { kind, responses, subset }: ScoredResponses): void {
  if (kind === "pair") {
    pool.addPair({ chosen: responses[0]!, rejected: responses[1]!, subset });
    return;
  }
  for (const response of responses) if (response !== undefined) pool.addRow(response);
}
