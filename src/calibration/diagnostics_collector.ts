import { discordantShare, spearman } from "../numbers/ranks.ts";
import { seededRandom } from "../numbers/seeded_random.ts";
import type { Accuracy, Diagnostics, FeatureCorrelation } from "./diagnostics.ts";
import type { ScoredPair, ScoredResponse } from "./pool.ts";
import { type TieRule, winOf } from "./tie.ts";
import { diagnosticWarnings } from "./warnings.ts";
import { setOwnValue } from "../own_value.ts";

/** Options of {@linkcode DiagnosticsCollector}. */
export interface DiagnosticsOptions {
  /** Features that the calibration corrected for; the others are only reported. */
  readonly corrected: readonly string[];
  /** What equal scores count as in accuracies. Default `"half"`. */
  readonly tie?: TieRule | undefined;
  /**
   * Most rows kept for rank correlations, a random sample of all that are added; bounds the memory
   * of a stream. Default: all.
   */
  readonly sample?: number | undefined;
}

/** A labelled pair with the calibrated scores of both sides. */
export interface CalibratedPair extends ScoredPair {
  /** Calibrated score of the chosen side. */
  readonly chosenCalibrated: number;
  /** Calibrated score of the rejected side. */
  readonly rejectedCalibrated: number;
}

interface Tally {
  pairs: number;
  before: number;
  after: number;
  longer: number;
  shorter: number;
}

/**
 * Gathers, row by row or pair by pair, what a calibration does to scores: rank correlation with
 * every feature before and after, share of preferences changed, accuracy before and after beside
 * "the longer one wins" and "the shorter one wins". Memory is constant for a bounded `sample`.
 */
export class DiagnosticsCollector {
  readonly #corrected: readonly string[];
  readonly #tie: TieRule;
  readonly #win: (margin: number) => number;
  readonly #sample: number;
  readonly #random = seededRandom(1);
  readonly #before: number[] = [];
  readonly #after: number[] = [];
  readonly #columns = new Map<string, number[]>();
  readonly #overall = emptyTally();
  readonly #longerIsBetter = emptyTally();
  readonly #shorterIsBetter = emptyTally();
  readonly #subsets = new Map<string, Tally>();
  #rows = 0;
  #seen = 0;
  #dropped = 0;
  #uncorrected = 0;
  #changed = 0;

  /**
   * An empty collection.
   *
   * @param options What was corrected, the tie rule, the sample's size.
   */
  constructor(options: DiagnosticsOptions) {
    this.#corrected = options.corrected;
    this.#tie = options.tie ?? "half";
    this.#win = winOf(this.#tie);
    this.#sample = options.sample ?? Infinity;
  }

  /** Counts rows that an estimate left uncorrected. */
  addUncorrected(rows: number): void {
    this.#uncorrected += rows;
  }

  /** Counts rows that could not be calibrated at all. */
  addDropped(rows: number): void {
    this.#rows += rows;
    this.#dropped += rows;
  }

  /**
   * Adds one response.
   *
   * @param response Its score and features.
   * @param calibrated Its calibrated score.
   */
  addRow(response: ScoredResponse, calibrated: number): void {
    this.#rows++;
    if (!Number.isFinite(response.score) || !Number.isFinite(calibrated)) {
      this.#dropped++;
      return;
    }
    this.#keep(response, calibrated);
  }

  /**
   * Adds one labelled pair, both of its rows included.
   *
   * @param pair The pair with its calibrated scores.
   */
  addPair(pair: CalibratedPair): void {
    this.addRow(pair.chosen, pair.chosenCalibrated);
    this.addRow(pair.rejected, pair.rejectedCalibrated);
    const margin = pair.chosen.score - pair.rejected.score;
    const calibrated = pair.chosenCalibrated - pair.rejectedCalibrated;
    if (!Number.isFinite(margin) || !Number.isFinite(calibrated)) return;
    const name = this.#comparedFeature(pair.chosen.features);
    const longer = pair.chosen.features[name]! - pair.rejected.features[name]!;
    const before = this.#win(margin);
    const after = this.#win(calibrated);
    if (before !== after) this.#changed++;
    const even = this.#tie === "half" ? 0.5 : 0;
    const tallies = [this.#overall, ...this.#subsetTallies(pair.subset)];
    if (longer > 0) tallies.push(this.#longerIsBetter);
    if (longer < 0) tallies.push(this.#shorterIsBetter);
    for (const tally of tallies) {
      tally.pairs++;
      tally.before += before;
      tally.after += after;
      tally.longer += longer > 0 ? 1 : longer === 0 ? even : 0;
      tally.shorter += longer < 0 ? 1 : longer === 0 ? even : 0;
    }
  }

  /** What was gathered so far. */
  report(): Diagnostics {
    const features: Record<string, FeatureCorrelation> = {};
    for (const [name, column] of this.#columns) {
      setOwnValue(features, name, {
        spearmanBefore: spearman(this.#before, column),
        spearmanAfter: spearman(this.#after, column),
      });
    }
    const labelled = this.#overall.pairs > 0;
    const report = {
      rows: this.#rows,
      dropped: this.#dropped,
      uncorrected: this.#uncorrected,
      features,
      sampledRows: this.#seen > this.#before.length ? this.#before.length : undefined,
      preferencesChanged: labelled
        ? { share: this.#changed / this.#overall.pairs, basis: "labelled pairs" as const }
        : {
          share: discordantShare(this.#before, this.#after),
          basis: "all pairs of rows" as const,
        },
      accuracy: labelled
        ? {
          tie: this.#tie,
          comparedFeature: this.#comparedFeature(features),
          overall: accuracyOf(this.#overall)!,
          whereLongerIsBetter: accuracyOf(this.#longerIsBetter),
          whereShorterIsBetter: accuracyOf(this.#shorterIsBetter),
          subsets: Object.fromEntries(
            [...this.#subsets].map(([name, tally]) => [name, accuracyOf(tally)!]),
          ),
        }
        : undefined,
    };
    return { ...report, warnings: diagnosticWarnings(report, this.#corrected) };
  }

  /**
   * The kept rows, for a plot.
   *
   * @param feature Feature name.
   * @returns Columns of equal length; empty for a feature that was never added.
   */
  keptRows(feature: string): { x: number[]; before: number[]; after: number[] } {
    const x = this.#columns.get(feature);
    if (x === undefined) return { x: [], before: [], after: [] };
    return { x: [...x], before: [...this.#before], after: [...this.#after] };
  }

  /** Keeps a row, or a random sample of the rows once there are more than fit (reservoir). */
  #keep(response: ScoredResponse, calibrated: number): void {
    let place = this.#seen++;
    if (place >= this.#sample) {
      place = Math.floor(this.#random() * this.#seen);
      if (place >= this.#sample) return;
    }
    this.#before[place] = response.score;
    this.#after[place] = calibrated;
    for (const name of Object.keys(response.features)) {
      let column = this.#columns.get(name);
      if (column === undefined) this.#columns.set(name, column = []);
      column[place] = response.features[name]!;
    }
  }

  #comparedFeature(features: Readonly<Record<string, unknown>>): string {
    if (Object.hasOwn(features, "length")) return "length";
    return this.#corrected[0] ?? Object.keys(features)[0] ?? "length";
  }

  #subsetTallies(subset: string | undefined): Tally[] {
    if (subset === undefined) return [];
    let tally = this.#subsets.get(subset);
    if (tally === undefined) this.#subsets.set(subset, tally = emptyTally());
    return [tally];
  }
}

function emptyTally(): Tally {
  return { pairs: 0, before: 0, after: 0, longer: 0, shorter: 0 };
}

function accuracyOf({ pairs, before, after, longer, shorter }: Tally): Accuracy | null {
  if (pairs === 0) return null;
  return {
    pairs,
    before: before / pairs,
    after: after / pairs,
    longerWins: longer / pairs,
    shorterWins: shorter / pairs,
  };
}
