import { AssayError } from "../error.ts";

/** How long to wait for a server. */
export interface HttpPatience {
  /**
   * Milliseconds that a server may take to answer a request, redirects and all, and that may pass
   * before the next byte of an answer; 30,000 by default.
   */
  readonly timeout?: number | undefined;
  /**
   * Bytes that have to come in a second, over all of an answer and after the first `timeout`; 1,024
   * by default. Without it an answer of one byte now and then would go on for years.
   */
  readonly leastRate?: number | undefined;
}

const defaultTimeout = 30_000;
const defaultLeastRate = 1024;
/** A look at the clock for each tenth of the patience: time in which the program slept counts little. */
const looks = 10;

/** Waits for a server as long as it was told, and no longer. */
export class Patience {
  readonly #name: string;
  readonly #timeout: number;
  readonly #leastRate: number;
  readonly #advice: string;

  /**
   * @param name What error messages call the file: its host and path.
   * @param advice What to do about a server that is too slow.
   * @throws {AssayError} `checkpoint/bad-option`.
   */
  constructor(
    name: string,
    options: HttpPatience,
    advice: string = "try again, or give a slow server more with httpFolder(address, " +
      "{ timeout, leastRate })",
  ) {
    this.#name = name;
    this.#advice = advice;
    this.#timeout = positive("timeout", options.timeout ?? defaultTimeout);
    this.#leastRate = positive("leastRate", options.leastRate ?? defaultLeastRate);
  }

  /**
   * The answer's head.
   *
   * @throws {AssayError} `checkpoint/http-timeout`.
   */
  head<T>(answer: Promise<T>): Promise<T> {
    return this.#wait(
      answer,
      this.#timeout,
      `an answer within ${seconds(this.#timeout)}`,
      () => "none",
    );
  }

  /** The clock of one answer's body. */
  body(): BodyClock {
    let spent = 0;
    let sinceByte = 0;
    return {
      next: async <T>(chunk: Promise<T>, received: number, lengthOf: (chunk: T) => number) => {
        const allowed = this.#timeout + received / this.#leastRate * 1000 - spent;
        const most = Math.min(allowed, this.#timeout - sinceByte);
        const expected = `another byte within ${seconds(this.#timeout)}, and ` +
          `${this.#leastRate} bytes a second after them`;
        const found = () => `${received} bytes in ${seconds(spent)}`;
        const told = (waited: number) => (spent += waited, sinceByte += waited);
        const value = await this.#wait(chunk, most, expected, found, told);
        if (lengthOf(value) > 0) sinceByte = 0;
        return value;
      },
    };
  }

  async #wait<T>(
    promise: Promise<T>,
    most: number,
    expected: string,
    found: () => string,
    told: (waited: number) => void = () => {},
  ): Promise<T> {
    const step = Math.max(1, Math.min(this.#timeout, 2 ** 31 - 1) / looks);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let waited = 0;
    let last = performance.now();
    const tick = () => {
      const now = performance.now();
      // A program that was busy itself has not waited for the server.
      waited += Math.min(now - last, 2 * step);
      last = now;
    };
    const late = Symbol();
    const expired = new Promise<typeof late>((resolve) => {
      const look = () => {
        tick();
        if (waited < most) timer = setTimeout(look, Math.min(step, most - waited));
        else resolve(late);
      };
      timer = setTimeout(look, Math.max(0, Math.min(step, most)));
    });
    let value: T | typeof late;
    try {
      value = await Promise.race([promise, expired]);
    } finally {
      clearTimeout(timer);
      tick();
      told(waited);
    }
    if (value === late) throw this.#late(expected, found());
    return value as T;
  }

  #late(expected: string, found: string): AssayError {
    return new AssayError(
      "checkpoint/http-timeout",
      `Cannot read ${this.#name}: expected ${expected}, found ${found}; ${this.#advice}`,
    );
  }
}

/** Waits for one chunk of a body after another. */
export interface BodyClock {
  /**
   * @param chunk The next chunk, on its way.
   * @param received Bytes before it.
   * @param lengthOf Bytes of a chunk.
   * @throws {AssayError} `checkpoint/http-timeout`.
   */
  next<T>(chunk: Promise<T>, received: number, lengthOf: (chunk: T) => number): Promise<T>;
}

function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new AssayError(
    "checkpoint/bad-option",
    `Cannot use ${name} ${value}: expected a number above 0; leave it out for the default`,
  );
}

function seconds(milliseconds: number): string {
  return `${Number((milliseconds / 1000).toPrecision(3))} seconds`;
}
