import type { ScoreOptions } from "../../scoring/load_options.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";
import type { Scorer } from "./scorer.ts";

/** Something whose conversations are to be scored: a row, or a row with all of its changed forms. */
export interface ToScore<Item> {
  readonly item: Item;
  /** Its conversations; none where it can't be scored. */
  readonly conversations: readonly Conversation[];
}

/** The same, scored. */
export interface Judged<Item> {
  readonly item: Item;
  /** One verdict for each conversation, in their order. */
  readonly verdicts: readonly Verdict[];
}

/** What waits for its verdicts, or for those before it. */
interface Waiting<Item> extends ToScore<Item> {
  readonly verdicts: Verdict[];
}

/** Items that may wait at once without asking for a verdict; else a long run of bad rows would pile up. */
const mostWaiting = 4096;

/**
 * Scores the conversations of items as they come, and gives the items back in their order. No more are
 * held than the model computes together.
 *
 * @param source What items are made of.
 * @param toScore Makes an item and its conversations.
 * @param scorer The reward model.
 * @param options Who ends the scoring early, and who is told how far it is.
 * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
 */
export async function* verdictsInOrder<Source, Item>(
  source: AsyncIterable<Source>,
  toScore: (source: Source) => ToScore<Item>,
  scorer: Scorer,
  options: Pick<ScoreOptions, "signal" | "onProgress"> = {},
): AsyncGenerator<Judged<Item>> {
  const { signal, onProgress } = options;
  const input = source[Symbol.asyncIterator]();
  const nextItem = untilAborted(async () => {
    const { done, value } = await input.next();
    return done ? undefined : toScore(value);
  }, signal);
  const waiting: Waiting<Item>[] = [];
  const progress = { ended: false };
  try {
    while (!progress.ended) {
      const conversations = conversationsOf(nextItem, waiting, progress);
      const stream = scorer.scoreStream(conversations, { signal, onProgress });
      let next = 0; // the first waiting item that lacks a verdict
      for await (const verdict of stream) {
        while (isComplete(waiting[next]!)) next++;
        waiting[next]!.verdicts.push(verdict);
        while (waiting.length > 0 && isComplete(waiting[0]!)) {
          next = 0;
          yield waiting.shift()!;
        }
      }
      while (waiting.length > 0) yield waiting.shift()!;
    }
  } finally {
    const closed = input.return?.();
    // After an interrupt the input may never give the row that it was asked for.
    if (!signal?.aborted) await closed;
  }
}

/**
 * The conversations of the items that follow, while the items themselves go to `waiting`. Ends with the
 * input, or when so many items without any conversation wait that they must be handed on first.
 */
async function* conversationsOf<Item>(
  nextItem: () => Promise<ToScore<Item> | undefined>,
  waiting: Waiting<Item>[],
  progress: { ended: boolean },
): AsyncGenerator<Conversation> {
  let withoutVerdict = 0;
  while (withoutVerdict < mostWaiting) {
    const item = await nextItem();
    if (item === undefined) {
      progress.ended = true;
      return;
    }
    waiting.push({ ...item, verdicts: [] });
    if (item.conversations.length === 0) withoutVerdict++;
    yield* item.conversations;
  }
}

/** The same function, whose promise does not outlast the signal: a pipe may be silent for ever. */
function untilAborted<Value>(
  next: () => Promise<Value>,
  signal: AbortSignal | undefined,
): () => Promise<Value> {
  if (signal === undefined) return next;
  // Not Promise.race: the promise of an abort would keep something of every row that ever came.
  let giveUp: ((reason: unknown) => void) | undefined;
  signal.addEventListener("abort", () => giveUp?.(signal.reason), { once: true });
  return () =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      giveUp = reject;
      next().then(resolve, reject);
    });
}

function isComplete<Item>({ conversations, verdicts }: Waiting<Item>): boolean {
  return verdicts.length === conversations.length;
}
