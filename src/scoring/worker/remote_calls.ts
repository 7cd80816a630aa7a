import { AssayError } from "../../error.ts";

/** An end of a line of messages: a `Worker` outside, the worker's global scope inside. */
export interface Port {
  /** Sends a message, and gives what is to be transferred away with it. */
  postMessage(message: unknown, transfer?: Transferable[]): void;
  /** Has a listener hear the messages that come. */
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  /** Of a worker's own end: ends the worker. */
  close?(): void;
}

/** What an end lets the other one call; arguments and results are data that can be cloned. */
// deno-lint-ignore no-explicit-any -- any arguments: the other end's type says which
export type Procedures = Readonly<Record<string, (...operands: any[]) => unknown>>;

/** An error as a message carries it: cloning would lose what makes it an `AssayError`. */
export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of an `AssayError`. */
  readonly code: string | undefined;
  readonly cause: ErrorMessage | undefined;
}

type Message =
  | { readonly call: number; readonly procedure: string; readonly operands: readonly unknown[] }
  | { readonly answer: number; readonly result: unknown }
  | { readonly answer: number; readonly error: ErrorMessage };

/** An error to send. */
export function errorMessage(error: unknown): ErrorMessage {
  const { name, message, stack, cause } = error instanceof Error ? error : new Error(String(error));
  return {
    name,
    message,
    stack,
    code: error instanceof AssayError ? error.code : undefined,
    cause: cause instanceof Error ? errorMessage(cause) : undefined,
  };
}

/** The error that was sent. */
export function errorOf({ name, message, stack, code, cause }: ErrorMessage): Error {
  const options = cause === undefined ? {} : { cause: errorOf(cause) };
  const error = code === undefined
    ? new Error(message, options)
    : new AssayError(code, message, options);
  if (code === undefined) Object.assign(error, { name });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/**
 * Calls of procedures at the other end of a line, in both directions. Errors arrive as what they were.
 *
 * @typeParam Remote The procedures of the other end.
 */
export class RemoteCalls<Remote extends Procedures> {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #count = 0;
  #closed: Error | undefined;

  /** @param procedures What the other end may call. */
  constructor(private readonly port: Port, private readonly procedures: Procedures) {
    port.addEventListener("message", ({ data }: MessageEvent<Message>) => {
      if ("call" in data) this.#answer(data.call, data.procedure, data.operands);
      else this.#settle(data);
    });
  }

  /**
   * Calls a procedure of the other end.
   *
   * @throws What the procedure throws; the reason given to {@link RemoteCalls.close}.
   */
  call<Name extends keyof Remote & string>(
    procedure: Name,
    ...operands: Parameters<Remote[Name]>
  ): Promise<Awaited<ReturnType<Remote[Name]>>> {
    const call = this.#count++;
    const waiting = Promise.withResolvers<unknown>();
    try {
      if (this.#closed !== undefined) throw this.#closed;
      this.port.postMessage({ call, procedure, operands } satisfies Message);
      this.#waiting.set(call, waiting);
    } catch (error) {
      waiting.reject(error);
    }
    return waiting.promise as Promise<Awaited<ReturnType<Remote[Name]>>>;
  }

  /** Calls a procedure of the other end, even after {@link RemoteCalls.close}; nobody hears what it answers. */
  tell<Name extends keyof Remote & string>(
    procedure: Name,
    ...operands: Parameters<Remote[Name]>
  ): void {
    this.port.postMessage({ call: this.#count++, procedure, operands } satisfies Message);
  }

  /** Ends all calls, those to come too, with a reason. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#closed);
    this.#waiting.clear();
  }

  async #answer(
    answer: number,
    procedure: string,
    operands: readonly unknown[],
  ): Promise<void> {
    try {
      const result = await this.procedures[procedure]!(...operands);
      const transfer = result instanceof Uint8Array ? [result.buffer as ArrayBuffer] : [];
      this.port.postMessage({ answer, result } satisfies Message, transfer);
    } catch (error) {
      this.port.postMessage({ answer, error: errorMessage(error) } satisfies Message);
    }
  }

  #settle(message: Exclude<Message, { call: number }>): void {
    const waiting = this.#waiting.get(message.answer);
    this.#waiting.delete(message.answer);
    if ("error" in message) waiting?.reject(errorOf(message.error));
    else waiting?.resolve(message.result);
  }
}
