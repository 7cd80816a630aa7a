import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { AssayError } from "../error.ts";
import type { Head, Judgement, PooledStates } from "../heads/head.ts";
import type { KernelFamily } from "../gpu/kernel_family.ts";
import { Decoder } from "../models/decoder.ts";
import { gatherRows } from "../ops/gather_rows.ts";
import type { Matrix } from "../ops/matrix.ts";
import { GpuBackend } from "../ops/gpu_backend.ts";
import type { Backend } from "../ops/operation.ts";
import { ChatTokenizer } from "../text/chat_tokenizer.ts";
import type { Conversation } from "../text/conversation.ts";
import { type MemoryPlan, planMemory } from "./memory_plan.ts";
import { describeModel, type ModelDescription } from "./model_description.ts";
import { type BackendChoice, openBackend } from "./open_backend.ts";
import { packSequences, type ScoringPack, type Sequence } from "./packs.ts";
import { failedVerdict, type Verdict, verdictOf } from "./verdict.ts";

/** How far some long work has come. */
export interface Progress {
  /** `load` counts layers, `score` conversations. */
  readonly phase: "load" | "score";
  readonly done: number;
  readonly total: number | undefined;
}

/** Settings of {@link RewardModel.load}. */
export interface LoadOptions {
  /** Where to compute; `auto` (the default) takes the GPU, or the CPU with a warning. */
  readonly backend?: BackendChoice;
  /** Pins the family of kernels on a GPU; by default the fast one for the adapter. */
  readonly kernels?: KernelFamily;
  /** Bytes of device memory to stay within; unlimited by default. */
  readonly memoryBudget?: number;
  /** Pins whether all layers stay on the device or are streamed; by default they stay if they fit. */
  readonly layers?: MemoryPlan["layers"];
  /** Longest conversation in tokens; the model's own length by default. */
  readonly maxTokens?: number;
  /** Which end to cut where a conversation is too long; by default such a row is an error. */
  readonly truncate?: "left" | "right";
  /** Whether special tokens written in a message's content act as such; off by default. */
  readonly trustSpecialTokens?: boolean;
  /** Tokens that are computed together; 2,048 by default. Scores do not depend on it. */
  readonly tokensPerPack?: number;
  /** Whether a prompt that neighbours share is computed once; on by default. Scores do not depend on it. */
  readonly sharePrefixes?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** Settings of {@link RewardModel.score}. */
export interface ScoreOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
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
  /** Conversations that wait for the one before them: packs of two calls must not mix. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    /** How the memory is used. */
    readonly plan: MemoryPlan,
    readonly description: ModelDescription,
    readonly tokenizer: ChatTokenizer,
    private readonly parts: {
      readonly checkpoint: Checkpoint;
      readonly engine: Backend;
      readonly decoder: Decoder;
      readonly head: Head;
    },
    private readonly sharePrefixes: boolean,
  ) {}

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
    const warn = options.onWarning ?? ((message: string): void => console.warn(message));
    using opened = new DisposableStack();
    const checkpoint = opened.use(await Checkpoint.open(source));
    const description = describeModel(checkpoint, warn);
    const engine = opened.use(await openBackend(options.backend ?? "auto", warn, options.kernels));
    const plan = planMemory({
      name: checkpoint.name,
      config: description.decoder,
      tensors: checkpoint.tensors,
      maxMatrixBytes: engine.maxMatrixBytes,
      maxMatrixRows: engine.maxMatrixRows,
      memoryBudget: options.memoryBudget ?? Infinity,
      maxTokens: options.maxTokens ?? description.decoder.maxTokens,
      tokensPerPack: options.tokensPerPack ?? 2048,
      layers: options.layers,
    });
    const tokenizer = await openTokenizer(checkpoint, description, plan.longestSequence, options);
    let done = 0;
    const total = description.decoder.layers;
    const decoder = opened.use(
      await Decoder.load(description.decoder, checkpoint, engine, {
        resident: plan.layers === "resident",
        feedForwardRows: plan.feedForwardRows,
        onLayer: () => {
          options.signal?.throwIfAborted();
          options.onProgress?.({ phase: "load", done: ++done, total });
        },
      }),
    );
    const head = opened.use(await description.head.load(checkpoint, engine));
    opened.move();
    const parts = { checkpoint, engine, decoder, head };
    const sharePrefixes = options.sharePrefixes ?? true;
    return new RewardModel(plan, description, tokenizer, parts, sharePrefixes);
  }

  /** Where the checkpoint lies. */
  get name(): string {
    return this.description.name;
  }

  /** The backbone's family, `model_type` of `config.json`. */
  get architecture(): string {
    return this.description.decoder.family;
  }

  /** The kind of head. */
  get headKind(): "scalar" | "armo" {
    return this.description.head.kind;
  }

  /** Names of the objectives; empty for a scalar head. */
  get objectives(): readonly string[] {
    return this.description.head.objectives;
  }

  /** Where it computes. */
  get backend(): "gpu" | "cpu" {
    return this.parts.engine.kind;
  }

  /**
   * The kernels that compute: part of what a score depends on, since two families may differ in the
   * last bit.
   */
  get kernels(): KernelFamily | "cpu" {
    const { engine } = this.parts;
    return engine instanceof GpuBackend ? engine.family : "cpu";
  }

  /** Longest conversation in tokens. */
  get maxTokens(): number {
    return this.plan.longestSequence;
  }

  /** Bytes of device memory held now. */
  get deviceBytes(): number {
    return this.parts.engine.bytes;
  }

  /**
   * Scores conversations; verdicts come in input order. A conversation that can't be scored gets a
   * verdict with `score: null` and its `error`, and the others are scored all the same.
   *
   * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
   */
  async score(
    conversations: readonly Conversation[],
    options: ScoreOptions = {},
  ): Promise<Verdict[]> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      return await this.#score(conversations, options);
    } catch (error) {
      this.parts.engine.discard();
      throw error;
    } finally {
      resolve();
    }
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
    // About four characters make a token: enough text for the packs in flight, twice over.
    const wanted = 8 * this.plan.tokensPerPack * this.plan.packsInFlight;
    let waiting: Conversation[] = [];
    let characters = 0;
    let done = 0;
    const flush = async (): Promise<Verdict[]> => {
      const before = done;
      const onProgress = (progress: Progress): void =>
        options.onProgress?.({ phase: "score", done: before + progress.done, total: undefined });
      const verdicts = await this.score(waiting, { ...options, onProgress });
      done += verdicts.length;
      waiting = [];
      characters = 0;
      return verdicts;
    };
    for await (const conversation of conversations) {
      waiting.push(conversation);
      characters += textLength(conversation);
      if (characters >= wanted) yield* await flush();
    }
    if (waiting.length > 0) yield* await flush();
  }

  async #score(
    conversations: readonly Conversation[],
    { signal, onProgress }: ScoreOptions,
  ): Promise<Verdict[]> {
    const verdicts = new Array<Verdict | undefined>(conversations.length);
    const sequences: (Sequence & { truncated: boolean })[] = [];
    conversations.forEach((conversation, index) => {
      try {
        sequences.push({ index, ...this.#tokenize(conversation) });
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        verdicts[index] = failedVerdict(error);
      }
    });
    const facts = new Map(sequences.map((sequence) => [sequence.index, sequence]));
    const packs = packSequences(sequences, {
      tokensPerPack: this.plan.tokensPerPack,
      mayShare: (length) => this.sharePrefixes && !this.parts.decoder.dependsOnLength(length),
    });
    let done = conversations.length - sequences.length;
    for (let first = 0; first < packs.length; first += this.plan.packsInFlight) {
      signal?.throwIfAborted();
      const batch = packs.slice(first, first + this.plan.packsInFlight);
      for (const [index, judgement] of await this.#judge(batch, signal)) {
        const { ids, truncated } = facts.get(index)!;
        verdicts[index] = verdictOf(judgement, this.objectives, ids.length, truncated);
        done++;
      }
      onProgress?.({ phase: "score", done, total: conversations.length });
    }
    return verdicts as Verdict[];
  }

  #tokenize(conversation: Conversation): Omit<Sequence, "index"> & { truncated: boolean } {
    const { ids, truncated, gatePosition } = this.tokenizer.tokenize(conversation);
    const { vocabularySize } = this.description.decoder;
    const unknown = ids.find((id) => id >= vocabularySize);
    if (unknown !== undefined) {
      throw new AssayError(
        "models/token-out-of-range",
        `Cannot score a conversation with token ${unknown}: the model has embeddings for ` +
          `${vocabularySize} tokens; its tokenizer and weights do not belong together`,
      );
    }
    const gate = this.description.head.gates ? gatePosition : null;
    return { ids, truncated, gate };
  }

  /** Runs packs through the model, with one readback for all of them. */
  async #judge(
    packs: readonly ScoringPack[],
    signal: AbortSignal | undefined,
  ): Promise<[number, Judgement][]> {
    const { engine, decoder, head } = this.parts;
    const hidden = await decoder.hiddenStates(packs.map((pack) => pack.tokens), { signal });
    const pooled = packs.map((pack, i) => this.#pool(pack, hidden[i]!));
    const outputs = pooled.map((states) => head.record(states));
    const read = await engine.read(outputs.flat());
    const results: [number, Judgement][] = [];
    packs.forEach(({ members }, i) => {
      const { last, gate } = pooled[i]!;
      engine.release(hidden[i]!, last, ...(gate === undefined ? [] : [gate]), ...outputs[i]!);
      const numbers = read.splice(0, outputs[i]!.length);
      head.judge(numbers, pooled[i]!, members.length).forEach((judgement, member) => {
        results.push([members[member]!, judgement]);
      });
    });
    return results;
  }

  /** Splits the pooled rows: the members' last tokens, then the distinct gates. */
  #pool({ members, gateRows, gates }: ScoringPack, hidden: Matrix): PooledStates {
    const { engine } = this.parts;
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
      gateRow: (member) => gateRows[member]!,
    };
  }

  /** Frees the device and closes the checkpoint. */
  [Symbol.dispose](): void {
    const { head, decoder, engine, checkpoint } = this.parts;
    for (const part of [head, decoder, engine, checkpoint]) part[Symbol.dispose]();
  }
}

function openTokenizer(
  checkpoint: Checkpoint,
  { head, name }: ModelDescription,
  maxTokens: number,
  options: LoadOptions,
): Promise<ChatTokenizer> {
  const pattern = checkpoint.config.gating_token_pattern;
  const isPattern = Array.isArray(pattern) && pattern.every((id) => Number.isSafeInteger(id));
  if (pattern !== undefined && pattern !== null && !isPattern) {
    throw new AssayError(
      "checkpoint/bad-config",
      `Cannot read ${name}/config.json: expected "gating_token_pattern" to be a list of token ids`,
    );
  }
  return ChatTokenizer.open(checkpoint, {
    maxTokens,
    trustSpecialTokens: options.trustSpecialTokens ?? false,
    requireGate: head.gates,
    ...(options.truncate === undefined ? {} : { truncate: options.truncate }),
    ...(isPattern ? { gatingPattern: pattern } : {}),
  });
}

/** Characters of all messages; a conversation that is no list of messages counts nothing here. */
function textLength(conversation: Conversation): number {
  if (!Array.isArray(conversation)) return 0;
  return conversation.reduce((sum, message) => sum + (message?.content?.length ?? 0), 0);
}
