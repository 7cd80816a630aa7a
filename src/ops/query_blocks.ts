import type { KernelSet } from "../gpu/kernel_set.ts";

/** Queries that the attention kernel of each kernel set, and of the WebAssembly engine, takes at a time. */
export const queriesPerBlock: Readonly<Record<KernelSet | "wasm", number>> = {
  tiled: 64,
  texture: 16,
  wasm: 32,
};

/**
 * Divides queries into blocks of neighbours in one conversation.
 *
 * @param spans Four numbers for each query: position, prefix row, prefix length, own row.
 * @param lengths Tokens of the whole conversation that each query belongs to.
 * @param most Queries in a block at the most.
 * @returns Four numbers for each block: first query, number of queries, tokens of their conversation, 0.
 */
export function queryBlocks(
  spans: Uint32Array,
  lengths: Uint32Array,
  most: number,
): Uint32Array<ArrayBuffer> {
  const blocks: number[] = [];
  const count = spans.length / 4;
  const follows = (query: number): boolean => {
    const [before, at] = [4 * (query - 1), 4 * query];
    return spans[at] === spans[before]! + 1 && spans[at + 1] === spans[before + 1] &&
      spans[at + 2] === spans[before + 2] && spans[at + 3] === spans[before + 3] &&
      lengths[query] === lengths[query - 1];
  };
  for (let first = 0; first < count;) {
    let end = first + 1;
    while (end < count && end - first < most && follows(end)) end++;
    blocks.push(first, end - first, lengths[first]!, 0);
    first = end;
  }
  return Uint32Array.from(blocks);
}
