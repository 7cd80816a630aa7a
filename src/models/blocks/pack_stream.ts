import type { Backend } from "../../ops/backend.ts";
import { gatherRows } from "../../ops/gather_rows.ts";
import type { Indices, Matrix } from "../../ops/matrix.ts";
import { queryBlocks } from "../../ops/query_blocks.ts";
import type { RopeTable } from "../rope_frequencies.ts";
import { firstOwnRow, type KeptPrefix, type TokenPack } from "../token_pack.ts";

/** Queries of a pack: which rows ask, and what each of them sees. */
interface Queries {
  readonly spans: Indices;
  readonly blocks: Indices;
}

/** Angles of a rotary embedding, [rows, columns of its table]. */
interface Angles {
  /** Of all rows that are seen: those of a carried prefix, then the pack's own. */
  readonly seen: Matrix;
  /** Of the pack's own rows. */
  readonly own: Matrix;
  readonly pooled: Matrix;
}

/** A prefix on its way from one pack to the next, and the rows of it here. */
interface PrefixRows {
  readonly prefix: KeptPrefix;
  readonly rows: Indices;
}

/** What a {@link PackStream} is begun with. */
export interface StreamParts {
  readonly backend: Backend;
  /** Rotary embeddings that layers turn queries and keys by; none where positions are learnt. */
  readonly ropes: readonly RopeTable[];
  /** Rows that the feed-forward block takes at a time. */
  readonly feedForwardRows: number;
}

/** A pack on its way through the layers. */
export class PackStream {
  /** The residual stream, [rows, hidden], padded; once narrowed, the pooled rows alone. */
  hidden: Matrix;
  readonly backend: Backend;
  readonly carried: PrefixRows | undefined;
  readonly kept: PrefixRows | undefined;
  /** Where the pack's own rows begin among those that are seen. */
  readonly firstOwnRow: number;
  readonly #all: Queries;
  readonly #pooled: Queries;
  readonly #pooledRows: Indices;
  readonly #angles: readonly Angles[];
  readonly #feedForwardRows: number;
  readonly #spans: Uint32Array;
  #starts: Indices | undefined;
  #isNarrow = false;
  #isTaken = false;

  /**
   * Uploads what a pack needs.
   *
   * @param embedded Embeddings of the pack's own tokens, [rows, hidden], padded.
   */
  constructor(parts: StreamParts, pack: TokenPack, embedded: Float32Array<ArrayBuffer>) {
    const { backend, ropes, feedForwardRows } = parts;
    const { ids, spans, lengths, pooled, carried, kept } = pack;
    this.backend = backend;
    this.#spans = spans;
    this.#feedForwardRows = feedForwardRows;
    this.carried = carried && this.#prefixRows(carried, 0);
    this.kept = kept && this.#prefixRows(kept.prefix, kept.row);
    this.firstOwnRow = firstOwnRow(carried);
    this.#angles = ropes.map((rope) => this.#uploadAngles(rope, pack));
    const pooledSpans = new Uint32Array(4 * pooled.length);
    pooled.forEach((row, i) => pooledSpans.set(spans.subarray(4 * row, 4 * row + 4), 4 * i));
    this.hidden = backend.upload(ids.length, embedded.length / ids.length, embedded);
    this.#all = this.#uploadQueries(spans, lengths);
    this.#pooled = this.#uploadQueries(pooledSpans, pooled.map((row) => lengths[row]!));
    this.#pooledRows = backend.uploadIndices(pooled);
  }

  /** The rows that ask: all of the pack's own, or the pooled ones once narrowed. */
  get queries(): Queries {
    return this.#isNarrow ? this.#pooled : this.#all;
  }

  /** Angles of the rows that ask. */
  queryAngles(rope = 0): Matrix {
    const { own, pooled } = this.#angles[rope]!;
    return this.#isNarrow ? pooled : own;
  }

  /** Angles of the rows that are seen. */
  keyAngles(rope = 0): Matrix {
    return this.#angles[rope]!.seen;
  }

  /**
   * Where each conversation's rows begin, and where the last one's end, for layers with a state; only
   * where conversations share nothing.
   */
  get starts(): Indices {
    return this.#starts ??= this.backend.uploadIndices(startsOf(this.#spans));
  }

  /** Keeps only the pooled rows of the residual stream: in the last layer nothing else is wanted. */
  narrow(): void {
    this.hidden = this.pooledRows(this.hidden);
    this.#isNarrow = true;
  }

  /** The pooled rows of a matrix that has all of the pack's own; the matrix is given back. */
  pooledRows(input: Matrix): Matrix {
    const { backend } = this;
    const output = backend.matrix(this.#pooledRows.length, input.columns);
    backend.run(gatherRows, { input, rows: this.#pooledRows, output });
    backend.release(input);
    return output;
  }

  /** Views of the residual stream, of as many rows as the feed-forward block takes at a time. */
  *feedForwardBlocks(): Generator<Matrix> {
    for (let first = 0; first < this.hidden.rows; first += this.#feedForwardRows) {
      const count = Math.min(this.#feedForwardRows, this.hidden.rows - first);
      yield this.hidden.view(first, count);
    }
  }

  /** Gives the residual stream away; the caller releases it. */
  take(): Matrix {
    this.#isTaken = true;
    return this.hidden;
  }

  /** Gives the memory back. */
  release(): void {
    const { backend, carried, kept } = this;
    const queries = [this.#all, this.#pooled].flatMap(({ spans, blocks }) => [spans, blocks]);
    const angles = this.#angles.flatMap(({ seen, pooled }) => [seen, pooled]);
    if (!this.#isTaken) backend.release(this.hidden);
    backend.release(...queries, ...angles, this.#pooledRows);
    for (const prefix of [carried, kept]) if (prefix) backend.release(prefix.rows);
    if (this.#starts !== undefined) backend.release(this.#starts);
  }

  #prefixRows(prefix: KeptPrefix, first: number): PrefixRows {
    const rows = Uint32Array.from({ length: prefix.length }, (_, i) => first + i);
    return { prefix, rows: this.backend.uploadIndices(rows) };
  }

  #uploadQueries(spans: Uint32Array<ArrayBuffer>, lengths: Uint32Array): Queries {
    const { backend } = this;
    return {
      spans: backend.uploadIndices(spans),
      blocks: backend.uploadIndices(queryBlocks(spans, lengths, backend.queriesPerBlock)),
    };
  }

  #uploadAngles(rope: RopeTable, { ids, spans, lengths, pooled }: TokenPack): Angles {
    const { backend, firstOwnRow: first } = this;
    const { columns } = rope;
    // Rows before the first own one are the carried prefix's: positions from 0, in the conversation
    // that the pack begins with.
    const angles = rope.fill(
      first + ids.length,
      (row) => row < first ? row : spans[4 * (row - first)]!,
      (row) => lengths[Math.max(0, row - first)]!,
    );
    const pooledAngles = new Float32Array(columns * pooled.length);
    pooled.forEach((row, i) => {
      const at = columns * (first + row);
      pooledAngles.set(angles.subarray(at, at + columns), columns * i);
    });
    const seen = backend.upload(first + ids.length, columns, angles);
    return {
      seen,
      own: seen.view(first, ids.length),
      pooled: backend.upload(pooled.length, columns, pooledAngles),
    };
  }
}

/** The rows at position 0, and the end. */
function startsOf(spans: Uint32Array): Uint32Array<ArrayBuffer> {
  const rows = spans.length / 4;
  const starts = Array.from({ length: rows }, (_, row) => row).filter((row) =>
    spans[4 * row] === 0
  );
  return Uint32Array.of(...starts, rows);
}
