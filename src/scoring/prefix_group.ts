/** A tokenised conversation that waits to be computed. */
export interface Sequence {
  /** Place of the conversation in the input. */
  readonly index: number;
  readonly ids: Uint32Array;
  /** Whether tokens were cut away to fit the model's length. */
  readonly truncated: boolean;
  /** Position of the assistant header's start, where the head gates. */
  readonly gate: number | null;
  /** First position whose state is wanted, and all up to the last; by default the last alone. */
  readonly pooledFrom?: number;
}

/** Fewer shared tokens are not worth a group: every conversation shares its template's header. */
const shortestPrefix = 24;

/**
 * Neighbours in the input whose first tokens are the same, as those of responses to one prompt are.
 * The shared tokens are computed once.
 */
export class PrefixGroup {
  readonly #sequences: Sequence[];
  #tokens: number;
  #prefix = 0;

  constructor(first: Sequence) {
    this.#sequences = [first];
    this.#tokens = first.ids.length;
  }

  /** Its conversations, in input order. */
  get sequences(): readonly Sequence[] {
    return this.#sequences;
  }

  /** Tokens that all of them share; 0 for a group of one. */
  get prefix(): number {
    return this.#prefix;
  }

  /** Rows that it takes in a pack. */
  get rows(): number {
    return this.#tokens - (this.#sequences.length - 1) * this.#prefix;
  }

  /**
   * Takes a newcomer in where that saves rows, at the price of a shorter prefix for the others.
   *
   * @returns The newcomer's group: this one, or a new one, which the last sequence of this group
   *   leaves it for where the two share much more.
   */
  add(newcomer: Sequence): PrefixGroup {
    const last = this.#sequences.at(-1)!;
    const count = this.#sequences.length;
    const common = sharedPrefix(last.ids, newcomer.ids);
    const before = count === 1 ? common : this.#prefix;
    const together = Math.min(before, common);
    const savedByJoining = together - (count - 1) * (before - together);
    const savedByLeaving = count === 1 ? 0 : common - before;
    if (Math.max(savedByJoining, savedByLeaving) < shortestPrefix) return new PrefixGroup(newcomer);
    if (savedByLeaving > savedByJoining) {
      this.#removeLast();
      return new PrefixGroup(last).add(newcomer);
    }
    this.#sequences.push(newcomer);
    this.#tokens += newcomer.ids.length;
    this.#prefix = together;
    return this;
  }

  /** Takes the first `count` sequences away, into a group of their own. */
  split(count: number): PrefixGroup {
    const [first, ...others] = this.#sequences.splice(0, count);
    const taken = new PrefixGroup(first!);
    for (const sequence of others) taken.#sequences.push(sequence);
    taken.#tokens = tokensOf(taken.#sequences);
    taken.#prefix = others.length === 0 ? 0 : this.#prefix;
    this.#tokens -= taken.#tokens;
    if (this.#sequences.length === 1) this.#prefix = 0;
    return taken;
  }

  #removeLast(): void {
    this.#tokens -= this.#sequences.pop()!.ids.length;
    if (this.#sequences.length === 1) this.#prefix = 0;
  }
}

function tokensOf(sequences: readonly Sequence[]): number {
  return sequences.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** Length of the common prefix, short of both last tokens, which are a sequence's own. */
function sharedPrefix(a: Uint32Array, b: Uint32Array): number {
  const most = Math.min(a.length, b.length) - 1;
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
