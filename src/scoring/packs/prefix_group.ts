import { KeptPrefix } from "../../models/token_pack.ts";
import type { Positions } from "../read_positions.ts";

/** A tokenised conversation that waits to be computed. */
export interface Sequence {
  /** Place of the conversation in the input. */
  readonly index: number;
  readonly ids: Uint32Array;
  /** Type of each token; absent where all are 0. */
  readonly types?: Uint32Array | undefined;
  /** Whether tokens were cut away to fit the model's length. */
  readonly truncated: boolean;
  /** Positions whose states are wanted, by read. */
  readonly positions: Positions;
}

/** Fewer shared tokens are not worth a group: every conversation shares its template's header. */
const shortestPrefix = 24;
/** Most tokens of its own of a branch: what a template closes a message with, and a token cut in two. */
const longestBranch = 16;

/**
 * Neighbours in the input whose first tokens are the same, as those of responses to one prompt are.
 * The shared tokens are computed once.
 *
 * Where the others are the beginnings of the first one, as of a response that is cut shorter and
 * shorter, they branch off from it: each sees as much of the first one as it has in common with it,
 * and n beginnings of n tokens take rows in the order of n instead of n².
 */
export class PrefixGroup {
  readonly #sequences: Sequence[];
  #tokens: number;
  #prefix = 0;
  #carried: KeptPrefix | undefined;
  #kept: KeptPrefix | undefined;
  /** Where the others branch off from the first: tokens that each has in common with it. */
  #branches: number[] | undefined;
  /** The sum of those. */
  #branched = 0;

  constructor(first: Sequence) {
    this.#sequences = [first];
    this.#tokens = first.ids.length;
  }

  /** Its conversations, in input order. */
  get sequences(): readonly Sequence[] {
    return this.#sequences;
  }

  /** Tokens that all of them share and that stand before them; 0 for a group of one, or of branches. */
  get prefix(): number {
    return this.#prefix;
  }

  /** Tokens of the sequence at `place` that stand in rows before its own. */
  prefixOf(place: number): number {
    return this.#branches?.[place] ?? this.#prefix;
  }

  /** The prefix, where an earlier pack computed it. */
  get carried(): KeptPrefix | undefined {
    return this.#carried;
  }

  /** The prefix, where later packs need it of the one that computes it. */
  get kept(): KeptPrefix | undefined {
    return this.#kept;
  }

  /** Rows that it takes in a pack. */
  get rows(): number {
    return this.rowsOf(this.#sequences.length);
  }

  /** Rows that its first sequences take in a pack. */
  rowsOf(count: number): number {
    if (this.#branches !== undefined && count < this.#sequences.length) {
      const own = (sum: number, { ids }: Sequence, place: number): number =>
        sum + ids.length - this.prefixOf(place);
      return this.#sequences.slice(0, count).reduce(own, 0);
    }
    if (this.#branches !== undefined) return this.#tokens - this.#branched;
    const tokens = count === this.#sequences.length
      ? this.#tokens
      : tokensOf(this.#sequences.slice(0, count));
    return tokens - (this.#carried === undefined ? count - 1 : count) * this.#prefix;
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
    if (this.#carried !== undefined) return this.#follow(newcomer, common);
    if (this.#branchOff(newcomer)) return this;
    if (this.#branches !== undefined) return this.#share(newcomer, common);
    const before = count === 1 ? common : this.#prefix;
    const together = Math.min(before, common);
    const savedByJoining = together - (count - 1) * (before - together);
    const savedByLeaving = count === 1 ? 0 : common - before;
    if (Math.max(savedByJoining, savedByLeaving) < shortestPrefix) return new PrefixGroup(newcomer);
    if (savedByLeaving > savedByJoining) {
      this.#removeLast();
      return new PrefixGroup(last).add(newcomer);
    }
    this.#push(newcomer);
    this.#prefix = together;
    return this;
  }

  /** Takes a newcomer in where all but its last tokens are the beginning of the first one's. */
  #branchOff(newcomer: Sequence): boolean {
    const first = this.#sequences[0]!;
    if (this.#branches === undefined && this.#sequences.length > 1) return false;
    if (newcomer.ids.length >= first.ids.length) return false;
    const common = sharedPrefix(first.ids, newcomer.ids);
    if (common < shortestPrefix || newcomer.ids.length - common > longestBranch) return false;
    (this.#branches ??= [0]).push(common);
    this.#branched += common;
    this.#push(newcomer);
    return true;
  }

  /** Makes of branches a group that shares what all have in common, where that takes fewer rows. */
  #share(newcomer: Sequence, common: number): PrefixGroup {
    const prefix = Math.min(common, ...this.#branches!.slice(1));
    const saved = this.#sequences.length * prefix - this.#branched;
    if (saved < shortestPrefix) return new PrefixGroup(newcomer);
    this.#branches = undefined;
    this.#branched = 0;
    this.#prefix = prefix;
    this.#push(newcomer);
    return this;
  }

  /** Takes a newcomer in where it has the whole prefix, which is computed already. */
  #follow(newcomer: Sequence, common: number): PrefixGroup {
    const isPrefixed = Math.min(common, firstWanted(newcomer)) >= this.#prefix;
    if (!isPrefixed) return new PrefixGroup(newcomer);
    this.#push(newcomer);
    return this;
  }

  #push(sequence: Sequence): void {
    this.#sequences.push(sequence);
    this.#tokens += sequence.ids.length;
  }

  /**
   * Takes the first `count` sequences away, into a group of their own.
   *
   * @param longestKept Longest prefix that may be kept for the sequences that stay.
   */
  split(count: number, longestKept: number): PrefixGroup {
    const [first, ...others] = this.#sequences.splice(0, count);
    const taken = new PrefixGroup(first!);
    for (const sequence of others) taken.#push(sequence);
    this.#tokens -= taken.#tokens;
    if (this.#branches !== undefined) {
      taken.#branchAgain();
      this.#branchAgain();
      return taken;
    }
    taken.#carried = this.#carried;
    taken.#prefix = this.#prefix;
    if (this.#carried === undefined) this.#goOn(taken, longestKept);
    return taken;
  }

  /** Lets the sequences branch off from the one that is the first now. */
  #branchAgain(): void {
    const [first, ...others] = this.#sequences;
    this.#branches = [0, ...others.map(({ ids }) => sharedPrefix(first!.ids, ids))];
    this.#branched = this.#branches.reduce((sum, common) => sum + common, 0);
  }

  /** Decides whether the sequences that stay go on with what those that go compute. */
  #goOn(taken: PrefixGroup, longestKept: number): void {
    const length = Math.min(this.#prefix, ...this.#sequences.map(firstWanted));
    if (length >= shortestPrefix && length <= longestKept) {
      taken.#kept = this.#carried = new KeptPrefix(length);
      this.#prefix = length;
      return;
    }
    for (const group of [taken, this]) if (group.#sequences.length === 1) group.#prefix = 0;
  }

  #removeLast(): void {
    this.#tokens -= this.#sequences.pop()!.ids.length;
    if (this.#sequences.length === 1) this.#prefix = 0;
  }
}

/** The first position whose state is wanted: from there on every sequence is computed itself. */
function firstWanted({ positions }: Sequence): number {
  return Object.values(positions).reduce((first, [own]) => Math.min(first, own!), Infinity);
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
