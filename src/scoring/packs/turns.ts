/**
 * A mutex: lets one piece of work at a time have something, as a device whose memory others must not
 * take back.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` once everything that asked before is done. */
  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
    }
  }
}
