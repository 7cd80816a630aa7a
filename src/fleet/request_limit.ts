/** Requests that a server has waiting beside the one it computes: fewer leave it idle, more only wait. */
const fewestQueued = 1;
const mostQueued = 3;

/**
 * How many requests a server gets at once. It grows by one for every full round of answers while they come
 * as fast as the fastest did, and shrinks so where they wait: limit × (1 − best / latest) is the number that
 * queue (Brakmo and Peterson, TCP Vegas, 1995). A server that refuses halves it (Chiu and Jain, 1989:
 * additive increase, multiplicative decrease).
 */
export class RequestLimit {
  #limit: number;
  #best = Infinity;

  /**
   * @param most The most it grows to.
   * @param first Where it begins.
   */
  constructor(readonly most: number, first: number = 2) {
    this.#limit = Math.min(most, first);
  }

  /** Requests that may be under way at once; at least 1. */
  get value(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /**
   * Takes in an answer.
   *
   * @param time Milliseconds for each of its tokens.
   */
  answered(time: number): void {
    // A request by itself waits for nobody: so long it takes now, also where it was faster once.
    this.#best = this.value === 1 ? time : Math.min(this.#best, time);
    const queued = this.#limit * (1 - this.#best / time);
    if (queued < fewestQueued) this.#limit = Math.min(this.most, this.#limit + 1 / this.#limit);
    else if (queued > mostQueued) this.#limit = Math.max(1, this.#limit - 1 / this.#limit);
  }

  /** The server would not take as many. */
  refused(): void {
    this.#limit = Math.max(1, this.#limit / 2);
  }

  /** Begins anew with one, as for a server that was away. */
  reset(): void {
    this.#limit = 1;
    this.#best = Infinity;
  }
}
