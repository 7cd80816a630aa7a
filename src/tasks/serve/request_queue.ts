import { AssayError } from "../../error.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";

/** What a {@link RequestQueue} needs of a model: `RewardModelWorker` is one. */
export interface StreamScorer {
  /**
   * Verdicts in the order of the conversations, which it asks for a few packs ahead; throws where the
   * device fails as a whole.
   */
  scoreStream(conversations: AsyncIterable<Conversation>): AsyncIterable<Verdict>;
}

/** How a {@link RequestQueue} gathers and bounds what waits. */
export interface RequestQueueOptions {
  /** Conversations that may wait; 1,024 by default. A request that does not fit is refused. */
  readonly mostWaiting?: number | undefined;
  /**
   * Tokens, as estimated from the length of their text, that are taken out of the queue together: 2,048, as
   * a pack has, by default. Responses to one prompt are looked for as far ahead.
   */
  readonly tokensTogether?: number | undefined;
  /** Milliseconds that a request waits for company where nothing is being computed; 2 by default. */
  readonly patience?: number | undefined;
  /** Told of conversations that were taken together, once they are computed. */
  readonly onComputed?: ((computed: ComputedTogether) => void) | undefined;
}

/** Conversations that were taken out of the queue together. */
export interface ComputedTogether {
  readonly conversations: number;
  /** Tokens that were scored. */
  readonly tokens: number;
  /** Milliseconds from when they were taken to their last verdict. */
  readonly milliseconds: number;
  /** Milliseconds that each conversation had waited until it was taken. */
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

/** Conversations that were taken together, on their way. */
interface Group {
  readonly size: number;
  readonly begun: number;
  readonly waited: readonly number[];
  tokens: number;
  done: number;
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
 * ever. A lone request waits no longer than `patience`, and only where nothing is being computed. The model
 * asks for more while it computes, so its packs follow each other for as long as something waits.
 */
export class RequestQueue {
  readonly #scorer: StreamScorer;
  readonly #options: {
    readonly mostWaiting: number;
    readonly tokensTogether: number;
    readonly patience: number;
  };
  readonly #onComputed: RequestQueueOptions["onComputed"];
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
  constructor(scorer: StreamScorer, options: RequestQueueOptions = {}) {
    this.#scorer = scorer;
    this.#onComputed = options.onComputed;
    this.#options = {
      mostWaiting: options.mostWaiting ?? 1024,
      tokensTogether: options.tokensTogether ?? 2048,
      patience: options.patience ?? 2,
    };
  }

  /** Conversations that wait to be taken. */
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

  /** Lets the model compute until nothing waits. */
  async #run(): Promise<void> {
    let isIdle = true;
    while (this.#waiting.length > 0) {
      if (isIdle && !this.#isClosed) await sleep(this.#options.patience);
      isIdle = false;
      await this.#compute();
      // Let the answers go out, and the next requests of those who got them come in.
      await sleep(0);
    }
    this.#running = undefined;
  }

  /**
   * What is computed next: by turn up to the budget, and with each conversation those of its
   * prompt, which cost their responses alone, as far as their turn is near. Those of one prompt stand
   * together.
   */
  #take(): Waiting[] {
    const { tokensTogether } = this.#options;
    const byPrompt = Map.groupBy(this.#waiting, ({ size }) => size.prompt);
    const taken = new Set<Waiting>();
    let tokens = 0;
    for (const first of this.#waiting) {
      if (taken.has(first)) continue;
      const { prompt, promptTokens } = first.size;
      if (taken.size > 0 && tokens + promptTokens + first.size.responseTokens > tokensTogether) {
        break;
      }
      tokens += promptTokens;
      for (const waiting of byPrompt.get(prompt)!) {
        const { responseTokens } = waiting.size;
        if (waiting.turn > first.turn + tokensTogether) break;
        if (taken.size > 0 && tokens + responseTokens > tokensTogether) break;
        taken.add(waiting);
        tokens += responseTokens;
      }
    }
    this.#given += tokens / new Set(this.#waiting.map(({ request }) => request)).size;
    this.#waiting = this.#waiting.filter((waiting) => !taken.has(waiting));
    return inNeighbourhood([...taken]);
  }

  /** Has the model compute what waits, and what comes meanwhile. */
  async #compute(): Promise<void> {
    const computing: Waiting[] = [];
    const groups: Group[] = [];
    try {
      for await (const verdict of this.#scorer.scoreStream(this.#handedOut(computing, groups))) {
        finish(computing.shift()!, verdict);
        this.#count(groups, verdict);
      }
    } catch (error) {
      // A model that fails before it asks for any fails whatever waits.
      for (const { request } of computing.length > 0 ? computing : [...this.#waiting]) {
        if (request.isOver) continue;
        request.settle();
        this.#waiting = this.#waiting.filter((waiting) => waiting.request !== request);
        request.answer.reject(error);
      }
    }
  }

  /** Conversations in their turns, for as long as some wait when the model asks. */
  async *#handedOut(computing: Waiting[], groups: Group[]): AsyncGenerator<Conversation> {
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      const now = performance.now();
      groups.push({
        size: taken.length,
        begun: now,
        waited: taken.map(({ since }) => now - since),
        tokens: 0,
        done: 0,
      });
      // All of them are out of the queue, so none may be lost where the model asks for no more.
      computing.push(...taken);
      for (const { conversation } of taken) yield conversation;
    }
  }

  #count(groups: Group[], { tokens }: Verdict): void {
    const [group] = groups;
    group!.tokens += tokens;
    if (++group!.done < group!.size) return;
    groups.shift();
    const { size, begun, waited } = group!;
    const milliseconds = performance.now() - begun;
    this.#onComputed?.({ conversations: size, tokens: group!.tokens, milliseconds, waited });
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
