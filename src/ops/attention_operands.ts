import type { Indices, Matrix } from "./matrix.ts";
import {
  expectApart,
  expectLength,
  expectRelation,
  expectShape,
  expectSoftcap,
  expectWhole,
} from "./operand_checks.ts";
import { queriesPerBlock } from "./query_blocks.ts";

/** Operands of the operation `attention`. */
export interface AttentionOperands {
  /** [queries, heads · headDim] */
  readonly queries: Matrix;
  /** [rows, keyHeads · headDim] */
  readonly keys: Matrix;
  /** [rows, keyHeads · headDim] */
  readonly values: Matrix;
  /**
   * Four numbers for each query: its position, the first row of the shared prefix, the prefix's
   * length, the first row of its own tokens. Key position p lies in row prefix + p within the
   * prefix and in row own + p − length after it.
   */
  readonly spans: Indices;
  /**
   * The queries in blocks of the backend's `queriesPerBlock`, as `queryBlocks` divides them, with the
   * tokens of each block's conversation.
   */
  readonly blocks: Indices;
  /** A multiple of `keyHeads`, whose neighbours share a key head. */
  readonly heads: number;
  readonly keyHeads: number;
  /** A multiple of 4. */
  readonly headDim: number;
  /**
   * Whether a query sees no key after its own position, the default; else it sees every token of its
   * own conversation.
   */
  readonly causal?: boolean | undefined;
  /**
   * A query sees only keys less than `window` positions away: of a causal one the last `window`
   * positions, its own included, else as many to either side; 0 for all.
   */
  readonly window: number;
  /** What a query's products with keys are multiplied by; 1/√headDim by default. */
  readonly scale?: number | undefined;
  /** c of c · tanh(score / c), which scores go through before the softmax; 0, the default, for none. */
  readonly softcap?: number | undefined;
  /** [queries, heads · headDim]; another matrix than the others. */
  readonly output: Matrix;
}

const name = "attention";

/** The most queries that any kernel takes at a time, so that no list has fewer blocks. */
const mostInBlock = Math.max(...Object.values(queriesPerBlock));

/** @throws {AssayError} `ops/shape` where the operands of attention don't belong together. */
export function checkAttention(operands: AttentionOperands): void {
  const { queries, keys, values, spans, blocks, heads, keyHeads, headDim, window, output } =
    operands;
  const { scale = 1, softcap = 0 } = operands;
  expectWhole(name, "keyHeads", keyHeads);
  expectWhole(name, "headDim", headDim, { least: 4, step: 4 });
  expectWhole(name, "window", window, { least: 0 });
  expectRelation(name, scale > 0 && scale < Infinity, "scale above 0", `${scale}`);
  expectSoftcap(name, softcap);
  expectWhole(name, `heads (keyHeads is ${keyHeads})`, heads, { least: keyHeads, step: keyHeads });
  const asking = { rows: queries.rows, columns: heads * headDim };
  const seen = { rows: keys.rows, columns: keyHeads * headDim };
  expectShape(name, "queries", queries, asking, `${heads} heads of ${headDim}`);
  expectShape(name, "keys", keys, seen, `${keyHeads} key heads of ${headDim}`);
  expectShape(name, "values", values, seen, "the rows of keys, and their heads");
  expectShape(name, "output", output, asking, "as queries");
  expectLength(name, "spans", spans, 4 * queries.rows, "four for each of the queries");
  expectBlocks(name, blocks, queries.rows);
  expectApart(name, output, { queries, keys, values });
}

/**
 * Guards the number of query blocks.
 *
 * @throws {AssayError} `ops/shape` where so many queries are never divided into so many.
 */
export function expectBlocks(operation: string, { length }: Indices, queries: number): void {
  const fewest = Math.ceil(queries / mostInBlock);
  expectRelation(
    operation,
    length % 4 === 0 && length >= 4 * fewest && length <= 4 * queries,
    `blocks to have four numbers for each of ${fewest} to ${queries} blocks of ${queries} queries`,
    `${length} numbers`,
  );
}
