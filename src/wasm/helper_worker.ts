/** What a helper's worker is told. */
export interface Post {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly index: number;
  /** Milliseconds without work after which it leaves. */
  readonly patience: number;
}

/** What a team needs of a worker. */
export interface Helper {
  terminate(): unknown;
}

/** Starts a helper; `onFailure` is told where it can't begin, now or later. */
export type StartHelper = (post: Post, onFailure: (reason: string) => void) => Helper;

/** The part of Node's `node:worker_threads` that starts a worker. */
interface NodeThreads {
  readonly Worker: new (source: string, options: { eval: true }) => Helper & {
    postMessage(message: unknown): void;
    unref(): void;
    on(event: "error", listener: (error: unknown) => void): void;
    on(event: "message", listener: (message: { failure: string }) => void): void;
  };
}

/** What both programs do; as text, so that a bundle of this module needs no second file. */
const help = `const help = ({ module, memory, index, patience }, tell) => {
  try {
    new WebAssembly.Instance(module, { env: { memory } }).exports.help(index, patience);
  } catch (error) {
    tell({ failure: String(error) });
  }
};`;

const webProgram = `${help}
globalThis.onmessage = ({ data }) => {
  help(data, (message) => globalThis.postMessage(message));
  globalThis.close();
};`;

const nodeProgram = `${help}
const { parentPort } = require("node:worker_threads");
parentPort.once("message", (data) => help(data, (message) => parentPort.postMessage(message)));`;

/** Where the program lies. A `blob:` has its page's origin and may share memory; a `data:` has none. */
let webAddress: string | undefined;

/** Starts a helper's worker, in whatever form the runtime has workers. */
export const startHelper: StartHelper = (post, onFailure) =>
  typeof Worker === "function" ? startWeb(post, onFailure) : startNode(post, onFailure);

/** A worker by the web's interface: of Deno, Bun and browsers. */
function startWeb(post: Post, onFailure: (reason: string) => void): Helper {
  webAddress ??= URL.createObjectURL(new Blob([webProgram], { type: "application/javascript" }));
  const worker = new Worker(webAddress, { type: "module" });
  worker.addEventListener("error", (event) => {
    event.preventDefault(); // else Deno ends the whole program
    onFailure(event.message || "the worker can't be started");
  });
  const undelivered = "the worker can't be sent the engine's module and memory";
  worker.addEventListener("messageerror", () => onFailure(undelivered));
  worker.addEventListener("message", ({ data }: MessageEvent<{ failure: string }>) => {
    onFailure(data.failure);
  });
  worker.postMessage(post);
  return worker;
}

/** A worker of Node's own. */
function startNode(post: Post, onFailure: (reason: string) => void): Helper {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => NodeThreads };
  };
  const threads = process?.getBuiltinModule?.("node:worker_threads");
  if (threads === undefined) throw new Error("the runtime has no workers");
  const worker = new threads.Worker(nodeProgram, { eval: true });
  worker.on("error", (error) => onFailure(String(error)));
  worker.on("message", ({ failure }) => onFailure(failure));
  worker.unref(); // it keeps no program from ending
  worker.postMessage(post);
  return worker;
}
