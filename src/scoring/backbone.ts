import { checkTensors } from "../checkpoint/check_tensors.ts";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { AssayError } from "../error.ts";
import { Decoder } from "../models/decoder.ts";
import { readDecoderConfig } from "../models/decoder_config.ts";
import { decoderTensors } from "../models/decoder_tensors.ts";
import type { Backend } from "../ops/operation.ts";
import { ChatTokenizer } from "../text/chat_tokenizer.ts";
import type { Conversation } from "../text/conversation.ts";
import { type MemoryPlan, planMemory } from "./memory_plan.ts";
import { openBackend } from "./open_backend.ts";
import { packSequences, type ScoringPack, type Sequence } from "./packs.ts";
import type { LoadOptions } from "./reward_model.ts";

/** How to load a {@link Backbone}. */
export interface BackboneOptions extends LoadOptions {
  /**
   * Whether the hidden state at the start of the assistant's header is wanted too, which a gate reads;
   * a template without such a header is an error then. Off by default.
   */
  readonly gates?: boolean;
}

/** Final hidden states of one conversation at the positions that heads read. */
export interface PooledState {
  /** At the last token, [hidden]. */
  readonly last: Float32Array;
  /** At the start of the last assistant header, [hidden]; `null` where none is wanted. */
  readonly gate: Float32Array | null;
  /** Tokens of the conversation, after truncation. */
  readonly tokens: number;
  readonly truncated: boolean;
}

/**
 * A checkpoint's transformer without its head: what heads are fitted on. Whatever head the checkpoint
 * has, or none, is left unread.
 *
 * A conversation's hidden states are the same to the last bit in any company, as its score is.
 */
export class Backbone implements Disposable {
  private constructor(
    /** Where the checkpoint lies. */
    readonly name: string,
    /** Numbers in a hidden state. */
    readonly hiddenSize: number,
    private readonly plan: MemoryPlan,
    private readonly gates: boolean,
    private readonly parts: {
      readonly checkpoint: Checkpoint;
      readonly engine: Backend;
      readonly decoder: Decoder;
      readonly tokenizer: ChatTokenizer;
    },
  ) {}

  /**
   * Loads a backbone.
   *
   * @param source A folder in Hugging Face layout: a path, a URL, or a {@link CheckpointFolder}.
   * @throws {AssayError} For a backbone that is not understood in full, or does not fit.
   */
  static async load(
    source: string | URL | CheckpointFolder,
    options: BackboneOptions = {},
  ): Promise<Backbone> {
    const warn = options.onWarning ?? ((message: string): void => console.warn(message));
    using opened = new DisposableStack();
    const checkpoint = opened.use(await Checkpoint.open(source));
    const { name, config: settings } = checkpoint;
    const config = readDecoderConfig(settings, name, warn);
    const tensors = new Map([...checkpoint.tensors].filter(([key]) => key.startsWith("model.")));
    checkTensors(tensors, decoderTensors(config), name);
    const engine = opened.use(await openBackend(options.backend ?? "auto", warn, options.kernels));
    const plan = planMemory({
      name,
      config,
      tensors,
      maxMatrixBytes: engine.maxMatrixBytes,
      memoryBudget: options.memoryBudget ?? Infinity,
      maxTokens: options.maxTokens ?? config.maxTokens,
      tokensPerPack: options.tokensPerPack ?? 2048,
      layers: options.layers,
    });
    const pattern = settings.gating_token_pattern;
    const tokenizer = await ChatTokenizer.open(checkpoint, {
      maxTokens: plan.longestSequence,
      trustSpecialTokens: options.trustSpecialTokens ?? false,
      requireGate: options.gates ?? false,
      ...(options.truncate === undefined ? {} : { truncate: options.truncate }),
      ...(Array.isArray(pattern) ? { gatingPattern: pattern as number[] } : {}),
    });
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
    const parts = { checkpoint, engine, decoder, tokenizer };
    return new Backbone(name, config.hiddenSize, plan, options.gates ?? false, parts);
  }

  /** Where it computes. */
  get backend(): "gpu" | "cpu" {
    return this.parts.engine.kind;
  }

  /**
   * Final hidden states of conversations, in input order; an error in the place of a conversation
   * that has none.
   *
   * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
   */
  async pooledStates(
    conversations: readonly Conversation[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<(PooledState | AssayError)[]> {
    const results = new Array<PooledState | AssayError>(conversations.length);
    const sequences: (Sequence & { truncated: boolean })[] = [];
    conversations.forEach((conversation, index) => {
      try {
        sequences.push({ index, ...this.#tokenize(conversation) });
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        results[index] = error;
      }
    });
    const facts = new Map(sequences.map((sequence) => [sequence.index, sequence]));
    const { decoder, engine } = this.parts;
    const packs = packSequences(sequences, {
      tokensPerPack: this.plan.tokensPerPack,
      mayShare: (length) => !decoder.dependsOnLength(length),
    });
    try {
      for (let first = 0; first < packs.length; first += this.plan.packsInFlight) {
        const batch = packs.slice(first, first + this.plan.packsInFlight);
        const hidden = await decoder.hiddenStates(batch.map((pack) => pack.tokens), options);
        const read = await engine.read(hidden);
        engine.release(...hidden);
        batch.forEach((pack, i) => {
          for (const [index, states] of this.#statesOf(pack, read[i]!)) {
            const { ids, truncated } = facts.get(index)!;
            results[index] = finite({ ...states, tokens: ids.length, truncated });
          }
        });
      }
    } catch (error) {
      engine.discard();
      throw error;
    }
    return results;
  }

  #tokenize(conversation: Conversation): Omit<Sequence, "index"> & { truncated: boolean } {
    const { ids, truncated, gatePosition } = this.parts.tokenizer.tokenize(conversation);
    const { vocabularySize } = this.parts.decoder.config;
    const unknown = ids.find((id) => id >= vocabularySize);
    if (unknown !== undefined) {
      throw new AssayError(
        "models/token-out-of-range",
        `Cannot compute a conversation with token ${unknown}: the model has embeddings for ` +
          `${vocabularySize} tokens; its tokenizer and weights do not belong together`,
      );
    }
    return { ids, truncated, gate: this.gates ? gatePosition : null };
  }

  /** The pooled rows of a pack, by conversation: its members' last tokens, then the distinct gates. */
  #statesOf(
    { members, gateRows }: ScoringPack,
    hidden: Float32Array,
  ): [number, Pick<PooledState, "last" | "gate">][] {
    const size = this.hiddenSize;
    const row = (index: number): Float32Array => hidden.slice(index * size, (index + 1) * size);
    return members.map((index, member) => [index, {
      last: row(member),
      gate: this.gates ? row(members.length + gateRows[member]!) : null,
    }]);
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    const { decoder, engine, checkpoint } = this.parts;
    for (const part of [decoder, engine, checkpoint]) part[Symbol.dispose]();
  }
}

function finite(state: PooledState): PooledState | AssayError {
  const numbers = [state.last, state.gate ?? new Float32Array()];
  if (numbers.every((of) => of.every(Number.isFinite))) return state;
  return new AssayError(
    "scoring/not-finite",
    "Cannot use this conversation: its hidden state holds NaN or infinity; a weight of the " +
      "checkpoint is likely NaN or infinite",
  );
}
