import { bootstrapAll, type Interval } from "../numbers/bootstrap.ts";
import type { Change } from "./change.ts";
import { ChangeTally } from "./change_tally.ts";
import type { ClusterTotals } from "./cluster_totals.ts";
import { answerOrder, type ChangeReport, type ProbeReport } from "./probe_report.ts";
import { PromptGroups } from "./prompt_groups.ts";

/** How intervals are drawn. */
export interface ProbeTallyOptions {
  /** Seed of the draws. Default 0. */
  readonly seed?: number | undefined;
  /** Draws of each interval. By default as many as the work allows, from 400 to 10,000. */
  readonly draws?: number | undefined;
}

const mostDraws = 10_000;
const leastDraws = 400;
/** Products that all intervals together may take beyond their least draws. */
const products = 1e9;

/** Gathers what all changes do, in bounded memory but for a key of each prompt. */
export class ProbeTally {
  /** One for each change, in their order. */
  readonly changes: readonly ChangeTally[];
  readonly #options: ProbeTallyOptions;
  readonly #prompts = new PromptGroups();
  readonly #rows = { read: 0, failed: 0 };
  readonly #noise = { repeated: 0, different: 0 };
  readonly #pool = { responses: 0, mean: 0, squares: 0 };
  #firstFailure: ProbeReport["firstFailure"] = null;
  #conversations = 0;

  /**
   * @param changes What is tried.
   * @param options How intervals are drawn.
   */
  constructor(changes: readonly Change[], options: ProbeTallyOptions = {}) {
    this.changes = changes.map((change) => new ChangeTally(change));
    this.#options = options;
  }

  /** The cluster of a prompt. */
  clusterOf(prompt: string): number {
    return this.#prompts.of(prompt);
  }

  /** Counts a row that has no scores to compare with. */
  addFailedRow(reason: { readonly code: string; readonly message: string }): void {
    this.#rows.read++;
    this.#rows.failed++;
    this.#firstFailure ??= { code: reason.code, message: reason.message };
  }

  /**
   * Adds a row's scores before any change.
   *
   * @param scores Of its responses.
   * @param repeated The first of them once more.
   */
  addRow(scores: readonly number[], repeated: number): void {
    this.#rows.read++;
    this.#noise.repeated++;
    if (repeated !== scores[0]) this.#noise.different++;
    for (const score of scores) {
      // Welford's recurrence: the pool is never held.
      const pool = this.#pool;
      const before = score - pool.mean;
      pool.mean += before / ++pool.responses;
      pool.squares += before * (score - pool.mean);
    }
  }

  /** Counts conversations that were scored. */
  addConversations(count: number): void {
    this.#conversations += count;
  }

  /** What was found so far. */
  report(): ProbeReport {
    const { responses, mean, squares } = this.#pool;
    const deviation = responses === 0 ? null : Math.sqrt(squares / responses);
    const seed = this.#options.seed ?? 0;
    const draws = this.#options.draws ?? this.#draws();
    const figures = this.changes.flatMap((change) => change.figures);
    const intervals = this.#intervals(figures, draws, seed);
    const changes = this.changes.map((change, index) =>
      change.report(intervals.slice(4 * index, 4 * index + 4), deviation)
    );
    return {
      rows: { ...this.#rows },
      firstFailure: this.#firstFailure,
      prompts: this.#prompts.prompts,
      pool: { responses, mean: responses === 0 ? null : mean, deviation },
      conversations: this.#conversations,
      noise: { ...this.#noise },
      answerOrder,
      seed,
      draws,
      changes: changes.sort(byEffect),
    };
  }

  #draws(): number {
    const work = Math.max(1, this.#prompts.count * 4 * this.changes.length);
    return Math.min(mostDraws, Math.max(leastDraws, Math.floor(products / work)));
  }

  #intervals(figures: readonly ClusterTotals[], draws: number, seed: number): Interval[] {
    const clusters = this.#prompts.count;
    const none = { estimate: null, low: null, high: null };
    if (clusters === 0) return figures.map(() => none);
    const used = figures.filter(({ count }) => count > 0);
    const weights = new Uint16Array(clusters);
    const found = bootstrapAll(clusters, (drawn) => {
      weights.fill(0);
      for (const cluster of drawn) weights[cluster]! += 1;
      return used.map((totals) => totals.weightedMean(weights));
    }, { draws, seed });
    return figures.map((totals) => {
      const place = used.indexOf(totals);
      return place < 0 ? none : found[place]!;
    });
  }
}

/** The stronger effect first, of those that are certain; then those whose interval has 0 in it, or none. */
function byEffect(one: ChangeReport, other: ChangeReport): number {
  return Number(isCertain(other)) - Number(isCertain(one)) || effect(other) - effect(one);
}

function isCertain({ scoreChange: { low, high } }: ChangeReport): boolean {
  return low !== null && high !== null && (low > 0 || high < 0);
}

function effect({ scoreChange }: ChangeReport): number {
  return Math.abs(scoreChange.estimate ?? 0);
}
