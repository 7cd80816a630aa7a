import type { Kernels } from "./kernels.ts";

/** Milliseconds without work after which a helper leaves, so that it keeps no process alive. */
const patience = 500;

/** What a helper's worker is told. */
interface Post {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly index: number;
  readonly patience: number;
}

/** The program of a helper's worker, as text: a bundle of this module needs no second file. */
const helperSource = `
const help = ({ module, memory, index, patience }) => {
  new WebAssembly.Instance(module, { env: { memory } }).exports.help(index, patience);
};
if (globalThis.process?.versions?.node !== undefined && globalThis.Deno === undefined && globalThis.Bun === undefined) {
  require("node:worker_threads").parentPort.once("message", help);
} else {
  globalThis.onmessage = ({ data }) => { help(data); globalThis.close(); };
}
`;

/**
 * Workers that help with the kernels' work over shared memory. They are started when there is work for
 * them; the thread that has the work goes on meanwhile, and takes what no helper claims.
 */
export class ThreadTeam implements Disposable {
  readonly #workers = new Map<number, { terminate(): unknown; readonly started: number }>();

  /** @param most Helpers at the most, below 32. */
  constructor(
    readonly module: WebAssembly.Module,
    readonly memory: WebAssembly.Memory,
    readonly kernels: Pick<Kernels, "helpers" | "leave">,
    readonly most: number,
  ) {}

  /** Starts the helpers that are not there. */
  assemble(): void {
    const there = this.kernels.helpers();
    for (let index = 1; index <= this.most; index++) {
      if ((there & (1 << index)) !== 0) continue;
      const before = this.#workers.get(index);
      const now = performance.now();
      // One that was started lately is on its way.
      if (before !== undefined && now - before.started < patience) continue;
      before?.terminate();
      const { module, memory } = this;
      const worker = startWorker({ module, memory, index, patience });
      this.#workers.set(index, { terminate: () => worker.terminate(), started: now });
    }
  }

  [Symbol.dispose](): void {
    this.kernels.leave();
    for (const worker of this.#workers.values()) worker.terminate();
    this.#workers.clear();
  }
}

function startWorker(post: Post): { terminate(): unknown } {
  const url = `data:text/javascript,${encodeURIComponent(helperSource)}`;
  const worker = new Worker(url, { type: "module" });
  worker.postMessage(post);
  return worker;
}
