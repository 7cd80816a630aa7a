/** Tokens of each query's conversation, as the blocks tell. */
export function conversationLengths(queries: number, blocks: Uint32Array): Uint32Array {
  const lengths = new Uint32Array(queries);
  for (let at = 0; at < blocks.length; at += 4) {
    const [first, count, tokens] = blocks.subarray(at, at + 3) as unknown as [
      number,
      number,
      number,
    ];
    lengths.fill(tokens, first, first + count);
  }
  return lengths;
}

/**
 * Rows of the keys that a query sees, in order of position.
 *
 * @param tokens Tokens of its conversation; `undefined` where it sees none after its own position.
 */
export function keyRows(span: Uint32Array, tokens: number | undefined, window: number): number[] {
  const [position, prefix, length, own] = span as unknown as [number, number, number, number];
  const reach = window > 0 ? window : Infinity;
  const end = tokens === undefined ? position + 1 : Math.min(tokens, position + reach);
  const rows: number[] = [];
  for (let p = Math.max(0, position + 1 - reach); p < end; p++) {
    rows.push(p < length ? prefix + p : own + p - length);
  }
  return rows;
}
