import type { ModelState } from "../scoring/reward_model.ts";
import type { ShownTokens } from "../scoring/shown_tokens.ts";
import type { Verdict } from "../scoring/verdict.ts";
import {
  type BatchScorer,
  type QueueCall,
  type RequestOptions,
  RequestQueue,
} from "../tasks/serve/request_queue.ts";
import type { Conversation } from "../text/conversation.ts";
import { modelFailed, serverError } from "./failures.ts";

/** A loaded model as the server uses it; `RewardModelWorker` is one. */
export interface ServableModel extends BatchScorer, Disposable {
  readonly name: string;
  readonly architecture: string;
  readonly headKind: string;
  readonly objectives: readonly string[];
  readonly kernels: string;
  readonly maxTokens: number;
  tokens(conversation: Conversation): Promise<ShownTokens>;
  state(): Promise<ModelState>;
}

/** What a {@link ServedModel} is made of. */
export interface ServedModelParts {
  /** The name that requests choose it by. */
  readonly id: string;
  /** Loads it; called again where it failed as a whole. */
  readonly load: () => Promise<ServableModel>;
  /** Conversations that may wait. */
  readonly mostWaiting?: number | undefined;
  readonly tokensPerCall?: number | undefined;
  /** Told of what goes wrong as a whole. */
  readonly log: (message: string) => void;
  readonly onCall?: ((call: QueueCall) => void) | undefined;
}

/** Milliseconds before a model that could not be loaded is loaded again, and the most it grows to. */
const firstPause = 250;
const longestPause = 30_000;

/**
 * A model with the queue before it. Where it fails as a whole (its worker ended, its device was lost),
 * the requests in flight fail, it is loaded again, and those that wait go on.
 */
export class ServedModel {
  /** The name that requests choose it by. */
  readonly id: string;
  /** When it was asked for, in seconds since 1970. */
  readonly created = Math.floor(Date.now() / 1000);
  readonly #parts: ServedModelParts;
  readonly #queue: RequestQueue;
  #model: ServableModel | undefined;
  #loading: Promise<ServableModel> | undefined;
  #isClosed = false;

  constructor(parts: ServedModelParts) {
    this.id = parts.id;
    this.#parts = parts;
    const { mostWaiting, tokensPerCall, onCall } = parts;
    const scorer = { score: this.#compute.bind(this) };
    this.#queue = new RequestQueue(scorer, { mostWaiting, tokensPerCall, onCall });
  }

  /** The loaded model; `undefined` while it loads. */
  get model(): ServableModel | undefined {
    return this.#model;
  }

  /** Conversations that wait. */
  get depth(): number {
    return this.#queue.depth;
  }

  /** How many may wait. */
  get mostWaiting(): number {
    return this.#queue.mostWaiting;
  }

  /**
   * Loads it for the first time.
   *
   * @throws {AssayError} What loading throws: a checkpoint that is not understood will not be later.
   */
  async open(): Promise<void> {
    this.#loading = this.#parts.load();
    this.#model = await this.#loading;
    this.#loading = undefined;
  }

  /**
   * Scores the conversations of a request.
   *
   * @throws {AssayError} As {@linkcode RequestQueue.submit}.
   */
  score(conversations: readonly Conversation[], options: RequestOptions): Promise<Verdict[]> {
    return this.#queue.submit(conversations, options);
  }

  /**
   * The tokens of a conversation, and where its head reads.
   *
   * @throws {AssayError} `server/not-ready`; for a conversation that can't be scored.
   */
  async tokens(conversation: Conversation): Promise<ShownTokens> {
    const model = this.#model;
    if (model === undefined) throw serverError("server/not-ready", "The model loads: try again");
    return await model.tokens(conversation);
  }

  /** Answers what waits, takes nothing more, and frees the model. */
  async close(): Promise<void> {
    await this.#queue.close();
    this.#isClosed = true;
    this.#model?.[Symbol.dispose]();
    this.#model = undefined;
  }

  async #compute(conversations: readonly Conversation[]): Promise<Verdict[]> {
    const model = this.#model ?? await this.#reloaded();
    try {
      return await model.score(conversations);
    } catch (error) {
      this.#parts.log(`${this.id}: ${messageOf(error)}; it is loaded again`);
      if (this.#model === model) this.#model = undefined;
      model[Symbol.dispose]();
      this.#reloaded().catch(() => {}); // logged there
      throw modelFailed(error);
    }
  }

  /** The model once it is loaded again, however often that takes. */
  #reloaded(): Promise<ServableModel> {
    return this.#loading ??= this.#reload().finally(() => this.#loading = undefined);
  }

  async #reload(): Promise<ServableModel> {
    for (let pause = firstPause; !this.#isClosed; pause = Math.min(2 * pause, longestPause)) {
      try {
        return this.#model = await this.#parts.load();
      } catch (error) {
        this.#parts.log(`${this.id}: ${messageOf(error)}; another try in ${pause} ms`);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    throw serverError("server/not-ready", "The server is stopping: ask another one");
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
