import { clopperPearsonLower, clopperPearsonUpper } from "../numbers/binomial.ts";
import type { Interval } from "../numbers/bootstrap.ts";
import type { Change } from "./change.ts";
import { ClusterTotals } from "./cluster_totals.ts";
import type { ChangedAccuracy, ChangeReport } from "./probe_report.ts";

/** The scores of one row's responses before a change and after it. */
export interface ChangedScores {
  /** The cluster of the row's prompt. */
  readonly cluster: number;
  /** Whether the first response is known to be the better one of two. */
  readonly isPair: boolean;
  /** Scores before. */
  readonly scores: readonly number[];
  /** Scores after; `undefined` where the change left a response as it was. One at least is a number. */
  readonly changed: readonly (number | undefined)[];
  /** Code points that the change added, of each response that it changed. */
  readonly addedLengths: readonly number[];
}

/** Gathers what one change does, some bytes for each cluster of prompts. */
export class ChangeTally {
  /** The change. */
  readonly change: Change;
  /** Change of score, loser's, winner's and everything's flips. */
  readonly #totals = Array.from({ length: 4 }, () => new ClusterTotals());
  readonly #accuracy = { pairs: 0, before: 0, both: 0, rejected: 0 };
  #rows = 0;
  #unchanged = 0;
  #failed = 0;
  #firstFailure: ChangeReport["firstFailure"] = null;
  #comparable = 0;
  #added = { sum: 0, count: 0 };

  /** @param change The change. */
  constructor(change: Change) {
    this.change = change;
  }

  /** Counts a row that the change did nothing to. */
  addUnchanged(): void {
    this.#unchanged++;
  }

  /** Counts a row of which a changed response has no score. */
  addFailed(reason: { readonly code: string; readonly message: string }): void {
    this.#failed++;
    this.#firstFailure ??= { code: reason.code, message: reason.message };
  }

  /** Adds a row that the change did something to. */
  add({ cluster, isPair, scores, changed, addedLengths }: ChangedScores): void {
    this.#rows++;
    changed.forEach((score, index) => {
      if (score !== undefined) this.#totals[0]!.add(cluster, score - scores[index]!);
    });
    for (const length of addedLengths) this.#added.sum += length;
    this.#added.count += addedLengths.length;
    if (scores.length > 1) {
      this.#comparable++;
      this.#addFlips(cluster, scores, changed);
    }
    if (isPair) this.#addAccuracy(scores, changed);
  }

  /** The figures that have an interval, in the order that {@linkcode report} takes them. */
  get figures(): readonly ClusterTotals[] {
    return this.#totals;
  }

  /**
   * What the change did.
   *
   * @param intervals One of each figure, the first still in the score's own units.
   * @param deviation Standard deviation of the pool's scores.
   */
  report(intervals: readonly Interval[], deviation: number | null): ChangeReport {
    const { name, kind, target, summary } = this.change;
    const [score, loser, winner, both] = intervals as [Interval, Interval, Interval, Interval];
    const flip = (interval: Interval, figure: number) =>
      interval.estimate === null ? null : shareInterval(interval, this.#totals[figure]!.clusters);
    return {
      change: name,
      kind,
      target,
      summary,
      rows: this.#rows,
      unchanged: this.#unchanged,
      failed: this.#failed,
      firstFailure: this.#firstFailure,
      scoreChange: inUnitsOf(score, deviation),
      flips: this.#comparable === 0
        ? null
        : { loser: flip(loser, 1), winner: flip(winner, 2), both: flip(both, 3) },
      preferences: this.#totals[3]!.count,
      accuracy: this.#accuracyReport(),
      addedLength: this.#added.count === 0 ? null : this.#added.sum / this.#added.count,
    };
  }

  #addFlips(
    cluster: number,
    scores: readonly number[],
    changed: readonly (number | undefined)[],
  ): void {
    const [, loser, winner, both] = this.#totals;
    const best = scores.indexOf(Math.max(...scores));
    const won = scores[best]!;
    const isAlone = this.change.target === "response";
    scores.forEach((lost, index) => {
      if (index === best || lost === won) return;
      const [wonAfter, lostAfter] = [changed[best], changed[index]];
      if (isAlone && lostAfter !== undefined) loser!.add(cluster, turned(won - lostAfter));
      if (isAlone && wonAfter !== undefined) winner!.add(cluster, turned(wonAfter - lost));
      if (wonAfter !== undefined || lostAfter !== undefined) {
        both!.add(cluster, turned((wonAfter ?? won) - (lostAfter ?? lost)));
      }
    });
  }

  #addAccuracy(scores: readonly number[], changed: readonly (number | undefined)[]): void {
    const [chosen, rejected] = scores as [number, number];
    const [chosenAfter = chosen, rejectedAfter = rejected] = changed;
    this.#accuracy.pairs++;
    this.#accuracy.before += 1 - turned(chosen - rejected);
    this.#accuracy.both += 1 - turned(chosenAfter - rejectedAfter);
    this.#accuracy.rejected += 1 - turned(chosen - rejectedAfter);
  }

  #accuracyReport(): ChangedAccuracy | null {
    const { pairs, before, both, rejected } = this.#accuracy;
    if (pairs === 0) return null;
    return {
      pairs,
      before: before / pairs,
      both: both / pairs,
      rejected: this.change.target === "response" ? rejected / pairs : null,
    };
  }
}

/** How far a margin that was above 0 has turned round: 1, or half where it is 0. */
function turned(margin: number): number {
  return margin < 0 ? 1 : margin === 0 ? 0.5 : 0;
}

/**
 * Where no preference flips, or every one, all draws say the same: the exact (Clopper–Pearson) bound
 * over the prompts stands for the end that they can't tell.
 */
function shareInterval(interval: Interval, prompts: number): Interval {
  const { estimate } = interval;
  if (estimate === 0) return { ...interval, low: 0, high: clopperPearsonUpper(0, prompts, 0.025) };
  if (estimate !== 1) return interval;
  return { ...interval, low: clopperPearsonLower(prompts, prompts, 0.025), high: 1 };
}

function inUnitsOf(interval: Interval, deviation: number | null): Interval {
  const scaled = (value: number | null) =>
    value === null || deviation === null || deviation === 0 ? null : value / deviation;
  return {
    estimate: scaled(interval.estimate),
    low: scaled(interval.low),
    high: scaled(interval.high),
  };
}
