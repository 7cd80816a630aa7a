import { type Matrix, rowAlignment } from "../ops/matrix.ts";

/** Keys and values of a prefix, kept from the pack that computed it for the packs that go on with it. */
export class KeptPrefix {
  /** Of each layer: [length, keyHeads · headDim], keys as the linear map gives them. */
  readonly layers: { readonly keys: Matrix; readonly values: Matrix }[] = [];

  /** @param length Tokens of the prefix. */
  constructor(readonly length: number) {}
}

/**
 * Sequences laid back to back with no padding. A row is one token; a prefix that several
 * conversations share stands in the pack once, or in an earlier pack.
 */
export interface TokenPack {
  /** Token of each row. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Type of each row's token, for models that have embeddings of types; absent where all are 0. */
  readonly types?: Uint32Array<ArrayBuffer> | undefined;
  /**
   * Four numbers for each row, the keys that it sees: its position in its conversation, the first
   * row of the shared prefix, the prefix's length, the first row of its own tokens. Position p lies
   * in row prefix + p within the prefix and in row own + p − length after it. Rows are counted from
   * {@link TokenPack.carried} on, which lies before the pack's own in {@link firstOwnRow} rows.
   */
  readonly spans: Uint32Array<ArrayBuffer>;
  /**
   * Tokens of the whole conversation that each row belongs to: where attention is not causal, a row
   * sees so many positions from 0 on.
   */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** Rows whose final hidden states are wanted. */
  readonly pooled: Uint32Array<ArrayBuffer>;
  /** A prefix that an earlier pack computed. */
  readonly carried?: KeptPrefix | undefined;
  /** A prefix that later packs need, and its first row here. */
  readonly kept?: { readonly prefix: KeptPrefix; readonly row: number } | undefined;
}

/** Among the rows that queries see, the first that is a pack's own: views start at aligned rows. */
export function firstOwnRow(carried: KeptPrefix | undefined): number {
  return Math.ceil((carried?.length ?? 0) / rowAlignment) * rowAlignment;
}
