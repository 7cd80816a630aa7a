import {
  bootstrapDifference,
  bootstrapDraws,
  bootstrapMean,
  type Interval,
} from "../numbers/bootstrap.ts";
import { AssayError } from "../error.ts";
import { ClusterTotals } from "./cluster_totals.ts";
import { PromptGroups } from "./prompt_groups.ts";

/** Two responses to one prompt that differ in one trait only. */
export interface CounterfactualPair {
  /** Name of the trait: `length`, `jargon`, … */
  readonly trait: string;
  /** What tells the prompt from the others. */
  readonly prompt: string;
  /** Score of the response with the trait minus the other's. */
  readonly margin: number;
  /** Share of people who prefer the response with the trait, where it is known. */
  readonly human?: number | undefined;
}

/** How far a model leans towards one trait. */
export interface TraitSkew {
  /** The trait. */
  readonly trait: string;
  /** Pairs. */
  readonly pairs: number;
  /** Pairs whose two scores are equal: they count half in `skew`. */
  readonly ties: number;
  /** Share of pairs in which the response with the trait scores higher. */
  readonly skew: Interval;
  /** Mean score of the responses with the trait minus the others', in the score's units. */
  readonly margin: Interval;
  /** Pairs for which people's share is known; the figures below are of these. */
  readonly humanPairs: number;
  /** People's share that prefers the trait; `null` where it is not known. */
  readonly human: Interval | null;
  /** The model's share minus people's. */
  readonly difference: Interval | null;
  /**
   * Share of pairs that the model decides otherwise than most people; equal scores count half, pairs on
   * which people are even do not count.
   */
  readonly disagreement: Interval | null;
}

/** What counterfactual pairs show of a model. Plain JSON. */
export interface SkewReport {
  /** Rows read, and those of them that could not be used. */
  readonly rows: { readonly read: number; readonly failed: number };
  /** Why the first of those could not. */
  readonly firstFailure: { readonly code: string; readonly message: string } | null;
  /** Seed of the intervals. */
  readonly seed: number;
  /** One for each trait, the one that the model leans to most, either way, first. */
  readonly traits: readonly TraitSkew[];
}

/** Traits that a file may name; each is a report of its own. */
const mostTraits = 200;
/** Clusters that are drawn for one interval, beyond its least draws. */
const drawnClusters = 2e7;
const leastDraws = 400;

/** What is gathered of one trait. */
class TraitTally {
  readonly prompts = new PromptGroups();
  readonly margin = new ClusterTotals();
  readonly prefers = new ClusterTotals();
  readonly prefersOfHuman = new ClusterTotals();
  readonly human = new ClusterTotals();
  readonly disagreement = new ClusterTotals();
  ties = 0;
}

/** Gathers counterfactual pairs, in bounded memory but for a key of each prompt. */
export class SkewTally {
  readonly #traits = new Map<string, TraitTally>();
  readonly #rows = { read: 0, failed: 0 };
  readonly #seed: number;
  #firstFailure: SkewReport["firstFailure"] = null;

  /** @param options The seed of the intervals, 0 by default. */
  constructor(options: { readonly seed?: number | undefined } = {}) {
    this.#seed = options.seed ?? 0;
  }

  /** Counts a row that could not be used. */
  addFailed({ code, message }: { readonly code: string; readonly message: string }): void {
    this.#rows.read++;
    this.#rows.failed++;
    this.#firstFailure ??= { code, message };
  }

  /**
   * Adds a pair.
   *
   * @throws {AssayError} `probing/bad-pair` for a share outside of [0, 1], `probing/too-many-traits`.
   */
  add({ trait, prompt, margin, human }: CounterfactualPair): void {
    if (human !== undefined && !(human >= 0 && human <= 1)) {
      throw new AssayError(
        "probing/bad-pair",
        `Cannot use people's share: expected a number from 0 to 1, found ${human}`,
      );
    }
    const tally = this.#tallyOf(trait);
    this.#rows.read++;
    const cluster = tally.prompts.of(prompt);
    const prefers = margin > 0 ? 1 : margin === 0 ? 0.5 : 0;
    if (margin === 0) tally.ties++;
    tally.margin.add(cluster, margin);
    tally.prefers.add(cluster, prefers);
    if (human === undefined) return;
    tally.prefersOfHuman.add(cluster, prefers);
    tally.human.add(cluster, human);
    if (human !== 0.5) tally.disagreement.add(cluster, human > 0.5 ? 1 - prefers : prefers);
  }

  /** What was found so far. */
  report(): SkewReport {
    const traits = [...this.#traits].map(([trait, tally]) => traitSkew(trait, tally, this.#seed));
    const lean = ({ skew }: TraitSkew) => Math.abs((skew.estimate ?? 0.5) - 0.5);
    return {
      rows: { ...this.#rows },
      firstFailure: this.#firstFailure,
      seed: this.#seed,
      traits: traits.sort((a, b) => lean(b) - lean(a)),
    };
  }

  #tallyOf(trait: string): TraitTally {
    const known = this.#traits.get(trait);
    if (known !== undefined) return known;
    if (this.#traits.size === mostTraits) {
      throw new AssayError(
        "probing/too-many-traits",
        `Cannot use the trait ${
          JSON.stringify(trait.slice(0, 80))
        }: expected at most ${mostTraits} ` +
          "different ones, found more; is it the column that names the trait?",
      );
    }
    const made = new TraitTally();
    this.#traits.set(trait, made);
    return made;
  }
}

function traitSkew(trait: string, tally: TraitTally, seed: number): TraitSkew {
  const clusters = Math.max(1, tally.prompts.count);
  const draws = Math.min(
    bootstrapDraws(clusters),
    Math.max(leastDraws, Math.floor(drawnClusters / clusters)),
  );
  const mean = (sums: ClusterTotals) => bootstrapMean(sums, { seed, draws });
  const humanPairs = tally.human.count;
  const hasHuman = humanPairs > 0;
  return {
    trait,
    pairs: tally.margin.count,
    ties: tally.ties,
    skew: mean(tally.prefers),
    margin: mean(tally.margin),
    humanPairs,
    human: hasHuman ? mean(tally.human) : null,
    difference: hasHuman
      ? bootstrapDifference(tally.prefersOfHuman, tally.human, { seed, draws })
      : null,
    disagreement: tally.disagreement.count > 0 ? mean(tally.disagreement) : null,
  };
}
