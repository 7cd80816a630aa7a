/**
 * Workers by the web's interface, over Node's own where the runtime has no other.
 *
 * @module
 */
import { builtin } from "./builtin.ts";

/** The part of `node:worker_threads` that is used. */
interface NodeThreads {
  readonly Worker: new (script: URL) => NodeThread;
  readonly parentPort: WorkerPort | null;
}

interface NodeThread {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  terminate(): Promise<unknown>;
  on(event: "message" | "messageerror", listener: (data: unknown) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}

/** What is used of a `Worker`. */
class NodeWorker extends EventTarget {
  readonly #thread: NodeThread;

  constructor(thread: NodeThread) {
    super();
    this.#thread = thread;
    this.#thread.on("message", (data) => this.dispatchEvent(new MessageEvent("message", { data })));
    this.#thread.on("messageerror", (data) => {
      this.dispatchEvent(new MessageEvent("messageerror", { data }));
    });
    this.#thread.on("error", ({ message }) => {
      const event = new Event("error", { cancelable: true });
      this.dispatchEvent(Object.assign(event, { message })); // Node 24 has no ErrorEvent
    });
  }

  postMessage(message: unknown, transfer?: Transferable[]): void {
    this.#thread.postMessage(message, transfer);
  }

  terminate(): Promise<unknown> {
    return this.#thread.terminate();
  }
}

/**
 * Starts a worker of Node's own; `undefined` where the runtime has none.
 *
 * @param script The module that it runs.
 */
export function nodeWorker(script: URL): Worker | undefined {
  const threads = builtin<NodeThreads>("node:worker_threads");
  return threads && new NodeWorker(new threads.Worker(script)) as unknown as Worker;
}

/** The end of the line to its owner, inside a worker; to close it ends the worker. */
type WorkerPort =
  & Pick<MessagePort, "postMessage" | "addEventListener">
  & Partial<Pick<MessagePort, "close">>;

/** The end of the line to its owner, inside a worker. */
export function workerPort(): WorkerPort {
  if ("postMessage" in globalThis) return globalThis as unknown as MessagePort;
  const port = builtin<NodeThreads>("node:worker_threads")?.parentPort;
  if (!port) throw new Error("expected to run in a worker");
  return port;
}
