import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import type { KernelSet } from "../gpu/kernel_set.ts";
import type { Head, Judgement, PooledStates } from "../heads/head.ts";
import { gatherRows } from "../ops/gather_rows.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Conversation } from "../text/conversation.ts";
import { Backbone, warner } from "./backbone.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";
import type { MemoryPlan } from "./packs/memory_plan.ts";
import { describeModel, type ModelDescription } from "./model_description.ts";
import type { Readout } from "./packs/pack_pipeline.ts";
import type { ScoringPack } from "./packs/packs.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

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
  readonly #description: ModelDescription;
  readonly #backbone: Backbone;
  readonly #head: Head;

  private constructor(description: ModelDescription, backbone: Backbone, head: Head) {
    this.#description = description;
    this.#backbone = backbone;
    this.#head = head;
  }

  /**
   * Loads a checkpoint.
   *
   * @param source A folder in Hugging Face layout: a path, a URL, or a {@link CheckpointFolder}.
   * @throws {AssayError} For a checkpoint that is not understood in full, or does not fit.
   */
  static async load(
    source: string | URL | CheckpointFolder,
    options: LoadOptions = {},
  ): Promise<RewardModel> {
    using opened = new DisposableStack();
    const checkpoint = opened.use(await Checkpoint.open(source));
    const description = describeModel(checkpoint, warner(options));
    const { decoder: config, tensors, head: plan } = description;
    const facts = { config, tensors, gates: plan.gates };
    const backbone = opened.use(await Backbone.open(checkpoint, facts, options));
    const head = await plan.load(checkpoint, backbone.engine);
    opened.move();
    return new RewardModel(description, backbone, head);
  }

  /** Where the checkpoint lies. */
  get name(): string {
    return this.#description.name;
  }

  /** The backbone's family, `model_type` of `config.json`. */
  get architecture(): string {
    return this.#description.decoder.family;
  }

  /** The kind of head. */
  get headKind(): "scalar" | "armo" {
    return this.#description.head.kind;
  }

  /** Names of the objectives; empty for a scalar head. */
  get objectives(): readonly string[] {
    return this.#description.head.objectives;
  }

  /** Where it computes. */
  get backend(): "gpu" | "cpu" {
    return this.#backbone.backend;
  }

  /** The kernels that compute, which every verdict names. */
  get kernels(): KernelSet | "cpu" {
    return this.#backbone.engine.kernels;
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
    return this.#backbone.engine.bytes;
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
    const outcomes = this.#backbone.run(conversations, this.#readout(), options);
    for await (const outcome of outcomes) yield verdictOf(outcome, this);
  }

  /** Runs the head on packs' hidden states. */
  #readout(): Readout<Judgement> {
    const { engine } = this.#backbone;
    return {
      record: (pack, hidden) => {
        const { last, gate } = this.#pool(pack, hidden);
        const outputs = this.#head.record({ last, gate });
        engine.release(hidden, last, ...(gate === undefined ? [] : [gate]));
        return outputs;
      },
      results: ({ members, gateRows }, numbers) =>
        this.#head.judge(numbers, gateRows, members.length),
    };
  }

  /** Splits the pooled rows: the members' last tokens, then the distinct gates. */
  #pool({ members, gates }: ScoringPack, hidden: Matrix): PooledStates {
    const { engine } = this.#backbone;
    const rows = (first: number, count: number): Matrix => {
      const chosen = engine.uploadIndices(Uint32Array.from({ length: count }, (_, i) => first + i));
      const output = engine.matrix(count, hidden.columns);
      engine.run(gatherRows, { input: hidden, rows: chosen, output });
      engine.release(chosen);
      return output;
    };
    return {
      last: rows(0, members.length),
      gate: gates === 0 ? undefined : rows(members.length, gates),
    };
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    this.#head[Symbol.dispose]();
    this.#backbone[Symbol.dispose]();
  }
}
