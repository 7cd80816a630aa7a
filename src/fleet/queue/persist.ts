import { AssayError } from "../../error.ts";
import { queueFailure } from "./queue_errors.ts";

/** How long to ask anew where the queue does not answer. */
export interface Persistence {
  /** Milliseconds; without end where it is not given. */
  readonly patience?: number | undefined;
  /** Ends the asking, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told, each time, that the queue does not answer, or has no room. */
  readonly onWaiting?: ((message: string) => void) | undefined;
  /** Whether to wait for room too, in place of an error. */
  readonly waitsForRoom?: boolean | undefined;
}

/** What is asked of the queue. */
export interface Asking {
  /** What is done, as messages say it: `list runs`. */
  readonly doing: string;
  /** The run that it is about. */
  readonly run?: string | undefined;
  /** Asks for the run's stream by name, where there must be one: a server answers nothing where it is gone. */
  readonly look?: (() => Promise<unknown>) | undefined;
}

/** Milliseconds until the first word about a queue that does not answer, and between two. */
const firstTelling = 5000;
const tellingTime = 30_000;

/**
 * Does something with the queue, anew where it does not answer.
 *
 * @throws {AssayError} `fleet/queue-lost` after the patience; what the queue refuses; the signal's reason.
 */
export async function persist<Result>(
  { patience = Infinity, signal, onWaiting, waitsForRoom }: Persistence,
  { doing, run, look }: Asking,
  work: () => Promise<Result>,
): Promise<Result> {
  const start = performance.now();
  for (let pause = 50;; pause = Math.min(2000, pause * 2)) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (cause) {
      const failure = queueFailure(cause, doing, run);
      if (failure === "taken") throw cause;
      const isFull = failure !== "transient" && failure.code === "fleet/queue-full";
      if (failure !== "transient" && !(isFull && waitsForRoom)) throw failure;
      await look?.().catch((cause) => {
        const failure = queueFailure(cause, doing, run);
        if (failure instanceof AssayError) throw failure;
      });
      const waited = performance.now() - start;
      if (waited > patience) throw failure === "transient" ? silentQueue(doing, cause) : failure;
      if (waited > firstTelling) {
        onWaiting?.(isFull ? "the queue has no room" : "the queue does not answer");
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Tells once in a while, however much waits at once. */
export function toldSeldom(persistence: Persistence): Persistence {
  let toldAt = -Infinity;
  const onWaiting = (message: string): void => {
    if (performance.now() - toldAt < tellingTime) return;
    toldAt = performance.now();
    persistence.onWaiting?.(message);
  };
  return { ...persistence, onWaiting };
}

function silentQueue(doing: string, cause: unknown): AssayError {
  return new AssayError(
    "fleet/queue-lost",
    `Cannot ${doing}: expected an answer of the queue, found none for a long time; look whether the ` +
      "server runs and has room on its disk, then run the same command again: what was stored stays",
    { cause },
  );
}
