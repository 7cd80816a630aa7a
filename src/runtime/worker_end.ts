/**
 * The end of a worker. What it does to the process is the runtime's business: Deno's `terminate` returns
 * while the thread still lives, and the thread's last act is to unload the drivers of the device. A process
 * that exits just then runs exit handlers of libraries that are gone, and crashes.
 *
 * @module
 */
import { requireBuiltin } from "./builtin.ts";

/** Milliseconds in which a worker should hear that it is to end: it listens between two packs. */
const hearingTime = 1000;
/** Milliseconds that a thread which has heard may take to give its memory and its device back. */
const endingTime = 5000;
/** Milliseconds that one which has not heard is given: nothing tells its end. */
const silentEndingTime = 300;
/**
 * Milliseconds for what a thread does after its isolate has gone, which nothing tells either: it gives its
 * allocator's memory back. Where the process exited in that moment, 3 of 75 aborted in the allocator.
 */
const lastTime = 100;

const isDeno = "Deno" in globalThis;
const ending = new Set<Promise<unknown>>();

/** The part of `node:worker_threads` that is used: in Deno the web's own ports don't tell that they closed. */
interface NodeThreads {
  readonly MessageChannel: new () => { readonly port1: NodePort; readonly port2: MessagePort };
}

interface NodePort {
  once(event: "close", listener: () => void): void;
  start(): void;
  close(): void;
}

/**
 * Ends a worker: by its own doing where it hears in time, else whatever it does.
 *
 * @param ask Sends the message upon which the worker closes its port while it hears it, without a turn of
 *   its event loop in between; resolves when it does, rejects where it can't.
 * @returns Resolves when the worker has ended: to whether the runtime told so. Where it doesn't, the worker
 *   was told to end and, in Deno, given a moment for it.
 */
export function endWorker(worker: Worker, ask: () => Promise<unknown>): Promise<boolean> {
  const end = endOf(worker, ask).finally(() => ending.delete(end));
  ending.add(end);
  return end;
}

/** Resolves when all workers that are being ended have: a process should not exit before. */
export async function workersEnded(): Promise<void> {
  while (ending.size > 0) await Promise.allSettled(ending);
}

async function endOf(worker: Worker, ask: () => Promise<unknown>): Promise<boolean> {
  const heard = ask();
  using thread = isDeno ? watchedThread(worker) : undefined;
  const hasHeard = await within(hearingTime, heard);
  if (hasHeard && thread !== undefined && await within(endingTime, thread.ended)) {
    await pause(lastTime);
    return true;
  }
  const told = worker.terminate() as unknown;
  if (told instanceof Promise) return await within(endingTime, told); // Node
  if (isDeno) await pause(silentEndingTime);
  return false;
}

/**
 * Sees the end of a thread in Deno, which has no event for it: a port in a message that the worker does not
 * come to read closes when the queue of its messages is freed, and that comes after the drivers' unloading.
 */
function watchedThread(worker: Worker): Disposable & { readonly ended: Promise<void> } {
  const { MessageChannel } = requireBuiltin<NodeThreads>("node:worker_threads");
  const { port1, port2 } = new MessageChannel();
  const ended = new Promise<void>((resolve) => port1.once("close", resolve));
  port1.start();
  worker.postMessage({ last: port2 }, [port2]);
  return { ended, [Symbol.dispose]: () => port1.close() };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Whether a promise is fulfilled in so many milliseconds. */
async function within(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), milliseconds);
  try {
    return await Promise.race([promise.then(() => true, () => false), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
