import { AssayError } from "../error.ts";
import { type CalibratorArtifact, checkArtifact, type Component } from "./artifact.ts";
import { type CategoryFeature, categoryFeature } from "./category_feature.ts";
import { type Correction, correctionOf, correctRows } from "./correction.ts";
import { featureColumn, missingFeature, type Pool, type ScoredResponse } from "./pool.ts";
import { ownValue } from "../own_value.ts";

/** Calibrated scores of responses that are compared with each other. */
export interface CalibratedGroup {
  /** One calibrated score per response. */
  readonly scores: number[];
  /**
   * False where an estimate had too few rows behind it for one of the responses, so that none of
   * them was corrected by it.
   */
  readonly corrected: boolean;
}

/** Calibrated scores of a pool. */
export interface CalibratedPool {
  /** One calibrated score per row; NaN where the score or a feature is NaN or infinite. */
  readonly scores: Float64Array;
  /** Rows that an estimate left uncorrected for want of rows behind it. */
  readonly uncorrected: number;
}

/**
 * A fitted calibrator: corrects scores one at a time, in pairs, by column or in a stream. Made by
 * `fit`, kept as JSON.
 *
 * A calibrated score is the score minus one correction per feature, each linear between the fitted
 * knots and constant beyond them.
 *
 * @example
 * ```ts
 * import { Calibrator, fit } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const length = Array.from({ length: 50 }, (_, row) => 10 * row);
 * const scores = length.map((value, row) => 0.01 * value + (row % 3));
 * const { calibrator } = fit({ scores, features: { length } }, { method: "lwr" });
 *
 * const again = Calibrator.parse(JSON.stringify(calibrator));
 * const short = again.apply(1, { length: 50 });
 * const long = again.apply(1, { length: 450 });
 * assert.ok(Math.abs(short - long - 4) < 0.2); // the long one had 4 points for its length
 * ```
 */
export class Calibrator {
  readonly #artifact: CalibratorArtifact;
  readonly #corrections: readonly Correction[];
  /** Names of the features that `apply` needs. */
  readonly features: readonly string[];
  /**
   * How those features that name a category (`model`) are measured: the category's index, which `apply`
   * takes as the feature's value.
   */
  readonly categories: readonly CategoryFeature[];

  /**
   * Makes a calibrator of its written form.
   *
   * @param artifact A calibrator as it was written.
   * @throws {AssayError} `calibration/bad-calibrator` for unusable knots.
   */
  constructor(artifact: CalibratorArtifact) {
    this.#artifact = artifact;
    this.#corrections = artifact.components.map(correctionOf);
    this.features = [...new Set(this.#corrections.map(({ feature }) => feature))];
    this.categories = artifact.components.flatMap((component) =>
      component.kind === "offsets" ? [categoryFeature(component.feature, component.categories)] : []
    );
  }

  /**
   * Reads a calibrator from parsed JSON, checking everything.
   *
   * @param value Parsed JSON.
   * @param name What to call it in errors, usually the file's name.
   * @throws {AssayError} `calibration/unsupported-version`, `calibration/bad-calibrator`.
   */
  static fromJSON(value: unknown, name = "given"): Calibrator {
    return new Calibrator(checkArtifact(value, name));
  }

  /**
   * Reads a calibrator from JSON text, checking everything.
   *
   * @param text JSON text.
   * @param name What to call it in errors, usually the file's name.
   * @throws {AssayError} `calibration/unsupported-version`, `calibration/bad-calibrator`.
   */
  static parse(text: string, name = "given"): Calibrator {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new AssayError(
        "calibration/bad-calibrator",
        `Cannot read the calibrator ${name}: expected JSON, found text that does not parse`,
        { cause },
      );
    }
    return Calibrator.fromJSON(value, name);
  }

  /** How it was fitted. */
  get method(): CalibratorArtifact["method"] {
    return this.#artifact.method;
  }

  /** What is subtracted from a score, in order. */
  get components(): readonly Component[] {
    return this.#artifact.components;
  }

  /** The settings of the fit. */
  get settings(): Readonly<Record<string, unknown>> {
    return this.#artifact.settings;
  }

  /** What the fit did to the rows it was fitted on. */
  get diagnostics(): Readonly<Record<string, unknown>> {
    return this.#artifact.diagnostics;
  }

  /** The calibrator as plain data for `JSON.stringify`. */
  toJSON(): CalibratorArtifact {
    return this.#artifact;
  }

  /**
   * Corrects one score.
   *
   * @param score The score.
   * @param features Its response's features by name, at least those in `features`.
   * @returns The calibrated score; NaN where the score or a feature is NaN or infinite.
   * @throws {AssayError} `calibration/missing-feature` where a feature is not given.
   */
  apply(score: number, features: Readonly<Record<string, number>>): number {
    let calibrated = score;
    for (const correction of this.#corrections) {
      const value = ownValue(features, correction.feature);
      if (value === undefined) throw missingFeature(correction.feature, Object.keys(features));
      calibrated -= correction.supports(value) ? correction.at(value) : 0;
      if (!Number.isFinite(value)) return NaN;
    }
    return Number.isFinite(calibrated) ? calibrated : NaN;
  }

  /**
   * Corrects scores that are compared with each other: the two sides of a pair, or N candidates.
   * Where an estimate has too few rows behind it for one of them, it corrects none of them, as
   * RC-Mean does, so that a corrected score is never compared with an uncorrected one.
   *
   * @param responses The responses.
   * @returns One calibrated score each, and whether every correction was made.
   * @throws {AssayError} `calibration/missing-feature` where a feature is not given.
   */
  applyTogether(responses: readonly ScoredResponse[]): CalibratedGroup {
    const scores = responses.map(({ score }) => score);
    let corrected = true;
    for (const correction of this.#corrections) {
      const values = responses.map(({ features }) => {
        const value = ownValue(features, correction.feature);
        if (value === undefined) throw missingFeature(correction.feature, Object.keys(features));
        return value;
      });
      const supported = values.every((value) => correction.supports(value));
      corrected &&= supported;
      values.forEach((value, index) => {
        const subtract = supported ? correction.at(value) : 0;
        scores[index]! -= Number.isFinite(value) ? subtract : NaN;
      });
    }
    return { scores: scores.map((score) => Number.isFinite(score) ? score : NaN), corrected };
  }

  /**
   * Corrects a whole pool by column; its pairs are corrected together.
   *
   * @param pool The pool, with the features that the calibrator needs.
   * @throws {AssayError} `calibration/missing-feature`, `calibration/length-mismatch`.
   */
  applyPool(pool: Pool): CalibratedPool {
    const scores = Float64Array.from(pool.scores);
    const uncorrectedRows = new Uint8Array(scores.length);
    for (const correction of this.#corrections) {
      const column = featureColumn(pool, correction.feature);
      const { subtract, fellBack } = correctRows(correction, column, pool.pairs);
      for (let row = 0; row < scores.length; row++) {
        scores[row]! -= Number.isFinite(column[row]) ? subtract[row]! : NaN;
        if (fellBack[row]) uncorrectedRows[row] = 1;
      }
    }
    let uncorrected = 0;
    for (let row = 0; row < scores.length; row++) {
      if (!Number.isFinite(scores[row])) scores[row] = NaN;
      uncorrected += uncorrectedRows[row]!;
    }
    return { scores, uncorrected };
  }

  /**
   * Corrects scores as they come, in constant memory.
   *
   * @param responses Scored responses, of any number.
   * @returns Each with its `calibrated` score, in the same order; NaN where the score or a feature
   *   is NaN or infinite.
   * @throws {AssayError} `calibration/missing-feature` where a feature is not given.
   */
  async *applyStream<Response extends ScoredResponse>(
    responses: AsyncIterable<Response> | Iterable<Response>,
  ): AsyncGenerator<Response & { calibrated: number }> {
    for await (const response of responses) {
      yield { ...response, calibrated: this.apply(response.score, response.features) };
    }
  }
}
