import { firstOwnRow, type KeptPrefix, type TokenPack } from "../../models/token_pack.ts";
import { PrefixGroup, type Sequence } from "./prefix_group.ts";

/** The pooled rows of a pack that a read wants. */
export interface ReadOfPack {
  /** Rows among the pooled ones: equal rows, as the header's of responses to one prompt, stand once. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** For each member, which of `rows` hold its states, in the order of its positions. */
  readonly members: readonly (readonly number[])[];
}

/** A pack with what is needed to tell its results apart. */
export interface ScoringPack {
  readonly tokens: TokenPack;
  /** Its conversations. */
  readonly members: readonly Sequence[];
  /** What is wanted of the pooled rows, by read. */
  readonly reads: Readonly<Record<string, ReadOfPack>>;
  /** A prefix that no later pack needs. */
  readonly finished: KeptPrefix | undefined;
}

/** How sequences may be packed. */
export interface PackingRules {
  /** Rows at which a pack is full; a longer sequence gets a pack of its own. */
  readonly tokensPerPack: number;
  /**
   * Rows at which the first pack is full, each further one with twice as many, up to `tokensPerPack`: for
   * results that come soon. By default the first is as large as the others.
   */
  readonly firstPack?: number | undefined;
  /** Whether a sequence of this many tokens may share its prefix with others. */
  readonly mayShare: (length: number) => boolean;
  /** Longest prefix, in tokens, whose keys and values may be kept for the next pack. */
  readonly longestKept: number;
}

/**
 * Collects sequences in input order and lays them out in packs, computing shared prompts once. What
 * has waited longest comes first; the rest of a pack is filled with whatever fits, in input order.
 */
export class Packer {
  readonly #groups: PrefixGroup[] = [];
  #tokensPerPack: number;
  #taken = 0;

  constructor(readonly rules: PackingRules) {
    this.#tokensPerPack = Math.min(rules.firstPack ?? Infinity, rules.tokensPerPack);
  }

  /** Rows at which the next pack is full. */
  get tokensPerPack(): number {
    return this.#tokensPerPack;
  }

  /** The prefix that is kept for the next pack. */
  get kept(): KeptPrefix | undefined {
    return this.#groups[0]?.carried;
  }

  /** Rows of all that waits. */
  get rows(): number {
    return this.#groups.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Rows of all that was added. */
  get added(): number {
    return this.#taken + this.rows;
  }

  /** Adds a sequence, which follows in the input on those that were added before. */
  add(sequence: Sequence): void {
    const { mayShare } = this.rules;
    const last = this.#groups.at(-1);
    const shares = last !== undefined && mayShare(sequence.ids.length) &&
      mayShare(last.sequences[0]!.ids.length);
    const group = shares ? last.add(sequence) : new PrefixGroup(sequence);
    if (group !== last) this.#groups.push(group);
  }

  /**
   * The next pack; `undefined` where nothing waits.
   *
   * @param isEnd Whether no further sequence comes; else the last group, which may yet grow, is
   *   used only where it is all that there is.
   */
  next(isEnd: boolean): ScoringPack | undefined {
    const tokensPerPack = this.#tokensPerPack;
    const first = this.#groups[0];
    if (first === undefined) return undefined;
    const taken = this.#take(first);
    const builder = new PackBuilder(taken, this.#groups[0] === first ? undefined : taken.carried);
    const growing = isEnd ? undefined : this.#groups.at(-1);
    for (const group of [...this.#groups]) {
      // What a group keeps waits for its turn to be the first: one prefix is kept at a time.
      if (group === growing || builder.rows + group.rows > tokensPerPack) continue;
      if (group === first) continue;
      builder.addGroup(this.#take(group));
    }
    this.#tokensPerPack = Math.min(2 * tokensPerPack, this.rules.tokensPerPack);
    this.#taken += builder.rows;
    return builder.finish();
  }

  /** Takes a group away, or as much of it as fits into an empty pack. */
  #take(group: PrefixGroup): PrefixGroup {
    const tokensPerPack = this.#tokensPerPack;
    const { longestKept } = this.rules;
    const { sequences } = group;
    let count = 1;
    while (count < sequences.length && group.rowsOf(count + 1) <= tokensPerPack) count++;
    if (count < sequences.length) return group.split(count, longestKept);
    this.#groups.splice(this.#groups.indexOf(group), 1);
    return group;
  }
}

class PackBuilder {
  rows = 0;
  /** What queries see begins with the carried prefix. */
  readonly #firstOwnRow: number;
  #kept: TokenPack["kept"];
  readonly #ids: Uint32Array[] = [];
  /** Types of the tokens that have some, and the row of the first of each. */
  readonly #types: { readonly row: number; readonly types: Uint32Array }[] = [];
  readonly #spans: number[] = [];
  readonly #lengths: number[] = [];
  readonly #members: Sequence[] = [];
  readonly #reads = new Map<string, DistinctRows>();

  /**
   * Begins a pack.
   *
   * @param group What it begins with; it alone may have a prefix from an earlier pack.
   * @param finished A prefix that no later pack needs.
   */
  constructor(readonly group: PrefixGroup, readonly finished: KeptPrefix | undefined) {
    this.#firstOwnRow = firstOwnRow(group.carried);
    this.addGroup(group);
  }

  /** Lays a shared prefix, then what follows it in each sequence. */
  addGroup(group: PrefixGroup): void {
    const { sequences, prefix, carried, kept } = group;
    const row = this.rows;
    const seenRow = carried === undefined ? this.#firstOwnRow + row : 0;
    if (kept !== undefined) this.#kept = { prefix: kept, row };
    if (carried === undefined) this.#addTokens(sequences[0]!, 0, prefix, seenRow, 0);
    sequences.forEach((sequence, place) =>
      this.#addResponse(sequence, row, group.prefixOf(place), seenRow)
    );
  }

  /** Lays what follows the prefix in row `prefixRow`, the whole sequence where there is none. */
  #addResponse(sequence: Sequence, prefixRow: number, prefix: number, seenRow: number): void {
    const ownRow = this.rows;
    this.#addTokens(sequence, prefix, sequence.ids.length, seenRow, prefix);
    // A carried prefix has no row here, and ends before the first position that is wanted.
    const rowOf = (position: number): number =>
      position < prefix ? prefixRow + position : ownRow + position - prefix;
    this.#members.push(sequence);
    for (const [read, positions] of Object.entries(sequence.positions)) {
      const rows = this.#reads.get(read) ?? new DistinctRows();
      this.#reads.set(read, rows);
      rows.add(positions.map(rowOf));
    }
  }

  /** Lays tokens whose prefix is seen in row `seenRow`. */
  #addTokens(
    { ids, types }: Sequence,
    from: number,
    to: number,
    seenRow: number,
    prefix: number,
  ): void {
    const ownRow = this.#firstOwnRow + this.rows;
    this.#ids.push(ids.subarray(from, to));
    if (types) this.#types.push({ row: this.rows, types: types.subarray(from, to) });
    for (let position = from; position < to; position++) {
      this.#spans.push(position, seenRow, prefix, ownRow);
      this.#lengths.push(ids.length);
    }
    this.rows += to - from;
  }

  finish(): ScoringPack {
    const ids = new Uint32Array(this.rows);
    let at = 0;
    for (const part of this.#ids) {
      ids.set(part, at);
      at += part.length;
    }
    const pooled = new DistinctRows();
    const types = this.#types.length === 0 ? undefined : new Uint32Array(this.rows);
    for (const { row, types: own } of this.#types) types!.set(own, row);
    const reads = [...this.#reads].map(([read, { rows, members }]) => {
      const chosen = pooled.add([...rows]);
      return [read, { rows: Uint32Array.from(chosen), members }] as const;
    });
    return {
      tokens: {
        ids,
        types,
        spans: Uint32Array.from(this.#spans),
        lengths: Uint32Array.from(this.#lengths),
        pooled: Uint32Array.from(pooled.rows),
        carried: this.group.carried,
        kept: this.#kept,
      },
      members: this.#members,
      reads: Object.fromEntries(reads),
      finished: this.finished,
    };
  }
}

/** Rows of a pack in the order in which they are first wanted, each once. */
class DistinctRows {
  readonly #places = new Map<number, number>();
  /** For each call of {@link DistinctRows.add}, the places of its rows. */
  readonly members: (readonly number[])[] = [];

  get rows(): Iterable<number> {
    return this.#places.keys();
  }

  add(rows: readonly number[]): readonly number[] {
    const places = rows.map((row) => {
      const place = this.#places.get(row) ?? this.#places.size;
      this.#places.set(row, place);
      return place;
    });
    this.members.push(places);
    return places;
  }
}
