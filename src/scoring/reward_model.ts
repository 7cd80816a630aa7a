import type { Precision } from "../gpu/precision.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import type { Head, Judgement } from "../heads/head.ts";
import type { Conversation } from "../text/conversation.ts";
import { Backbone } from "./backbone.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";
import type { RewardModelPlan } from "./model_plan.ts";
import type { MemoryPlan } from "./packs/memory_plan.ts";
import type { Readout } from "./packs/pack_pipeline.ts";
import { readStates, rowsOfMembers } from "./read_states.ts";
import type { ShownTokens } from "./shown_tokens.ts";
import { computedBy, type Verdict, verdictOf } from "./verdict.ts";
import { checkLoadOptions, checkScoreOptions } from "./check_load_options.ts";
import type { BackendKind, KernelsName } from "../ops/backend.ts";
import type { QuantizedWeights } from "./weights_name.ts";

/** What a model holds and has done since it was loaded. */
export interface ModelState {
  /** Bytes of device memory held now. */
  readonly deviceBytes: number;
  /** Tokens of the conversations that were computed. */
  readonly tokens: number;
  /** Of those, tokens that were computed: what several share is computed once. */
  readonly computedTokens: number;
}

/**
 * A reward model, loaded and ready to score.
 *
 * A conversation's verdict is the same to the last bit alone, in any company and at any place, on
 * the same device and version.
 *
 * @example
 * ```ts
 * import { RewardModel } from "@assay/assay";
 * import assert from "node:assert/strict";
 *
 * using model = await RewardModel.load("tests/golden/parity/armo");
 * const [verdict] = await model.score([[
 *   { role: "user", content: "Hi" },
 *   { role: "assistant", content: "Hello." },
 * ]]);
 * assert.equal(typeof verdict?.score, "number");
 * assert.equal(Object.keys(verdict?.rewards ?? {}).length, 19);
 * ```
 */
export class RewardModel implements Disposable {
  readonly #plan: RewardModelPlan;
  readonly #backbone: Backbone;
  readonly #head: Head;

  private constructor(plan: RewardModelPlan, backbone: Backbone, head: Head) {
    this.#plan = plan;
    this.#backbone = backbone;
    this.#head = head;
  }

  /**
   * Loads a checkpoint.
   *
   * @param source A folder in Hugging Face layout: a path, a URL, a model of the hub
   *   (`hf:org/name[@revision]`), or a {@link CheckpointFolder}.
   * @throws {AssayError} For a checkpoint that is not understood in full, or does not fit;
   *   `scoring/bad-option` for an option that is none, or that has no such value.
   */
  static async load(
    source: string | URL | CheckpointFolder,
    options: LoadOptions = {},
  ): Promise<RewardModel> {
    checkLoadOptions(options);
    using opened = new DisposableStack();
    const wanted = { head: "reward", pooling: options.pooling, label: options.label } as const;
    const backbone = opened.use(await Backbone.open(source, wanted, options));
    const plan = backbone.model as RewardModelPlan;
    const head = await plan.head.load(backbone.checkpoint, backbone.backend);
    opened.move();
    return new RewardModel(plan, backbone, head);
  }

  /** Where the checkpoint lies. */
  get name(): string {
    return this.#plan.name;
  }

  /** The backbone's family, `model_type` of `config.json`. */
  get architecture(): string {
    return this.#plan.backbone.family.modelType;
  }

  /** The kind of head: `scalar`, `armo`, … */
  get headKind(): string {
    return this.#plan.head.kind;
  }

  /** Names of the head's raw logits, of which {@link RewardModel.label} is the score; empty without. */
  get labels(): readonly string[] {
    return this.#plan.head.labels?.names ?? [];
  }

  /** The label that is the score; `null` where the head has no labels. */
  get label(): string | null {
    return this.#plan.head.labels?.score ?? null;
  }

  /** Names of the parts that explain a score: `rewards`, `labels`, …; empty for a head without. */
  get parts(): readonly string[] {
    return Object.keys(this.#plan.head.parts);
  }

  /** Names of the objectives; empty for a head without. */
  get objectives(): readonly string[] {
    return this.#plan.head.parts.rewards ?? [];
  }

  /** Where it computes. */
  get backend(): BackendKind {
    return this.#backbone.backend.kind;
  }

  /** The kernels that compute, which every verdict names. */
  get kernels(): KernelsName {
    return this.#backbone.backend.kernels;
  }

  /** In what numbers the backbone's products multiply. */
  get precision(): Precision {
    return this.#backbone.backend.precision;
  }

  /** The GPU's adapter with its driver, where one computes. */
  get adapter(): string | undefined {
    return this.#backbone.backend.adapter;
  }

  /** What the layers' weights were quantized to, as every verdict says; `undefined` of plain ones. */
  get weights(): QuantizedWeights | undefined {
    return this.#plan.weights;
  }

  /** How the memory is used. */
  get plan(): MemoryPlan {
    return this.#backbone.plan;
  }

  /** Longest conversation in tokens. */
  get maxTokens(): number {
    return this.plan.longestSequence;
  }

  /** Bytes of device memory held now. */
  get deviceBytes(): number {
    return this.#backbone.backend.bytes;
  }

  /**
   * Scores conversations; verdicts come in input order. A conversation that can't be scored gets a
   * verdict with `score: null` and its `error`, and the others are scored all the same.
   *
   * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
   */
  score(
    conversations: readonly Conversation[],
    options: ScoreOptions = {},
  ): Promise<Verdict[]> {
    return Array.fromAsync(this.scoreStream(conversations, options));
  }

  /**
   * Scores conversations as they come, in input order, holding no more than a few packs at a time.
   *
   * @throws As {@link RewardModel.score}.
   */
  async *scoreStream(
    conversations: AsyncIterable<Conversation> | Iterable<Conversation>,
    options: ScoreOptions = {},
  ): AsyncGenerator<Verdict> {
    checkScoreOptions(options);
    const outcomes = this.#backbone.run(conversations, this.#readout(), options);
    const { parts } = this.#plan.head;
    const computed = computedBy(this.#backbone.backend, this.weights);
    for await (const outcome of outcomes) yield verdictOf(outcome, parts, computed);
  }

  /**
   * The tokens of a conversation as they are computed, and where the head reads, for people to see.
   *
   * @throws {AssayError} For a conversation that can't be scored.
   */
  tokens(conversation: Conversation): Promise<ShownTokens> {
    return new Promise((resolve) => resolve(this.#backbone.tokens(conversation)));
  }

  /** What it holds and has done. */
  state(): Promise<ModelState> {
    const { work: { tokens, rows } } = this.#backbone;
    return Promise.resolve({ deviceBytes: this.deviceBytes, tokens, computedTokens: rows });
  }

  /** Runs the head on packs' hidden states. */
  #readout(): Readout<Judgement> {
    const { backend } = this.#backbone;
    const { reads } = this.#plan;
    return {
      reads,
      record: (pack, hidden) => {
        const { states, matrices } = readStates(backend, reads, pack, hidden);
        const outputs = this.#head.record(states);
        backend.release(...matrices);
        return outputs;
      },
      results: (pack, numbers) => this.#head.judge(numbers, rowsOfMembers(reads, pack)),
    };
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    this.#head[Symbol.dispose]();
    this.#backbone[Symbol.dispose]();
  }
}
