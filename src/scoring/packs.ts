import type { TokenPack } from "../models/token_pack.ts";

/** A tokenised conversation that waits to be scored. */
export interface Sequence {
  /** Place of the conversation in the input. */
  readonly index: number;
  readonly ids: Uint32Array;
  /** Position of the assistant header's start, where the head gates. */
  readonly gate: number | null;
  /** First position whose state is wanted, and all up to the last; by default the last alone. */
  readonly pooledFrom?: number;
}

/** A pack with what is needed to tell its results apart. */
export interface ScoringPack {
  readonly tokens: TokenPack;
  /** Place in the input of each conversation, in the order of the first pooled rows. */
  readonly members: readonly number[];
  /** For each conversation, which of the pooled rows after the members' holds its gate. */
  readonly gateRows: readonly number[];
  /** Number of distinct gate rows. */
  readonly gates: number;
}

/** How sequences may be packed. */
export interface PackingRules {
  /** Rows at which a pack is full; a longer sequence gets a pack of its own. */
  readonly tokensPerPack: number;
  /** Whether a sequence of this many tokens may share its prefix with others. */
  readonly mayShare: (length: number) => boolean;
}

/** Neighbours in the input whose first tokens are the same: responses to one prompt. */
interface Group {
  readonly sequences: readonly Sequence[];
  /** Tokens that all of them share; 0 for a group of one. */
  readonly prefix: number;
}

/** A shorter shared prefix is not worth a group: every conversation shares its template's header. */
const shortestPrefix = 24;
/** A neighbour that shares less than this part of the group's prefix begins a new group. */
const leastShare = 0.75;

/** Lays sequences out in packs, in input order, computing shared prompts once. */
export function packSequences(sequences: readonly Sequence[], rules: PackingRules): ScoringPack[] {
  const packs: ScoringPack[] = [];
  let builder = new PackBuilder();
  const flush = (): void => {
    if (builder.rows > 0) packs.push(builder.finish());
    builder = new PackBuilder();
  };
  for (const { sequences: members, prefix } of groupByPrefix(sequences, rules.mayShare)) {
    let prefixRow: number | undefined;
    for (const sequence of members) {
      const needed = sequence.ids.length - (prefixRow === undefined ? 0 : prefix);
      if (builder.rows > 0 && builder.rows + needed > rules.tokensPerPack) {
        flush();
        prefixRow = undefined;
      }
      prefixRow ??= builder.addPrefix(sequence, prefix);
      builder.addResponse(sequence, prefixRow, prefix);
    }
  }
  flush();
  return packs;
}

function groupByPrefix(
  sequences: readonly Sequence[],
  mayShare: (length: number) => boolean,
): Group[] {
  const groups: Group[] = [];
  for (let start = 0; start < sequences.length;) {
    const first = sequences[start]!;
    let end = start + 1;
    let prefix = mayShare(first.ids.length) ? first.ids.length - 1 : 0;
    while (end < sequences.length && mayShare(sequences[end]!.ids.length)) {
      const shared = sharedPrefix(first.ids, sequences[end]!.ids, prefix);
      const least = end === start + 1 ? shortestPrefix : leastShare * prefix;
      if (shared < Math.max(least, shortestPrefix)) break;
      prefix = shared;
      end++;
    }
    groups.push({
      sequences: sequences.slice(start, end),
      prefix: end === start + 1 ? 0 : prefix,
    });
    start = end;
  }
  return groups;
}

/** Length of the common prefix, at most `limit`, and short of both last tokens. */
function sharedPrefix(a: Uint32Array, b: Uint32Array, limit: number): number {
  const most = Math.min(limit, a.length - 1, b.length - 1);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

class PackBuilder {
  rows = 0;
  readonly #ids: Uint32Array[] = [];
  readonly #spans: number[] = [];
  readonly #lengths: number[] = [];
  readonly #members: number[] = [];
  readonly #lastRows: number[] = [];
  readonly #gateRows: number[] = [];
  readonly #distinctGates = new Map<number, number>();

  /** Lays a shared prefix; returns its first row. */
  addPrefix(sequence: Sequence, length: number): number {
    const row = this.rows;
    this.#addTokens(sequence, 0, length, row, 0);
    return row;
  }

  /** Lays what follows the prefix, the whole sequence where there is none. */
  addResponse(sequence: Sequence, prefixRow: number, prefix: number): void {
    const ownRow = this.rows;
    this.#addTokens(sequence, prefix, sequence.ids.length, prefixRow, prefix);
    const rowOf = (position: number): number =>
      position < prefix ? prefixRow + position : ownRow + position - prefix;
    this.#members.push(sequence.index);
    const last = sequence.ids.length - 1;
    for (let position = sequence.pooledFrom ?? last; position <= last; position++) {
      this.#lastRows.push(rowOf(position));
    }
    if (sequence.gate !== null) {
      const row = rowOf(sequence.gate);
      const gate = this.#distinctGates.get(row) ?? this.#distinctGates.size;
      this.#distinctGates.set(row, gate);
      this.#gateRows.push(gate);
    }
  }

  #addTokens(
    { ids }: Sequence,
    from: number,
    to: number,
    prefixRow: number,
    prefixLength: number,
  ): void {
    const ownRow = this.rows;
    this.#ids.push(ids.subarray(from, to));
    for (let position = from; position < to; position++) {
      this.#spans.push(position, prefixRow, prefixLength, ownRow);
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
    return {
      tokens: {
        ids,
        spans: Uint32Array.from(this.#spans),
        lengths: Uint32Array.from(this.#lengths),
        pooled: Uint32Array.from([...this.#lastRows, ...this.#distinctGates.keys()]),
      },
      members: this.#members,
      gateRows: this.#gateRows,
      gates: this.#distinctGates.size,
    };
  }
}
