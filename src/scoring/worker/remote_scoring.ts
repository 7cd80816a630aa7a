import type { Conversation } from "../../text/conversation.ts";
import type { Progress, ScoreOptions } from "../load_options.ts";
import type { Conversations } from "../packs/look_ahead.ts";
import type { Verdict } from "../verdict.ts";

/** Conversations that are sent together where they are at hand. */
const sentTogether = 64;
/** Verdicts that may wait for their reader before the worker is asked to wait too. */
const mostWaiting = 64;

/** The owner's end of one call to score: conversations go to the worker, verdicts come from it. */
export class RemoteScoring {
  readonly #iterator: AsyncIterator<Conversation> | Iterator<Conversation>;
  readonly #isAtHand: boolean;
  readonly #total: number | undefined;
  readonly #waiting: Verdict[] = [];
  #outcome: { readonly error?: unknown } | undefined;
  #arrived = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  constructor(conversations: Conversations, private readonly options: ScoreOptions) {
    this.#isAtHand = !(Symbol.asyncIterator in conversations);
    this.#total = Array.isArray(conversations) ? conversations.length : undefined;
    this.#iterator = Symbol.asyncIterator in conversations
      ? conversations[Symbol.asyncIterator]()
      : conversations[Symbol.iterator]();
  }

  /** The conversations that come next, at least one; `undefined` at the end. */
  async conversations(): Promise<Conversation[] | undefined> {
    const some: Conversation[] = [];
    try {
      while (some.length < (this.#isAtHand ? sentTogether : 1)) {
        const { done, value } = await this.#iterator.next();
        if (done) break;
        some.push(cloneable(value));
      }
    } catch (error) {
      this.finish({ error }); // the error itself, before the worker gives its copy back
      throw error;
    }
    return some.length === 0 ? undefined : some;
  }

  /** Takes a verdict; resolves when there is room for the next one. */
  async take(verdict: Verdict): Promise<void> {
    this.#waiting.push(verdict);
    this.#arrived.resolve();
    while (this.#waiting.length >= mostWaiting && this.#outcome === undefined) {
      this.#taken = Promise.withResolvers();
      await this.#taken.promise;
    }
  }

  /** Hears how far the worker has come. */
  progress(progress: Progress): void {
    try {
      this.options.onProgress?.({ ...progress, total: this.#total });
    } catch (error) {
      this.finish({ error });
    }
  }

  /** Ends the verdicts: after those that came where there is no error, else at once. */
  finish(outcome: { readonly error?: unknown }): void {
    this.#outcome ??= outcome;
    this.#arrived.resolve();
    this.#taken.resolve();
  }

  /** The verdicts as they come, in order. */
  async *verdicts(): AsyncGenerator<Verdict> {
    for (;;) {
      if (this.#outcome !== undefined && "error" in this.#outcome) throw this.#outcome.error;
      const verdict = this.#waiting.shift();
      this.#taken.resolve();
      if (verdict !== undefined) yield verdict;
      else if (this.#outcome !== undefined) return;
      else {
        this.#arrived = Promise.withResolvers();
        await this.#arrived.promise;
      }
    }
  }

  /** Lets the conversations go, and the worker, where it waits for room. */
  close(): void {
    this.finish({});
    Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }
}

/** A conversation as a message can carry it; what can't be cloned is no message's content anyway. */
export function cloneable(conversation: Conversation): Conversation {
  try {
    return structuredClone(conversation);
  } catch {
    return JSON.parse(JSON.stringify(conversation) ?? "null");
  }
}
