import { checkOptions, openShare, wholeFrom } from "../check_options.ts";
import { AssayError } from "../error.ts";
import { binomialCdf, clopperPearsonUpper } from "../numbers/binomial.ts";
import { seededShuffle } from "../numbers/seeded_random.ts";
import {
  type AbstentionArtifact,
  certaintyVersion,
  checkAbstention,
} from "./certainty_artifact.ts";

/** A decision whose outcome is known. */
export interface Decision {
  /** How far apart the two best scores are: |margin| of a pair; at least 0. */
  readonly size: number;
  /** Whether the best score's response is right; a tie is not. */
  readonly isRight: boolean;
}

/** How {@linkcode fitAbstention} chooses. */
export interface AbstentionOptions {
  /** α: the most errors, as a share of the rows that are decided; between 0 and 1. */
  readonly risk: number;
  /** δ: the chance that the risk is higher all the same. Default 0.05. */
  readonly delta?: number | undefined;
  /** How many thresholds are tried, at equal shares of the rows. Default 100. */
  readonly steps?: number | undefined;
}

/** One threshold that was tested. */
export interface AbstentionStep {
  /** Rows with |margin| of at least this are decided. */
  readonly threshold: number;
  /** How many those are, of the rows fitted on. */
  readonly decided: number;
  /** How many of them are wrong. */
  readonly errors: number;
  /** Exact (Clopper–Pearson) upper bound of the risk at confidence 1 − δ. */
  readonly upperBound: number;
}

/** Threshold, and what was tested on the way. */
export interface AbstentionFit {
  /** The threshold, to keep and to apply. */
  readonly abstention: Abstention;
  /** The thresholds that passed, from the largest down, and the first that did not. */
  readonly tested: readonly AbstentionStep[];
}

/** What abstaining comes to on rows that it was not fitted on; plain data for `JSON.stringify`. */
export interface AbstentionReport {
  /** α. */
  readonly risk: number;
  /** δ. */
  readonly delta: number;
  /** The threshold of |margin|; `null` where none keeps the risk. */
  readonly threshold: number | null;
  /** Rows that it was measured on. */
  readonly rows: number;
  /** The share of them that is decided. */
  readonly coverage: number | null;
  /** The share of errors among those; `null` where none is decided. */
  readonly decidedRisk: number | null;
  /** The share of errors if all were decided. */
  readonly fullRisk: number | null;
  /** Thresholds tested in the fit, from the largest down. */
  readonly tested: readonly AbstentionStep[];
  /** Why there is no threshold. */
  readonly refused: { readonly code: string; readonly message: string } | null;
}

/** A threshold of |margin| below which nothing is decided. Made by {@linkcode fitAbstention}, kept as JSON. */
export class Abstention {
  readonly #artifact: AbstentionArtifact;

  /**
   * Makes a threshold of its written form.
   *
   * @param artifact The threshold as it was written.
   */
  constructor(artifact: AbstentionArtifact) {
    this.#artifact = artifact;
  }

  /**
   * Reads a threshold from parsed JSON, checking everything.
   *
   * @param value Parsed JSON.
   * @param name What to call it in errors, usually the file's name.
   * @throws {AssayError} `calibration/unsupported-version`, `calibration/bad-calibrator`.
   */
  static fromJSON(value: unknown, name = "given"): Abstention {
    return new Abstention(checkAbstention(value, name));
  }

  /** The threshold as plain data for `JSON.stringify`. */
  toJSON(): AbstentionArtifact {
    return this.#artifact;
  }

  /** Whether a decision between scores so far apart is to be left open. */
  abstains(size: number): boolean {
    return !(size >= this.#artifact.threshold);
  }
}

/**
 * Chooses the least threshold of |margin| at which decisions err in no more than a share α of cases, with
 * a chance of 1 − δ (fixed-sequence testing of learn then test, Angelopoulos et al., arXiv 2110.01052):
 * thresholds that keep 1/100, 2/100, … of the rows are tested in this order, from the largest down, by
 * the exact (Clopper–Pearson) bound, and the last one before the first failure is taken. The first one
 * tested keeps enough rows to pass with half the errors allowed, or a quarter of all rows if that is
 * less, so that a single error among the surest does not end it.
 *
 * @param decisions Rows whose right answer is known, exchangeable with those that will be decided.
 * @param options Risk and its confidence.
 * @throws {AssayError} `calibration/too-few-rows` where no number of rows could pass;
 *   `calibration/no-threshold` where the first threshold fails; `calibration/bad-option`,
 *   `calibration/not-finite`.
 *
 * @example
 * ```ts
 * import { fitAbstention } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * // Right wherever the margin is at least 1, else a coin.
 * const decisions = Array.from({ length: 1000 }, (_, i) => ({
 *   size: i / 500,
 *   isRight: i >= 500 || i % 2 === 0,
 * }));
 * const { abstention } = fitAbstention(decisions, { risk: 0.05 });
 * assert.ok(abstention.abstains(0.5) && !abstention.abstains(1.5));
 * ```
 */
export function fitAbstention(
  decisions: readonly Decision[],
  options: AbstentionOptions,
): AbstentionFit {
  checkAbstentionOptions(options);
  const { risk, delta = 0.05, steps = 100 } = options;
  const sorted = decisions.map(finiteDecision).sort((a, b) => b.size - a.size);
  const least = Math.max(1, Math.ceil(Math.log(delta) / Math.log1p(-risk) - 1e-9));
  if (sorted.length < least) throw tooFewRows(sorted.length, least, risk, delta);
  const first = Math.max(least, Math.min(comfortable(risk, delta), sorted.length >> 2));
  const tested: AbstentionStep[] = [];
  let passed: AbstentionStep | undefined;
  let [decided, errors] = [0, 0];
  for (let step = 1; step <= steps; step++) {
    const wanted = Math.ceil(step * sorted.length / steps);
    if (wanted < first || wanted <= decided) continue;
    // Rows of equal size are decided together.
    const threshold = sorted[wanted - 1]!.size;
    while (decided < sorted.length && sorted[decided]!.size >= threshold) {
      if (!sorted[decided++]!.isRight) errors++;
    }
    const upperBound = clopperPearsonUpper(errors, decided, delta);
    tested.push({ threshold, decided, errors, upperBound });
    // The same as a bound of at most α, but without its rounding.
    if (binomialCdf(errors, decided, risk) > delta) break;
    passed = tested.at(-1)!;
  }
  if (passed === undefined) throw noThreshold(tested[0]!, risk);
  const { threshold, ...kept } = passed;
  const abstention = new Abstention({
    format: "assay-abstention",
    version: certaintyVersion,
    risk,
    delta,
    threshold,
    fit: { rows: sorted.length, ...kept },
  });
  return { abstention, tested };
}

/**
 * What abstaining comes to: fits a threshold on a random half of the rows and counts on the other.
 *
 * @param decisions Rows whose right answer is known.
 * @param options As for {@linkcode fitAbstention}, and the seed of the halves (0 by default).
 * @returns Coverage and risk; without a threshold, why there is none.
 * @throws {AssayError} `calibration/bad-option`, `calibration/not-finite`.
 */
export function heldOutAbstention(
  decisions: readonly Decision[],
  options: AbstentionOptions & { readonly seed?: number | undefined },
): AbstentionReport {
  const order = seededShuffle(decisions.length, options.seed ?? 0);
  const [fitted, measured] = [
    order.subarray(0, order.length >> 1),
    order.subarray(order.length >> 1),
  ]
    .map((rows) => Array.from(rows, (row) => decisions[row]!)) as [Decision[], Decision[]];
  const wrong = (rows: readonly Decision[]) => rows.filter(({ isRight }) => !isRight).length;
  const base = {
    risk: options.risk,
    delta: options.delta ?? 0.05,
    rows: measured.length,
    fullRisk: shareOf(wrong(measured), measured.length),
  };
  try {
    const { abstention, tested } = fitAbstention(fitted, options);
    const decided = measured.filter(({ size }) => !abstention.abstains(size));
    return {
      ...base,
      threshold: abstention.toJSON().threshold,
      coverage: shareOf(decided.length, measured.length),
      decidedRisk: shareOf(wrong(decided), decided.length),
      tested,
      refused: null,
    };
  } catch (error) {
    const codes = ["calibration/too-few-rows", "calibration/no-threshold"];
    if (!(error instanceof AssayError) || !codes.includes(error.code)) throw error;
    const none = { threshold: null, coverage: null, decidedRisk: null, tested: [] };
    return { ...base, ...none, refused: error.toJSON() };
  }
}

/** The fewest rows, in steps of 2/α, that pass with errors in a share α/2 of them. */
function comfortable(risk: number, delta: number): number {
  for (let errors = 1;; errors++) {
    const rows = Math.ceil(2 * errors / risk);
    if (binomialCdf(errors, rows, risk) <= delta) return rows;
  }
}

function shareOf(some: number, all: number): number | null {
  return all === 0 ? null : some / all;
}

function finiteDecision(decision: Decision): Decision {
  if (decision.size >= 0 && decision.size < Infinity) return decision;
  throw new AssayError(
    "calibration/not-finite",
    `Cannot fit a threshold: expected the size of a margin, found ${decision.size}`,
  );
}

function checkAbstentionOptions(options: AbstentionOptions): void {
  checkOptions("calibration/bad-option", "fit a threshold", {
    ...options,
    risk: options.risk ?? null,
  }, {
    risk: openShare,
    delta: openShare,
    steps: wholeFrom(1),
    seed: wholeFrom(0),
  });
}

function tooFewRows(found: number, least: number, risk: number, delta: number): AssayError {
  return new AssayError(
    "calibration/too-few-rows",
    `Cannot fit a threshold: expected at least ${least} labelled rows, since fewer can't show a risk ` +
      `of at most ${risk} at confidence ${1 - delta}, even without an error; found ${found}`,
  );
}

function noThreshold({ decided, errors, upperBound }: AbstentionStep, risk: number): AssayError {
  return new AssayError(
    "calibration/no-threshold",
    `Cannot fit a threshold: expected the surest decisions to err in at most ${risk}, found ${errors} ` +
      `errors in the surest ${decided}, which may be ${
        upperBound.toFixed(4)
      }; allow a higher risk, or ` +
      "add labelled rows",
  );
}
