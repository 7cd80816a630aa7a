import type { AssayError } from "../../error.ts";

/** What may go well another time: a server that is busy, a connection that was cut. */
export class PassingTrouble extends Error {
  override readonly name = "PassingTrouble";
  /** What to say once it has happened too often. */
  readonly error: AssayError;
  /** Milliseconds that the server asks to be left alone for. */
  readonly after: number | undefined;

  constructor(error: AssayError, after?: number) {
    super(error.message);
    this.error = error;
    this.after = after;
  }
}

/** Tries in a row without a new byte. */
const mostTries = 6;
/** The longest pause that a server may ask for, and that is made without being asked. */
const longestAsked = 300_000;
const longestOwn = 30_000;

/** Waits between tries, longer each time, and gives up after a few that brought nothing. */
export class Retries {
  readonly #backoff: number;
  readonly #signal: AbortSignal | undefined;
  readonly #tries: number;
  #failed = 0;

  /** @param tries 1 where there is something to fall back on. */
  constructor(backoff: number, signal: AbortSignal | undefined, tries: number = mostTries) {
    this.#backoff = backoff;
    this.#signal = signal;
    this.#tries = tries;
  }

  /** Runs something until it goes well. */
  async run<Value>(attempt: () => Promise<Value>): Promise<Value> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        await this.pause(error);
      }
    }
  }

  /** Something came: what failed before does not count any more. */
  progressed(): void {
    this.#failed = 0;
  }

  /**
   * Waits before the next try.
   *
   * @throws What was thrown, where it will not pass, or has happened too often.
   */
  async pause(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!(error instanceof PassingTrouble)) throw error;
    if (++this.#failed >= this.#tries || (error.after ?? 0) > longestAsked) throw error.error;
    const own = Math.min(this.#backoff * 2 ** (this.#failed - 1), longestOwn);
    await sleep(error.after ?? own * (0.75 + Math.random() / 2), this.#signal);
  }
}

/** Milliseconds that `Retry-After` asks for: seconds, or a date. */
export function retryAfter(text: string | null, now: number = Date.now()): number | undefined {
  if (text === null) return undefined;
  const milliseconds = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const abort = (): void => {
      end();
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      end();
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort);
  });
}
