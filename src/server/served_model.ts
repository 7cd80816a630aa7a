import { AssayError } from "../error.ts";
import type { ShownTokens } from "../scoring/shown_tokens.ts";
import type { Verdict } from "../scoring/verdict.ts";
import {
  type ComputedTogether,
  type RequestOptions,
  RequestQueue,
} from "../tasks/serve/request_queue.ts";
import type { IdentifiedModel } from "../fleet/identified_model.ts";
import type { Conversation } from "../text/conversation.ts";
import { modelFailed, serverError } from "./failures.ts";

/** What a {@link ServedModel} is made of. */
export interface ServedModelParts {
  /** The name that requests choose it by. */
  readonly id: string;
  /** Loads it; called again where it failed as a whole. */
  readonly load: () => Promise<IdentifiedModel>;
  /** Conversations that may wait. */
  readonly mostWaiting?: number | undefined;
  readonly tokensTogether?: number | undefined;
  /** Told of what goes wrong as a whole. */
  readonly log: (message: string) => void;
  readonly onComputed?: ((computed: ComputedTogether) => void) | undefined;
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
  #model: IdentifiedModel | undefined;
  #loading: Promise<IdentifiedModel> | undefined;
  readonly #closing = new AbortController();

  constructor(parts: ServedModelParts) {
    this.id = parts.id;
    this.#parts = parts;
    const { mostWaiting, tokensTogether, onComputed } = parts;
    const scorer = { scoreStream: this.#compute.bind(this) };
    this.#queue = new RequestQueue(scorer, { mostWaiting, tokensTogether, onComputed });
  }

  /** The loaded model; `undefined` while it loads. */
  get model(): IdentifiedModel | undefined {
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
    const loaded = this.#parts.load().then((model) => this.#model = model);
    this.#loading = loaded.finally(() => this.#loading = undefined);
    await this.#loading;
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
   * @throws {AssayError} `server/not-ready`, `server/model-failed`; for a conversation that can't be scored.
   */
  async tokens(conversation: Conversation): Promise<ShownTokens> {
    const model = this.#model;
    if (model === undefined) throw serverError("server/not-ready", "The model loads: try again");
    try {
      return await model.tokens(conversation);
    } catch (error) {
      const isGone = error instanceof AssayError && error.code === "scoring/worker-ended";
      throw isGone ? modelFailed(error) : withoutName(error, model.name, this.id);
    }
  }

  /**
   * Answers what waits, takes nothing more, and frees the model. One that fails now is not loaded again, and
   * one that is being loaded is freed once it is.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#queue.close();
    await this.#loading?.catch(() => {}); // whoever loads it hears of it
    this.#model?.[Symbol.dispose]();
    this.#model = undefined;
  }

  async *#compute(conversations: AsyncIterable<Conversation>): AsyncGenerator<Verdict> {
    const model = this.#model ?? await this.#reloaded();
    try {
      for await (const verdict of model.scoreStream(conversations)) {
        const { error } = verdict;
        yield error === null
          ? verdict
          : { ...verdict, error: withoutName(error, model.name, this.id) };
      }
    } catch (error) {
      this.#parts.log(`${this.id}: ${messageOf(error)}; it is loaded again`);
      if (this.#model === model) this.#model = undefined;
      model[Symbol.dispose]();
      this.#reloaded().catch(() => {}); // logged there
      throw modelFailed(error);
    }
  }

  /** The model once it is loaded again, however often that takes. */
  #reloaded(): Promise<IdentifiedModel> {
    return this.#loading ??= this.#reload().finally(() => this.#loading = undefined);
  }

  async #reload(): Promise<IdentifiedModel> {
    const { signal } = this.#closing;
    for (let pause = firstPause; !signal.aborted; pause = Math.min(2 * pause, longestPause)) {
      try {
        return this.#model = await this.#parts.load();
      } catch (error) {
        this.#parts.log(`${this.id}: ${messageOf(error)}; another try in ${pause} ms`);
        await sleep(pause, signal);
      }
    }
    throw serverError("server/not-ready", "The server is stopping: ask another one");
  }
}

/** A row's error in which the model goes by the name that clients know: its own is the path of its folder. */
function withoutName<Failure>(error: Failure, name: string, id: string): Failure | AssayError {
  if (!(error instanceof AssayError) || !error.message.includes(name)) return error;
  return new AssayError(error.code, error.message.replaceAll(name, id));
}

/** Waits so many milliseconds, or until the signal. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
