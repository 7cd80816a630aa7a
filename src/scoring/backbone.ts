import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { AssayError } from "../error.ts";
import type { Reads } from "../heads/reads.ts";
import type { Backend } from "../ops/backend.ts";
import { paddedSize } from "../ops/layout.ts";
import type { Conversation } from "../text/conversation.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";
import type { ModelPlan, Wanted } from "./model_plan.ts";
import { notFinite } from "./not_finite.ts";
import { type OpenModel, openModel } from "./open_model.ts";
import type { Conversations } from "./packs/look_ahead.ts";
import type { MemoryPlan } from "./packs/memory_plan.ts";
import { type Outcome, type Readout, runPacks } from "./packs/pack_pipeline.ts";
import type { ScoringPack } from "./packs/packs.ts";
import type { Sequence } from "./packs/prefix_group.ts";
import { Turns } from "./packs/turns.ts";
import { tokenizeForReads } from "./read_positions.ts";
import { readStates, rowsOfMembers } from "./read_states.ts";
import { type ShownTokens, shownTokens } from "./shown_tokens.ts";
import { checkLoadOptions, checkScoreOptions, ownKinds } from "./check_load_options.ts";

/** How to load a {@link Backbone} by itself. */
export interface BackboneOptions extends LoadOptions {
  /** The positions whose hidden states are wanted; `last`, the last token's, by default. */
  readonly reads?: Reads | undefined;
}

/** Final hidden states of one conversation at the positions that are read. */
export interface PooledState {
  /** By read, one of [hidden] for each position, in their order. */
  readonly states: Readonly<Record<string, readonly Float32Array[]>>;
  /** Tokens of the conversation, after truncation. */
  readonly tokens: number;
  /** Whether tokens were cut away to fit the model's length. */
  readonly truncated: boolean;
}

/**
 * A checkpoint's transformer with its tokenizer, on a backend, without a head: conversations go in,
 * final hidden states come out. What heads read, and are fitted on.
 *
 * A conversation's hidden states are the same to the last bit in any company.
 */
export class Backbone implements Disposable {
  readonly #opened: OpenModel;
  readonly #sharePrefixes: boolean;
  readonly #turns = new Turns();
  /** Tokens of conversations that were computed, and rows that they took: shared ones count once. */
  readonly work = { tokens: 0, rows: 0 };

  private constructor(opened: OpenModel, sharePrefixes: boolean) {
    this.#opened = opened;
    this.#sharePrefixes = sharePrefixes;
  }

  /**
   * Loads the backbone of a checkpoint. Whatever head the checkpoint has, or none, is left unread.
   *
   * @param source A folder in Hugging Face layout: a path, a URL, a model of the hub
   *   (`hf:org/name[@revision]`), or a {@link CheckpointFolder}.
   * @throws {AssayError} For a backbone that is not understood in full, or does not fit.
   */
  static async load(
    source: string | URL | CheckpointFolder,
    options: BackboneOptions = {},
  ): Promise<Backbone> {
    checkLoadOptions(options, ownKinds.backbone);
    const reads = options.reads ?? { last: { at: "last" } };
    return await Backbone.open(source, { head: "none", reads, pooling: options.pooling }, options);
  }

  /**
   * Loads the backbone of a checkpoint for a head that is loaded next, which is planned with it.
   *
   * @throws {AssayError} As {@link Backbone.load}; for a head that is not understood in full.
   */
  static async open(
    source: string | URL | CheckpointFolder,
    wanted: Wanted,
    options: LoadOptions,
  ): Promise<Backbone> {
    return new Backbone(await openModel(source, wanted, options), options.sharePrefixes ?? true);
  }

  /** Where the checkpoint lies. */
  get name(): string {
    return this.#opened.plan.name;
  }

  /** What the checkpoint was recognised as. */
  get model(): ModelPlan {
    return this.#opened.plan;
  }

  /** How the memory is used. */
  get plan(): MemoryPlan {
    return this.#opened.memory;
  }

  /** The opened checkpoint. */
  get checkpoint(): Checkpoint {
    return this.#opened.checkpoint;
  }

  /** Where it computes. */
  get backend(): Backend {
    return this.#opened.backend;
  }

  /** Numbers in a hidden state. */
  get hiddenSize(): number {
    return this.#opened.plan.backbone.hiddenSize;
  }

  /**
   * Runs conversations through the layers, pack by pack, for what `readout` makes of their hidden
   * states. Outcomes come in input order, while a few packs of conversations are held; one that can't
   * be tokenised costs only its own.
   *
   * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
   */
  run<Result>(
    conversations: Conversations,
    readout: Readout<Result>,
    options: ScoreOptions = {},
  ): AsyncGenerator<Outcome<Result>> {
    const { memory: plan, backend, layers, plan: { backbone: { layers: layerCount } } } = this
      .#opened;
    const tokenize = (conversation: Conversation, index: number): Sequence =>
      this.#sequence(conversation, index, readout.reads);
    const record: Readout<Result>["record"] = (pack, hidden) => {
      this.work.rows += pack.tokens.ids.length;
      for (const { ids } of pack.members) this.work.tokens += ids.length;
      return readout.record(pack, hidden);
    };
    return runPacks(
      {
        plan,
        backend,
        layers,
        layerCount,
        sharePrefixes: this.#sharePrefixes,
        turns: this.#turns,
      },
      { conversations, tokenize, readout: { ...readout, record }, options },
    );
  }

  /**
   * Final hidden states of conversations, as they come and in input order; an error in the place of
   * a conversation that has none.
   *
   * @throws As {@link Backbone.run}.
   */
  async *states(
    conversations: Conversations,
    options: ScoreOptions = {},
  ): AsyncGenerator<PooledState | AssayError> {
    checkScoreOptions(options);
    const { plan: { reads }, backend } = this.#opened;
    const outcomes = this.run(conversations, {
      reads,
      record(pack, hidden) {
        const { states, matrices } = readStates(backend, reads, pack, hidden);
        const read = Object.values(states);
        backend.release(...matrices.filter((matrix) => !read.includes(matrix)));
        return read;
      },
      results: (pack, numbers) => this.#statesOf(pack, numbers),
    }, options);
    for await (const { result, tokens, truncated } of outcomes) {
      yield result instanceof AssayError ? result : { states: result, tokens, truncated };
    }
  }

  /**
   * Final hidden states of conversations, as {@link Backbone.states} gives them, all at once.
   *
   * @throws As {@link Backbone.run}.
   */
  pooledStates(
    conversations: readonly Conversation[],
    options: ScoreOptions = {},
  ): Promise<(PooledState | AssayError)[]> {
    return Array.fromAsync(this.states(conversations, options));
  }

  /**
   * The tokens of a conversation, and where they are read, for people to see.
   *
   * @throws {AssayError} For a conversation that can't be tokenised.
   */
  tokens(conversation: Conversation): ShownTokens {
    const { tokenizer, plan: { reads, head } } = this.#opened;
    return shownTokens(tokenizer, conversation, { reads, ending: head?.ending });
  }

  #sequence(conversation: Conversation, index: number, reads: Reads): Sequence {
    const { tokenizer, watchPad, plan: { backbone: { vocabularySize }, head } } = this.#opened;
    const wanted = { reads, ending: head?.ending };
    const sequence = tokenizeForReads(tokenizer, conversation, wanted);
    watchPad(sequence.ids);
    const unknown = sequence.ids.find((id) => id >= vocabularySize);
    if (unknown === undefined) return { index, ...sequence };
    throw new AssayError(
      "models/token-out-of-range",
      `Cannot compute a conversation with token ${unknown}: the model has embeddings for ` +
        `${vocabularySize} tokens; its tokenizer and weights do not belong together`,
    );
  }

  /** What was read of a pack, by conversation. */
  #statesOf(
    pack: ScoringPack,
    numbers: readonly Float32Array[],
  ): (PooledState["states"] | AssayError)[] {
    const { hiddenSize, model: { reads } } = this;
    const columns = paddedSize(hiddenSize);
    const names = Object.keys(pack.reads);
    return rowsOfMembers(reads, pack).map((rows) => {
      const states = Object.fromEntries(names.map((name, i) => [
        name,
        rows[name]!.map((row) => numbers[i]!.slice(row * columns, row * columns + hiddenSize)),
      ]));
      const finite = Object.values(states).flat().every((state) => state.every(Number.isFinite));
      return finite ? states : notFinite("its hidden state holds NaN or infinity", this.backend);
    });
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
  }
}
