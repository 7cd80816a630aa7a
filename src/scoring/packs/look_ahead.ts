import { AssayError } from "../../error.ts";
import type { Conversation } from "../../text/conversation.ts";
import type { Packer, ScoringPack } from "./packs.ts";
import type { Sequence } from "./prefix_group.ts";

/** Conversations in order, all at hand or as they come. */
export type Conversations = AsyncIterable<Conversation> | Iterable<Conversation>;

/** Where {@link LookAhead} gets its packs from, and how far it looks. */
export interface LookAheadOptions {
  readonly packer: Packer;
  /** Turns a conversation into tokens; an `AssayError` costs that conversation alone. */
  readonly tokenize: (conversation: Conversation, index: number) => Sequence;
  /** Told of a conversation that could not be tokenised. */
  readonly onFailure: (index: number, error: AssayError) => void;
}

/** Conversations that may fail before their errors are handed on; else a long run of them would pile up. */
const mostFailures = 256;
/** Milliseconds that a slow source may keep full packs, or results that the device has ready, waiting. */
const patience = 20;

/**
 * Tokenises conversations as they come, a few packs ahead of the device, so that packs can be filled
 * and memory stays bounded.
 */
export class LookAhead {
  readonly #next: () => IteratorResult<Conversation> | Promise<IteratorResult<Conversation>>;
  readonly #close: () => void;
  readonly #mayBeSlow: boolean;
  /** A conversation that was asked for and has not come yet. */
  #pending: Promise<IteratorResult<Conversation>> | undefined;
  #count = 0;
  #failures = 0;
  #isEnd = false;

  constructor(source: Conversations, readonly options: LookAheadOptions) {
    this.#mayBeSlow = Symbol.asyncIterator in source;
    const iterator = Symbol.asyncIterator in source
      ? source[Symbol.asyncIterator]()
      : source[Symbol.iterator]();
    this.#next = () => iterator.next();
    this.#close = () => void Promise.resolve(iterator.return?.()).catch(() => {});
  }

  /**
   * The packs that come next; none for now where many conversations failed, or the source lets an
   * impatient caller wait; `undefined` at the end.
   *
   * @param impatient Whether there is something better to do than to wait for a slow source.
   * @param packs Packs that are wanted at once; as many rows wait at most, and those of one more.
   * @param fewest Full packs that a slow source is waited for.
   */
  async take(
    impatient: boolean,
    packs: number,
    fewest: number,
  ): Promise<ScoringPack[] | undefined> {
    const { packer } = this.options;
    const full = packer.tokensPerPack;
    const failuresBefore = this.#failures;
    while (!this.#isEnd && packer.rows < (packs + 1) * full) {
      if (this.#failures - failuresBefore >= mostFailures) return [];
      const enough = packer.rows >= fewest * full;
      const next = await this.#read(impatient || enough);
      if (next === undefined && enough) break;
      if (next === undefined) return [];
      if (next.done) this.#isEnd = true;
      else this.#add(next.value);
    }
    const taken: ScoringPack[] = [];
    while (taken.length < packs) {
      const isFull = this.#isEnd || packer.rows >= packer.tokensPerPack;
      const pack = isFull || taken.length === 0 ? packer.next(this.#isEnd) : undefined;
      if (pack === undefined) break;
      taken.push(pack);
    }
    return taken.length === 0 ? undefined : taken;
  }

  /**
   * Rows that come after what was taken, by the conversations until now; `undefined` where nobody knows.
   *
   * @param total How many conversations there are, where that is known.
   */
  rowsAfter(total: number | undefined): number | undefined {
    const { rows, added } = this.options.packer;
    if (this.#isEnd) return rows;
    if (total === undefined || this.#count === 0) return undefined;
    return rows + (total - this.#count) * added / this.#count;
  }

  /** Lets the source go, which may never give the conversation that it was asked for. */
  close(): void {
    if (!this.#isEnd) this.#close();
    this.#isEnd = true;
  }

  #add(conversation: Conversation): void {
    const index = this.#count++;
    const { packer, tokenize, onFailure } = this.options;
    try {
      packer.add(tokenize(conversation, index));
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      this.#failures++;
      onFailure(index, error);
    }
  }

  async #read(impatient: boolean): Promise<IteratorResult<Conversation> | undefined> {
    if (!this.#mayBeSlow) return await this.#next();
    const pending = this.#pending ??= Promise.resolve(this.#next());
    const next = impatient ? await within(patience, pending) : await pending;
    if (next !== undefined) this.#pending = undefined;
    return next;
  }
}

/** What a promise gives, or `undefined` where it takes longer. */
export async function within<Value>(
  milliseconds: number,
  promise: Promise<Value>,
): Promise<Value | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), milliseconds);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
