import { checkTensors } from "../checkpoint/check_tensors.ts";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { AssayError } from "../error.ts";
import { Decoder } from "../models/decoder.ts";
import { type DecoderConfig, readDecoderConfig } from "../models/decoder_config.ts";
import { decoderTensors } from "../models/decoder_tensors.ts";
import type { Backend } from "../ops/backend.ts";
import { ChatTokenizer } from "../text/chat_tokenizer.ts";
import type { Conversation } from "../text/conversation.ts";
import type { LoadOptions, ScoreOptions } from "./load_options.ts";
import { type MemoryPlan, planMemory } from "./packs/memory_plan.ts";
import { openBackend } from "./open_backend.ts";
import type { Conversations } from "./packs/look_ahead.ts";
import { type Outcome, type Readout, type Run, runPacks } from "./packs/pack_pipeline.ts";
import type { ScoringPack } from "./packs/packs.ts";
import type { Sequence } from "./packs/prefix_group.ts";
import { Turns } from "./packs/turns.ts";

/** How to load a {@link Backbone} by itself. */
export interface BackboneOptions extends LoadOptions {
  /**
   * Whether the hidden state at the start of the assistant's header is wanted too, which a gate reads;
   * a template without such a header is an error then. Off by default.
   */
  readonly gates?: boolean;
}

/** A checkpoint whose backbone was recognised. */
export interface BackboneFacts {
  readonly config: DecoderConfig;
  /** The tensors that go to the device, and the embedding matrix. */
  readonly tensors: Checkpoint["tensors"];
  /** Whether gate positions are wanted. */
  readonly gates: boolean;
}

/** Final hidden states of one conversation at the positions that heads read. */
export interface PooledState {
  /** At the last token, [hidden]. */
  readonly last: Float32Array;
  /** At the start of the last assistant header, [hidden]; `null` where none is wanted. */
  readonly gate: Float32Array | null;
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
  readonly #turns = new Turns();

  private constructor(
    /** Where the checkpoint lies. */
    readonly name: string,
    /** How the memory is used. */
    readonly plan: MemoryPlan,
    /** Where it computes. */
    readonly engine: Backend,
    readonly checkpoint: Checkpoint,
    private readonly decoder: Decoder,
    private readonly tokenizer: ChatTokenizer,
    private readonly settings: { readonly gates: boolean; readonly sharePrefixes: boolean },
  ) {}

  /**
   * Loads the backbone of a checkpoint. Whatever head the checkpoint has, or none, is left unread.
   *
   * @param source A folder in Hugging Face layout: a path, a URL, or a {@link CheckpointFolder}.
   * @throws {AssayError} For a backbone that is not understood in full, or does not fit.
   */
  static async load(
    source: string | URL | CheckpointFolder,
    options: BackboneOptions = {},
  ): Promise<Backbone> {
    using opened = new DisposableStack();
    const checkpoint = opened.use(await Checkpoint.open(source));
    const config = readDecoderConfig(checkpoint.config, checkpoint.name, warner(options));
    const tensors = new Map([...checkpoint.tensors].filter(([key]) => key.startsWith("model.")));
    checkTensors(tensors, decoderTensors(config), checkpoint.name);
    const facts = { config, tensors, gates: options.gates ?? false };
    const backbone = await Backbone.open(checkpoint, facts, options);
    opened.move();
    return backbone;
  }

  /**
   * Opens a backend and loads the weights of an opened checkpoint, which the backbone owns once this
   * returns.
   *
   * @throws {AssayError} Where it does not fit, or its tokenizer is not understood.
   */
  static async open(
    checkpoint: Checkpoint,
    { config, tensors, gates }: BackboneFacts,
    options: LoadOptions,
  ): Promise<Backbone> {
    using opened = new DisposableStack();
    const { name } = checkpoint;
    const choice = options.backend ?? "auto";
    const engine = opened.use(await openBackend(choice, warner(options), options));
    const plan = planMemory({
      name,
      config,
      tensors,
      maxMatrixBytes: engine.maxMatrixBytes,
      maxMatrixRows: engine.maxMatrixRows,
      memoryBudget: options.memoryBudget ?? Infinity,
      maxTokens: options.maxTokens ?? config.maxTokens,
      tokensPerPack: options.tokensPerPack ?? 2048,
      layers: options.layers,
    });
    engine.limitMatrices(plan.matrixBytes);
    const tokenizer = await openTokenizer(checkpoint, plan.longestSequence, gates, options);
    let done = 0;
    const decoder = opened.use(
      await Decoder.load(config, checkpoint, engine, {
        resident: plan.layers === "resident",
        feedForwardRows: plan.feedForwardRows,
        onLayer: () => {
          options.signal?.throwIfAborted();
          options.onProgress?.({ phase: "load", done: ++done, total: config.layers });
        },
      }),
    );
    opened.move();
    const settings = { gates, sharePrefixes: options.sharePrefixes ?? true };
    return new Backbone(name, plan, engine, checkpoint, decoder, tokenizer, settings);
  }

  /** Numbers in a hidden state. */
  get hiddenSize(): number {
    return this.decoder.config.hiddenSize;
  }

  /** Where it computes. */
  get backend(): "gpu" | "cpu" {
    return this.engine.kind;
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
    const tokenize = (conversation: Conversation, index: number): Sequence => ({
      ...this.#tokenize(conversation),
      index,
    });
    return this.#run({ conversations, tokenize, readout, options });
  }

  /**
   * Runs conversations as {@link Backbone.run} does, for the states of their responses: that of the
   * token before the response's first, and all up to the last.
   *
   * @throws As {@link Backbone.run}.
   */
  runResponses<Result>(
    conversations: Conversations,
    readout: Readout<Result>,
    options: ScoreOptions = {},
  ): AsyncGenerator<Outcome<Result>> {
    const tokenize = (conversation: Conversation, index: number): Sequence => {
      const tokens = this.#tokenize(conversation);
      const pooledFrom = this.#responseStart(conversation, tokens.ids) - 1;
      return { ...tokens, index, gate: null, pooledFrom };
    };
    return this.#run({ conversations, tokenize, readout, options });
  }

  #run<Result>(run: Run<Result>): AsyncGenerator<Outcome<Result>> {
    const { plan, engine, decoder, settings: { sharePrefixes } } = this;
    return runPacks({ plan, engine, decoder, sharePrefixes, turns: this.#turns }, run);
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
    const outcomes = this.run(conversations, {
      record: (_, hidden) => [hidden],
      results: (pack, [hidden]) => this.#statesOf(pack, hidden!),
    }, options);
    for await (const { result, tokens, truncated } of outcomes) {
      yield result instanceof AssayError ? result : { ...result, tokens, truncated };
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

  #tokenize(conversation: Conversation): Omit<Sequence, "index"> {
    const { ids, truncated, gatePosition } = this.tokenizer.tokenize(conversation);
    const { vocabularySize } = this.decoder.config;
    const unknown = ids.find((id) => id >= vocabularySize);
    if (unknown !== undefined) {
      throw new AssayError(
        "models/token-out-of-range",
        `Cannot compute a conversation with token ${unknown}: the model has embeddings for ` +
          `${vocabularySize} tokens; its tokenizer and weights do not belong together`,
      );
    }
    return { ids, truncated, gate: this.settings.gates ? gatePosition : null };
  }

  /**
   * Where the response's tokens begin: after what it shares with the same conversation whose response
   * is empty, which is the prompt with the assistant's header.
   */
  #responseStart(conversation: Conversation, ids: Uint32Array): number {
    const last = conversation.at(-1)!;
    const prompt = this.#tokenize([...conversation.slice(0, -1), { ...last, content: "" }]).ids;
    let start = 0;
    while (start < ids.length && ids[start] === prompt[start]) start++;
    if (start > 0 && start < ids.length) return start;
    throw new AssayError(
      "scoring/no-response",
      "Cannot compute the response's log-probabilities: expected tokens of a response after those " +
        `of the prompt, found none; ${last.content === "" ? "it is empty" : "its prompt is"}`,
    );
  }

  /** The pooled rows of a pack, by conversation: its members' last tokens, then the distinct gates. */
  #statesOf(
    { members, gateRows }: ScoringPack,
    hidden: Float32Array,
  ): (Pick<PooledState, "last" | "gate"> | AssayError)[] {
    const size = this.hiddenSize;
    const row = (index: number): Float32Array => hidden.slice(index * size, (index + 1) * size);
    return members.map((_, member) => {
      const last = row(member);
      const gate = this.settings.gates ? row(members.length + gateRows[member]!) : null;
      const finite = [last, gate ?? last].every((state) => state.every(Number.isFinite));
      return finite ? { last, gate } : notFinite("its hidden state holds NaN or infinity");
    });
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    for (const part of [this.decoder, this.engine, this.checkpoint]) part[Symbol.dispose]();
  }
}

/** Who is told of what is odd but no error. */
export function warner({ onWarning }: LoadOptions): (message: string) => void {
  return onWarning ?? ((message) => console.warn(message));
}

/** The error of a conversation whose numbers are not finite. */
export function notFinite(found: string): AssayError {
  return new AssayError(
    "scoring/not-finite",
    `Cannot score this conversation: expected finite numbers, but ${found}; a weight of the ` +
      "checkpoint is likely NaN or infinite",
  );
}

function openTokenizer(
  checkpoint: Checkpoint,
  maxTokens: number,
  requireGate: boolean,
  options: LoadOptions,
): Promise<ChatTokenizer> {
  const pattern = checkpoint.config.gating_token_pattern ?? undefined;
  const isPattern = Array.isArray(pattern) && pattern.every((id) => Number.isSafeInteger(id));
  if (pattern !== undefined && !isPattern) {
    throw new AssayError(
      "checkpoint/bad-config",
      `Cannot read ${checkpoint.name}/config.json: expected "gating_token_pattern" to be a list of ` +
        "token ids",
    );
  }
  return ChatTokenizer.open(checkpoint, {
    maxTokens,
    requireGate,
    trustSpecialTokens: options.trustSpecialTokens ?? false,
    ...(options.truncate === undefined ? {} : { truncate: options.truncate }),
    ...(pattern === undefined ? {} : { gatingPattern: pattern }),
  });
}
