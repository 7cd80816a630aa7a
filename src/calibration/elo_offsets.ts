import { AssayError } from "../error.ts";
import { calibratorVersion } from "./artifact.ts";
import { Calibrator } from "./calibrator.ts";

/** The score of one model's response to a prompt. */
export interface ModelScore {
  /** What tells the prompt from the others. */
  readonly prompt: string;
  /** Name of the model that answered. */
  readonly model: string;
  /** The score, a finite number. */
  readonly score: number;
}

/** Options of {@linkcode EloFit}. */
export interface EloFitOptions {
  /** Elo rating of each model by its name. */
  readonly elo: ReadonlyMap<string, number>;
  /** The model that the others are held against; its scores are not corrected. */
  readonly reference: string;
  /** Column that names a row's model, for the calibrator. Default `model`. */
  readonly feature?: string | undefined;
}

/** How a model's scores stand against its rating. */
export interface ModelMismatch {
  /** The model. */
  readonly model: string;
  /** Its rating. */
  readonly elo: number;
  /** Prompts that it and the reference model both have a score for. */
  readonly prompts: number;
  /** Share of those prompts on which the two scores are equal. */
  readonly ties: number;
  /** Share of prompts on which its score is the higher one; equal scores count half. */
  readonly winRate: number;
  /** What the ratings say it should be: 1 / (1 + 10^((E_ref − E) / 400)). */
  readonly eloWinRate: number;
  /** `winRate − eloWinRate`: above 0 the reward model thinks too much of this model. */
  readonly difference: number;
  /** The difference over max(eloWinRate, 1 − eloWinRate): CHARM's mismatch degree. */
  readonly mismatchDegree: number;
  /** What is added to its scores. */
  readonly offset: number;
  /** Its win rate with the offset. */
  readonly correctedWinRate: number;
}

/** The result of {@linkcode EloFit}. */
export interface EloCalibration {
  /** Adds each model's offset to its scores. */
  readonly calibrator: Calibrator;
  /** One for each model but the reference, in the table's order. */
  readonly models: readonly ModelMismatch[];
  /** What is missing, by name. */
  readonly warnings: readonly string[];
}

/** Prompts below which a win rate says too little for an offset. */
const leastPrompts = 10;
/** Comparisons of one model with the reference on one prompt; more are a prompt that is none. */
const mostComparisons = 10_000;
/** Relative size of what rounding does to a difference of scores. */
const rounding = 1e-12;
/** A win rate that stays further than this from its target is told. */
const closeEnough = 0.02;

/**
 * The share of comparisons that a model of one rating wins of another.
 *
 * @param rating E.
 * @param reference E_ref.
 * @returns 1 / (1 + 10^((E_ref − E) / 400)).
 */
export function eloWinRate(rating: number, reference: number): number {
  return 1 / (1 + 10 ** ((reference - rating) / 400));
}

/**
 * Holds a reward model's scores of several models' responses against the models' Elo ratings, and finds
 * the offset of each model that makes the two agree (CHARM, arXiv 2504.10045): per prompt that a model
 * and the reference model both answered, the share that the model wins by score, against the share that
 * its rating says.
 *
 * The share won is a step function of the offset, which rises; bisection finds the step at which it
 * passes the rating's share, and the offset is the middle of the stretch, on either side of that step,
 * whose share is the closer one; 0 where neither is closer than the share without an offset. Published
 * code takes equal scores for losses and fits the offsets of all models together by gradient descent on
 * a smoothed share of unaligned responses; here equal scores count half, and each model has its own
 * equation.
 *
 * @example
 * ```ts
 * import { EloFit } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const fit = new EloFit({ elo: new Map([["big", 1200], ["small", 1200]]), reference: "big" });
 * for (let i = 0; i < 100; i++) {
 *   fit.add({ prompt: `${i}`, model: "big", score: i % 10 });
 *   fit.add({ prompt: `${i}`, model: "small", score: i % 10 + 3 + i / 100 }); // overvalued by 3 to 4
 * }
 * const { models: [small], calibrator } = fit.fit();
 * assert.equal(small!.winRate, 1);
 * assert.equal(small!.mismatchDegree, 1);
 * assert.ok(Math.abs(small!.offset + 3.5) < 0.02);
 * const [model] = calibrator.categories;
 * assert.ok(Math.abs(calibrator.apply(10, { model: model!.indexOf("small") }) - 6.5) < 0.02);
 * ```
 */
export class EloFit {
  readonly #options: EloFitOptions;
  readonly #models: readonly string[];
  readonly #indices: ReadonlyMap<string, number>;
  /** By prompt: a model's index and a score, and so on. */
  readonly #prompts = new Map<string, number[]>();
  readonly #unknown = new Map<string, number>();

  /**
   * A fit of no scores yet.
   *
   * @param options Ratings and the reference model.
   * @throws {AssayError} `calibration/bad-elo` for fewer than two ratings, one that is no finite number,
   *   or a reference model without one.
   */
  constructor(options: EloFitOptions) {
    const { elo, reference } = options;
    const wrong = [...elo].find(([name, rating]) => name === "" || !Number.isFinite(rating));
    if (wrong !== undefined) throw badElo(`${wrong[1]} for ${JSON.stringify(wrong[0])}`);
    if (elo.size < 2) throw badElo(`${elo.size}`);
    if (!elo.has(reference)) {
      throw badElo(`none for the reference model ${JSON.stringify(reference)}`);
    }
    this.#options = options;
    this.#models = [...elo.keys()];
    this.#indices = new Map(this.#models.map((name, index) => [name, index]));
  }

  /**
   * Adds a score. One of a model without a rating is left out, and told.
   *
   * @throws {AssayError} `calibration/not-finite`.
   */
  add({ prompt, model, score }: ModelScore): void {
    if (!Number.isFinite(score)) {
      throw new AssayError(
        "calibration/not-finite",
        `Cannot use the score of ${model}: expected a finite number, found ${score}`,
      );
    }
    const index = this.#indices.get(model);
    if (index === undefined) {
      this.#unknown.set(model, (this.#unknown.get(model) ?? 0) + 1);
      return;
    }
    const scores = this.#prompts.get(prompt);
    if (scores === undefined) this.#prompts.set(prompt, [index, score]);
    else scores.push(index, score);
  }

  /**
   * Fits the offsets.
   *
   * @throws {AssayError} `calibration/too-few-rows` where no model shares 10 prompts with the reference,
   *   `calibration/bad-prompts` where one prompt has more than 10,000 comparisons.
   */
  fit(): EloCalibration {
    const { elo, reference, feature = "model" } = this.#options;
    const own = this.#indices.get(reference)!;
    const comparisons = this.#models.map(() => new Comparisons());
    for (const scores of this.#prompts.values()) {
      comparePrompt(scores, own, comparisons, this.#models);
    }
    const warnings = this.#unknownWarnings();
    const models: ModelMismatch[] = [];
    this.#models.forEach((model, index) => {
      if (index === own) return;
      const { prompts } = comparisons[index]!;
      if (prompts < leastPrompts) {
        warnings.push(
          `${model} shares ${prompts} prompts with ${reference}, fewer than ${leastPrompts}: it has no offset`,
        );
        return;
      }
      const found = mismatch(model, elo.get(model)!, elo.get(reference)!, comparisons[index]!);
      models.push(found);
      const left = Math.abs(found.correctedWinRate - found.eloWinRate);
      if (left > closeEnough) {
        warnings.push(
          `${model} wins ${
            found.correctedWinRate.toFixed(3)
          } with its offset where its rating says ` +
            `${found.eloWinRate.toFixed(3)}: its ${prompts} prompts come no closer`,
        );
      }
    });
    if (models.length === 0) throw tooFewPrompts(reference, warnings);
    const calibrator = new Calibrator({
      format: "assay-calibrator",
      version: calibratorVersion,
      method: "elo",
      components: [{
        kind: "offsets",
        feature,
        categories: [reference, ...models.map(({ model }) => model)],
        offsets: [0, ...models.map(({ offset }) => offset)],
      }],
      settings: { reference, elo: Object.fromEntries(elo) },
      diagnostics: { models, warnings },
    });
    return { calibrator, models, warnings };
  }

  #unknownWarnings(): string[] {
    return [...this.#unknown].slice(0, 20).map(([model, rows]) =>
      `${JSON.stringify(model)} has ${rows} scores and no rating: it has no offset`
    );
  }
}

/** One model against the reference: how far its score lies below the reference's, with weights. */
class Comparisons {
  readonly differences: number[] = [];
  readonly weights: number[] = [];
  prompts = 0;
}

function comparePrompt(
  scores: readonly number[],
  reference: number,
  comparisons: readonly Comparisons[],
  models: readonly string[],
): void {
  const byModel = new Map<number, number[]>();
  for (let at = 0; at < scores.length; at += 2) {
    const own = byModel.get(scores[at]!);
    if (own === undefined) byModel.set(scores[at]!, [scores[at + 1]!]);
    else own.push(scores[at + 1]!);
  }
  const theirs = byModel.get(reference);
  if (theirs === undefined) return;
  for (const [model, own] of byModel) {
    if (model === reference) continue;
    const count = own.length * theirs.length;
    if (count > mostComparisons) throw badPrompt(models[model]!, own.length, theirs.length);
    const into = comparisons[model]!;
    into.prompts++;
    for (const score of own) {
      for (const other of theirs) {
        into.differences.push(other - score);
        into.weights.push(1 / count);
      }
    }
  }
}

function mismatch(
  model: string,
  elo: number,
  referenceElo: number,
  { differences, weights, prompts }: Comparisons,
): ModelMismatch {
  const target = eloWinRate(elo, referenceElo);
  const order = Uint32Array.from(differences, (_, index) => index)
    .sort((a, b) => differences[a]! - differences[b]!);
  let won = 0;
  let tied = 0;
  for (const index of order) {
    if (differences[index]! < 0) won += weights[index]!;
    else if (differences[index] === 0) tied += weights[index]!;
  }
  const winRate = (won + tied / 2) / prompts;
  const steps = stepsOf(order, differences, weights, prompts);
  const found = offsetFor(target, steps);
  const helps = found !== undefined && Math.abs(found.share - target) < Math.abs(winRate - target);
  const { offset, share } = helps ? found : { offset: 0, share: winRate };
  const difference = winRate - target;
  return {
    model,
    elo,
    prompts,
    ties: tied / prompts,
    winRate,
    eloWinRate: target,
    difference,
    mismatchDegree: difference / Math.max(target, 1 - target),
    offset,
    correctedWinRate: share,
  };
}

/** The share won as a function of the offset: where it steps up, and what it is behind each step. */
interface Steps {
  readonly at: readonly number[];
  readonly share: readonly number[];
}

function stepsOf(
  order: Uint32Array,
  differences: readonly number[],
  weights: readonly number[],
  prompts: number,
): Steps {
  const at: number[] = [];
  const share: number[] = [];
  // Differences that rounding alone tells apart are one step: no offset fits between them.
  const close = rounding *
    order.reduce((most, index) => Math.max(most, Math.abs(differences[index]!)), 0);
  let sum = 0;
  for (const index of order) {
    sum += weights[index]!;
    if (at.length > 0 && differences[index]! - at.at(-1)! <= close) {
      share[share.length - 1] = sum / prompts;
    } else {
      at.push(differences[index]!);
      share.push(sum / prompts);
    }
  }
  return { at, share };
}

/** The middle of the stretch between two steps whose share is nearest; `undefined` with one step alone. */
function offsetFor(
  target: number,
  { at, share }: Steps,
): { offset: number; share: number } | undefined {
  const last = at.length - 2; // behind the last step everything is won
  if (last < 0) return undefined;
  let [low, high] = [0, last];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (share[middle]! < target) low = middle + 1;
    else high = middle;
  }
  const nearer = low > 0 && target - share[low - 1]! <= share[low]! - target ? low - 1 : low;
  return { offset: (at[nearer]! + at[nearer + 1]!) / 2, share: share[nearer]! };
}

function badElo(found: string): AssayError {
  return new AssayError(
    "calibration/bad-elo",
    "Cannot use the Elo table: expected a finite rating for each of two models or more, the " +
      `reference among them, found ${found}`,
  );
}

function badPrompt(model: string, own: number, theirs: number): AssayError {
  return new AssayError(
    "calibration/bad-prompts",
    `Cannot compare models: expected few responses to one prompt, found ${own} of ${model} and ` +
      `${theirs} of the reference; name the column that tells prompts apart (--prompt-column)`,
  );
}

function tooFewPrompts(reference: string, warnings: readonly string[]): AssayError {
  return new AssayError(
    "calibration/too-few-rows",
    `Cannot fit offsets: expected a model that shares ${leastPrompts} prompts with ${reference}, ` +
      `found none: ${warnings.slice(0, 3).join("; ")}`,
  );
}
