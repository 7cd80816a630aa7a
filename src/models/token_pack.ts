/**
 * Sequences laid back to back with no padding. A row is one token; a prefix that several
 * conversations share stands in the pack once.
 */
export interface TokenPack {
  /** Token of each row. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /**
   * Four numbers for each row, the keys that it sees: its position in its conversation, the first
   * row of the shared prefix, the prefix's length, the first row of its own tokens. Position p lies
   * in row prefix + p within the prefix and in row own + p − length after it.
   */
  readonly spans: Uint32Array<ArrayBuffer>;
  /** Tokens of the whole conversation that each row belongs to. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** Rows whose final hidden states are wanted. */
  readonly pooled: Uint32Array<ArrayBuffer>;
}
