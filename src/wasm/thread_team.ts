import { type Helper, type StartHelper, startHelper } from "./helper_worker.ts";
import type { Kernels } from "./kernels.ts";

/** Milliseconds without work after which a helper leaves, so that it keeps no process alive. */
const patience = 500;
/** Milliseconds after which a helper that has not begun is given up; a busy machine starts it slowly. */
const startingTime = 10_000;

/** A helper that was started. */
interface Started {
  readonly helper: Helper;
  /** When. */
  readonly at: number;
  /** Whether it was seen at work. */
  hasBegun: boolean;
}

/**
 * Workers that help with the kernels' work over shared memory. They are started when there is work for
 * them; the thread that has the work goes on meanwhile, and takes what no helper claims. Where a helper
 * can't begin, none is tried again, and the thread goes on alone.
 */
export class ThreadTeam implements Disposable {
  readonly #helpers = new Map<number, Started>();
  #failure: string | undefined;
  /** Told once where helpers can't begin. */
  onFailure: (reason: string) => void = () => {};

  /** @param most Helpers at the most, below 32. */
  constructor(
    readonly module: WebAssembly.Module,
    readonly memory: WebAssembly.Memory,
    readonly kernels: Pick<Kernels, "helpers" | "leave">,
    readonly most: number,
    private readonly start: StartHelper = startHelper,
  ) {}

  /** Why there are no helpers; `undefined` where nothing keeps them away. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Whether all helpers are there, or none can be. */
  get isComplete(): boolean {
    const there = this.kernels.helpers();
    for (let index = 1; index <= this.most; index++) {
      if ((there & (1 << index)) === 0 && this.#failure === undefined) return false;
    }
    return true;
  }

  /** Starts the helpers that are not there. */
  assemble(): void {
    const there = this.kernels.helpers();
    for (let index = 1; index <= this.most && this.#failure === undefined; index++) {
      const before = this.#helpers.get(index);
      const now = performance.now();
      if ((there & (1 << index)) !== 0) {
        if (before !== undefined) before.hasBegun = true;
        continue;
      }
      // One that was started lately is on its way. None is ended, which may have begun this moment and
      // hold a part; where two begin, the second leaves at once.
      const time = before?.hasBegun ? patience : startingTime;
      if (before !== undefined && now - before.at < time) continue;
      const { module, memory } = this;
      const post = { module, memory, index, patience };
      try {
        const helper = this.start(post, (reason) => this.#failed(reason));
        this.#helpers.set(index, { helper, at: now, hasBegun: false });
      } catch (error) {
        this.#failed(String(error));
      }
    }
  }

  /** Starts helpers, and waits until all are there or it is known that they can't be. */
  async assembled(): Promise<void> {
    const all = 2 ** (this.most + 1) - 2; // a bit for each, from 1 on
    for (this.assemble(); this.#failure === undefined; this.assemble()) {
      if (this.kernels.helpers() === all) return;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  #failed(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason.trim().split("\n")[0]!;
    this.onFailure(this.#failure);
  }

  [Symbol.dispose](): void {
    this.kernels.leave();
    for (const { helper } of this.#helpers.values()) helper.terminate();
    this.#helpers.clear();
  }
}
