import { AssayError } from "../../error.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";

/** What a {@link RequestQueue} needs of a model: `RewardModelWorker` is one. */
export interface BatchScorer {
  /** Verdicts in the order of the conversations; throws where the device fails as a whole. */
  score(conversations: readonly Conversation[]): Promise<Verdict[]>;
}

/** How a {@link RequestQueue} gathers and bounds what waits. */
export interface RequestQueueOptions {
  /** Conversations that may wait; 1,024 by default. A request that does not fit is refused. */
  readonly mostWaiting?: number | undefined;
  /** Tokens, as estimated from the length of their text, that one call computes; 4,096 by default. */
  readonly tokensPerCall?: number | undefined;
  /** Milliseconds that a request waits for company where nothing is being computed; 2 by default. */
  readonly patience?: number | undefined;
  /** Told of each call to the model. */
  readonly onCall?: ((call: QueueCall) => void) | undefined;
}

/** One call to the model, once it is done. */
export interface QueueCall {
  readonly conversations: number;
  /** Tokens that were scored. */
  readonly tokens: number;
  /** Milliseconds that the model took. */
  readonly milliseconds: number;
  /** Milliseconds that each conversation had waited for the call to begin. */
  readonly waited: readonly number[];
}

/** How one request waits. */
export interface RequestOptions {
  /** Gives the request up: what still waits is taken out of the queue. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which it is given up; none by default. */
  readonly deadline?: number | undefined;
}

/** A conversation that waits, or is being computed. */
interface Waiting {
  readonly conversation: Conversation;
  readonly request: Request;
  /** Its place in the request. */
  readonly index: number;
  readonly size: Size;
  /** Its turn: the smallest is computed next. */
  readonly turn: number;
  readonly since: number;
}

/** How large a conversation is, in estimated tokens. */
interface Size {
  /** What responses to one prompt have in common. */
  readonly prompt: string;
  readonly promptTokens: number;
  readonly responseTokens: number;
}

/** A request on its way. */
interface Request {
  readonly verdicts: (Verdict | undefined)[];
  missing: number;
  readonly answer: PromiseWithResolvers<Verdict[]>;
  isOver: boolean;
  settle(): void;
}

/** Units of text to a token, on the safe side of what tokenizers of English make of it. */
const unitsPerToken = 3;
/** Units that templated texts begin with alike where they are taken to have one prompt. */
const alikeUnits = 256;
/** Tokens that a chat template adds to a message, about. */
const tokensPerMessage = 6;

/**
 * The queue before a reward model that many clients share (dynamic batching): requests from all of them
 * are computed together, those of one prompt beside each other, so that it is computed once. What is
 * computed together has no influence on a verdict's bits.
 *
 * Turns are by fair queueing (Demers, Keshav and Shenker 1989): a conversation's turn is the number of
 * tokens that each waiting request had been given when its own came, and those of the same request before
 * it. So a request of a thousand documents holds nobody up, however long it takes, and nothing waits for
 * ever. A lone request waits no longer than `patience`, and only where nothing is being computed; what
 * comes during a call makes the next one.
 */
export class RequestQueue {
  readonly #scorer: BatchScorer;
  readonly #options: {
    readonly mostWaiting: number;
    readonly tokensPerCall: number;
    readonly patience: number;
  };
  readonly #onCall: ((call: QueueCall) => void) | undefined;
  /** In the order of their turns. */
  #waiting: Waiting[] = [];
  /** Estimated tokens that each of the requests which waited was given until now, had all been given alike. */
  #given = 0;
  #running: Promise<void> | undefined;
  #isClosed = false;

  /**
   * @param scorer The model.
   * @param options How requests are gathered.
   */
  constructor(scorer: BatchScorer, options: RequestQueueOptions = {}) {
    this.#scorer = scorer;
    this.#onCall = options.onCall;
    this.#options = {
      mostWaiting: options.mostWaiting ?? 1024,
      tokensPerCall: options.tokensPerCall ?? 4096,
      patience: options.patience ?? 2,
    };
  }

  /** Conversations that wait for a call to begin. */
  get depth(): number {
    return this.#waiting.length;
  }

  /** How many conversations may wait. */
  get mostWaiting(): number {
    return this.#options.mostWaiting;
  }

  /**
   * Scores the conversations of one request.
   *
   * @returns Their verdicts, in their order.
   * @throws {AssayError} `tasks/queue-full`, `tasks/queue-closed`, `tasks/deadline`; what the model
   * throws where it fails as a whole; the signal's reason on abort.
   */
  async submit(
    conversations: readonly Conversation[],
    { signal, deadline }: RequestOptions = {},
  ): Promise<Verdict[]> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw closed();
    if (conversations.length === 0) return [];
    const { mostWaiting } = this.#options;
    // A request larger than the queue is taken where nothing else waits, else it never could be.
    if (this.depth > 0 && this.depth + conversations.length > mostWaiting) {
      throw full(this.depth, mostWaiting);
    }
    const request = this.#request(conversations.length, { signal, deadline });
    const since = performance.now();
    let turn = this.#given;
    conversations.forEach((conversation, index) => {
      const size = sizeOf(conversation);
      this.#waiting.push({ conversation, request, index, size, turn, since });
      turn += size.promptTokens + size.responseTokens;
    });
    this.#waiting.sort((a, b) => a.turn - b.turn); // stable: those of one turn stay as they came
    this.#running ??= this.#run();
    return await request.answer.promise;
  }

  /** Takes no further requests; resolves once those that wait are answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  #request(count: number, { signal, deadline }: RequestOptions): Request {
    const answer = Promise.withResolvers<Verdict[]>();
    const giveUp = (reason: unknown): void => {
      request.settle();
      this.#waiting = this.#waiting.filter((waiting) => waiting.request !== request);
      answer.reject(reason);
    };
    const abort = (): void => giveUp(signal!.reason);
    const timer = deadline === undefined
      ? undefined
      : setTimeout(() => giveUp(tooLate(deadline)), deadline);
    const request: Request = {
      verdicts: new Array(count),
      missing: count,
      answer,
      isOver: false,
      settle() {
        request.isOver = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      },
    };
    signal?.addEventListener("abort", abort);
    return request;
  }

  /** Calls the model until nothing waits. */
  async #run(): Promise<void> {
    const { patience } = this.#options;
    let isIdle = true;
    while (this.#waiting.length > 0) {
      if (isIdle && !this.#isClosed) await sleep(patience);
      isIdle = false;
      const batch = this.#take();
      if (batch.length > 0) await this.#call(batch);
      // Let the answers go out, and the next requests of those who got them come in.
      await sleep(0);
    }
    this.#running = undefined;
  }

  /**
   * What the next call computes: by turn up to the budget, and with each conversation those of its
   * prompt, which cost their responses alone, as far as their turn is near. Those of one prompt stand
   * together.
   */
  #take(): Waiting[] {
    const { tokensPerCall } = this.#options;
    const byPrompt = Map.groupBy(this.#waiting, ({ size }) => size.prompt);
    const taken = new Set<Waiting>();
    let tokens = 0;
    for (const first of this.#waiting) {
      if (taken.has(first)) continue;
      const { prompt, promptTokens } = first.size;
      if (taken.size > 0 && tokens + promptTokens + first.size.responseTokens > tokensPerCall) {
        break;
      }
      tokens += promptTokens;
      for (const waiting of byPrompt.get(prompt)!) {
        const { responseTokens } = waiting.size;
        if (waiting.turn > first.turn + tokensPerCall) break;
        if (taken.size > 0 && tokens + responseTokens > tokensPerCall) break;
        taken.add(waiting);
        tokens += responseTokens;
      }
    }
    this.#given += tokens / new Set(this.#waiting.map(({ request }) => request)).size;
    this.#waiting = this.#waiting.filter((waiting) => !taken.has(waiting));
    return inNeighbourhood([...taken]);
  }

  async #call(batch: readonly Waiting[]): Promise<void> {
    const begun = performance.now();
    try {
      const verdicts = await this.#scorer.score(batch.map(({ conversation }) => conversation));
      batch.forEach((waiting, i) => finish(waiting, verdicts[i]!));
      this.#onCall?.({
        conversations: batch.length,
        tokens: verdicts.reduce((sum, { tokens }) => sum + tokens, 0),
        milliseconds: performance.now() - begun,
        waited: batch.map(({ since }) => begun - since),
      });
    } catch (error) {
      for (const { request } of batch) {
        if (request.isOver) continue;
        request.settle();
        this.#waiting = this.#waiting.filter((waiting) => waiting.request !== request);
        request.answer.reject(error);
      }
    }
  }
}

/** Templated texts in the order of their letters, so that those of one prompt stand together. */
function inNeighbourhood(batch: Waiting[]): Waiting[] {
  const textOf = ({ conversation: { templated } }: Waiting): string =>
    templated !== undefined && "text" in templated ? templated.text : "";
  return batch.sort((a, b) => textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0);
}

function finish({ request, index }: Waiting, verdict: Verdict): void {
  if (request.isOver) return;
  request.verdicts[index] = verdict;
  if (--request.missing > 0) return;
  request.settle();
  request.answer.resolve(request.verdicts as Verdict[]);
}

function sizeOf(conversation: Conversation): Size {
  const { templated, variables } = conversation;
  if (templated !== undefined) {
    // Where a templated prompt ends nobody says: those that begin alike are neighbours, which share it.
    const isText = "text" in templated;
    const text = isText ? templated.text : JSON.stringify(templated.ids);
    const tokens = isText ? text.length / unitsPerToken : templated.ids.length;
    const prompt = text.slice(0, alikeUnits);
    return { prompt, promptTokens: 0, responseTokens: Math.ceil(tokens) };
  }
  const before = conversation.slice(0, -1);
  const tokensOf = (messages: Conversation): number => {
    const units = messages.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
    return Math.ceil(units / unitsPerToken) + tokensPerMessage * messages.length;
  };
  return {
    prompt: JSON.stringify([before, variables]),
    promptTokens: tokensOf(before),
    responseTokens: tokensOf(conversation.slice(-1)),
  };
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function full(depth: number, most: number): AssayError {
  return new AssayError(
    "tasks/queue-full",
    `Cannot take the request: ${depth} conversations wait already, and at most ${most} may; try ` +
      "again later",
  );
}

function closed(): AssayError {
  return new AssayError(
    "tasks/queue-closed",
    "Cannot take the request: the server is stopping; ask another one, or try again later",
  );
}

function tooLate(deadline: number): AssayError {
  return new AssayError(
    "tasks/deadline",
    `Cannot answer in time: expected an answer within ${deadline} ms, found none; try again later, ` +
      "or with a longer deadline",
  );
}
