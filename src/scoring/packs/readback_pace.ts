/** Milliseconds that a batch takes at the least, where more packs can make it longer: five readbacks of Deno's. */
const shortest = 50;
/** Milliseconds from which on a batch of several packs keeps results waiting. */
const longest = 200;
/** Conversations of so many packs wait to be computed at the most. */
const mostPacks = 16;

/**
 * How many packs are computed for one readback, learnt from how long the last ones took. A readback costs
 * Deno 10 ms or more, whatever is read: as much as a GPU takes for a pack of a small model. No result
 * depends on it.
 */
export class ReadbackPace {
  #packs: number;

  /**
   * @param first Packs of the first batch, so that the first results come soon.
   * @param isFixed Whether every batch is as large as the first.
   */
  constructor(first: number, readonly isFixed: boolean) {
    this.#packs = first;
  }

  /** Packs of the next batch at the most. */
  get packs(): number {
    return this.#packs;
  }

  /** Tells what a batch took: to be made and computed, with the readback of the one before. */
  add(packs: number, milliseconds: number): void {
    if (this.isFixed || packs < this.#packs) return; // conversations ran short: nothing is known
    if (milliseconds < shortest) this.#packs = Math.min(mostPacks, 2 * packs);
    else if (milliseconds > longest) this.#packs = Math.max(1, Math.floor(packs / 2));
  }
}
