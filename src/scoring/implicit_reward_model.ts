import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { AssayError } from "../error.ts";
import type { Conversation } from "../text/conversation.ts";
import { CausalModel, type ResponseLogProbabilities } from "./causal_model.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";
import type { Outcome } from "./packs/pack_pipeline.ts";
import type { ShownTokens } from "./shown_tokens.ts";
import { notFinite } from "./not_finite.ts";
import { computedBy, failedVerdict, type Verdict } from "./verdict.ts";
import { checkLoadOptions, checkScoreOptions, ownKinds } from "./check_load_options.ts";
import type { BackendKind } from "../ops/backend.ts";

/** How to make rewards of log-probabilities. */
export interface ImplicitRewardOptions extends LoadOptions {
  /** β, which only scales the rewards; 1 by default. */
  readonly beta?: number | undefined;
  /** Whether a score is the sum over the response's tokens (the default) or their mean. */
  readonly reduce?: "sum" | "mean" | undefined;
}

/** Conversations that go through both models together. */
const conversationsTogether = 32;

/**
 * A model trained by DPO as a reward model (arXiv 2305.18290): its implicit reward of a response is
 *
 *     r(x, y) = β Σ_t [log π(y_t | x, y_<t) − log π_ref(y_t | x, y_<t)]
 *
 * over the tokens of the response, its end token included; up to a part that all responses to a prompt
 * share, so scores compare within a prompt only. Without a reference the score is that of the model's
 * own log-probabilities (RewardBench's reference-free mode).
 *
 * @example
 * ```ts
 * import { ImplicitRewardModel, localFolder } from "@assay/assay";
 * import { Checkpoint } from "@assay/assay/checkpoint";
 * import { overlayFolder } from "@assay/assay/merging";
 * import assert from "node:assert/strict";
 *
 * // A tiny causal model: a backbone whose output matrix is its embedding. Your own is a path or URL.
 * const path = "tests/golden/parity/llama";
 * using base = await Checkpoint.open(path);
 * const policy = overlayFolder("tiny", localFolder(path), base, {
 *   without: ["score.weight"],
 *   config: { ...base.config, tie_word_embeddings: true },
 * });
 * using model = await ImplicitRewardModel.load(policy, undefined, { reduce: "mean" });
 * const [verdict] = await model.score([[
 *   { role: "user", content: "Hi" },
 *   { role: "assistant", content: "Hello." },
 * ]]);
 * assert.ok(verdict!.score! < 0); // a mean log-probability
 * assert.ok(verdict!.tokenRewards!.length > 1);
 * ```
 */
export class ImplicitRewardModel implements Disposable {
  /** It has no objectives. */
  readonly objectives: readonly string[] = [];
  /** What explains a score: the rewards of the response's tokens. */
  readonly parts: readonly string[] = ["token_rewards"];

  /** β, what rewards are multiplied with. */
  readonly beta: number;
  /** Whether a score is the sum over the response's tokens or their mean. */
  readonly reduce: "sum" | "mean";
  readonly #policy: CausalModel;
  readonly #reference: CausalModel | undefined;

  private constructor(
    policy: CausalModel,
    reference: CausalModel | undefined,
    { beta = 1, reduce = "sum" }: ImplicitRewardOptions,
  ) {
    this.#policy = policy;
    this.#reference = reference;
    this.beta = beta;
    this.reduce = reduce;
  }

  /**
   * Loads both models.
   *
   * @param policy The model trained by DPO: a folder in Hugging Face layout with an output matrix.
   * @param reference The model it was trained from; `undefined` for none.
   * @param options As of `RewardModel.load`; a memory budget is halved between the two models.
   * @throws {AssayError} For a model that is not understood in full, or does not fit;
   *   `scoring/bad-option`.
   */
  static async load(
    policy: string | URL | CheckpointFolder,
    reference: string | URL | CheckpointFolder | undefined,
    options: ImplicitRewardOptions = {},
  ): Promise<ImplicitRewardModel> {
    checkLoadOptions(options, ownKinds.implicit);
    using opened = new DisposableStack();
    // Each gets half of the budget: they are as large as each other.
    const budget = options.memoryBudget;
    const half = budget === undefined || reference === undefined
      ? options
      : { ...options, memoryBudget: budget / 2 };
    const first = opened.use(await CausalModel.load(policy, half));
    const second = reference === undefined
      ? undefined
      : opened.use(await CausalModel.load(reference, half));
    opened.move();
    return new ImplicitRewardModel(first, second, options);
  }

  /** Where it computes. */
  get backend(): BackendKind {
    return this.#policy.backend;
  }

  /**
   * The tokens of a conversation as the model reads them, and the positions that foretell its response.
   *
   * @throws {AssayError} For a conversation that can't be scored.
   */
  tokens(conversation: Conversation): Promise<ShownTokens> {
    return new Promise((resolve) => resolve(this.#policy.backbone.tokens(conversation)));
  }

  /**
   * Scores conversations; verdicts come in input order, with the reward of every token of the response.
   * A conversation that can't be scored gets a verdict with its `error`: `scoring/no-response` without a
   * token of a response, `scoring/different-tokens` where the models' tokens differ.
   *
   * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
   */
  async score(
    conversations: readonly Conversation[],
    options: ScoreOptions = {},
  ): Promise<Verdict[]> {
    checkScoreOptions(options);
    const own = await Array.fromAsync(this.#policy.responses(conversations, options));
    const base = this.#reference &&
      await Array.fromAsync(this.#reference.responses(conversations, options));
    return own.map((outcome, i) => this.#verdict(outcome, base?.[i]));
  }

  /**
   * Scores conversations as they come, in input order, a few dozen at a time.
   *
   * @throws As {@link ImplicitRewardModel.score}.
   */
  async *scoreStream(
    conversations: AsyncIterable<Conversation> | Iterable<Conversation>,
    options: ScoreOptions = {},
  ): AsyncGenerator<Verdict> {
    checkScoreOptions(options);
    let waiting: Conversation[] = [];
    for await (const conversation of conversations) {
      waiting.push(conversation);
      if (waiting.length < conversationsTogether) continue;
      yield* await this.score(waiting, options);
      waiting = [];
    }
    if (waiting.length > 0) yield* await this.score(waiting, options);
  }

  #verdict(
    { result, tokens, truncated }: Outcome<ResponseLogProbabilities>,
    base: Outcome<ResponseLogProbabilities> | undefined,
  ): Verdict {
    const weights = this.#policy.backbone.model.weights ??
      this.#reference?.backbone.model.weights;
    const computed = computedBy(this.#policy.backbone.backend, weights);
    const circumstances = { ...computed, tokens, truncated };
    const ratios = ratiosOf(result, base?.result);
    if (ratios instanceof AssayError) return failedVerdict(ratios, circumstances);
    const tokenRewards = [...ratios].map((ratio) => this.beta * ratio);
    const sum = tokenRewards.reduce((a, b) => a + b, 0);
    const score = this.reduce === "sum" ? sum : sum / tokenRewards.length;
    if (!Number.isFinite(score)) {
      return failedVerdict(notFinite(`the score is ${score}`, computed), circumstances);
    }
    return {
      score,
      scoreStd: null,
      parts: { token_rewards: tokenRewards },
      rewards: null,
      coefficients: null,
      gating: null,
      tokenRewards,
      ...circumstances,
      error: null,
    };
  }

  /** Frees the device and closes the checkpoints. */
  [Symbol.dispose](): void {
    this.#policy[Symbol.dispose]();
    this.#reference?.[Symbol.dispose]();
  }
}

/** log π − log π_ref of each token, or why there is none. */
function ratiosOf(
  own: ResponseLogProbabilities | AssayError,
  base: ResponseLogProbabilities | AssayError | undefined,
): Float64Array | AssayError {
  if (own instanceof AssayError) return own;
  if (base === undefined) return own.logProbabilities;
  if (base instanceof AssayError) return base;
  const difference = differenceOf(own, base);
  if (difference === undefined) {
    return own.logProbabilities.map((logProbability, i) =>
      logProbability - base.logProbabilities[i]!
    );
  }
  return new AssayError(
    "scoring/different-tokens",
    `Cannot compare the models: expected the same tokens of prompt and response from both, found ` +
      `${difference}; the reference must be the model that was trained from, with the same ` +
      "tokenizer and chat template",
  );
}

/** Where the tokens of two models part; `undefined` where they don't. */
function differenceOf(
  { ids: own, logProbabilities: { length } }: ResponseLogProbabilities,
  { ids: base, logProbabilities: { length: baseLength } }: ResponseLogProbabilities,
): string | undefined {
  if (length !== baseLength) return `${length} and ${baseLength} tokens of the response`;
  if (own.length !== base.length) return `${own.length} and ${base.length} tokens`;
  const at = own.findIndex((id, i) => id !== base[i]);
  if (at < 0) return undefined;
  const where = at < own.length - length ? "prompt" : "response";
  return `the tokens ${own[at]} and ${base[at]} at position ${at}, in the ${where}`;
}
