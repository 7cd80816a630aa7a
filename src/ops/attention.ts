import { recordTextureAttention, recordTiledAttention } from "./attention_kernels.ts";
import { type AttentionOperands, checkAttention } from "./attention_operands.ts";
import type { Operation } from "./operation.ts";
import { softCapped } from "./soft_cap.ts";
import { nanWhereOverflown } from "./overflow.ts";

/**
 * Grouped-query attention over a ragged pack: softmax(capped(q · kᵀ · scale)) · v, with capped(x) =
 * softcap · tanh(x / softcap) where there is a cap (Gemma Team 2024, arXiv 2408.00118, section 2).
 * Causal unless told otherwise.
 */
export const attention: Operation<AttentionOperands> = {
  name: "attention",
  check: checkAttention,

  onCpu(operands): void {
    const { queries, keys, values, spans, heads, keyHeads, headDim, window, output } = operands;
    const { blocks, causal = true, scale, softcap = 0 } = operands;
    const divisor = scale === undefined ? Math.sqrt(headDim) : 1 / scale;
    const q = queries.host;
    const k = keys.host;
    const v = values.host;
    const y = output.host;
    const lengths = conversationLengths(queries.rows, blocks.host);
    for (let query = 0; query < queries.rows; query++) {
      const span = spans.host.subarray(4 * query, 4 * query + 4);
      const rows = keyRows(span, causal ? undefined : lengths[query]!, window);
      for (let head = 0; head < heads; head++) {
        const start = (query * heads + head) * headDim;
        const keyHead = Math.floor(head / (heads / keyHeads));
        const at = rows.map((row) => (row * keyHeads + keyHead) * headDim);
        const scores = at.map((key) => {
          let score = 0;
          for (let d = 0; d < headDim; d++) score += q[start + d]! * k[key + d]!;
          return softCapped(nanWhereOverflown(score) / divisor, softcap);
        });
        const highest = scores.reduce((a, b) => Math.max(a, b));
        const shares = scores.map((score) => Math.exp(score - highest));
        const total = shares.reduce((a, b) => a + b);
        for (let d = 0; d < headDim; d++) {
          let sum = 0;
          for (let p = 0; p < at.length; p++) sum += shares[p]! * v[at[p]! + d]!;
          y[start + d] = sum / total;
        }
      }
    }
  },

  onGpu(recorder, operands): void {
    const { texture } = operands.output;
    if (texture !== undefined) recordTextureAttention(recorder, operands, texture);
    else recordTiledAttention(recorder, operands);
  },
};

/** Tokens of each query's conversation, as the blocks tell. */
function conversationLengths(queries: number, blocks: Uint32Array): Uint32Array {
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
function keyRows(span: Uint32Array, tokens: number | undefined, window: number): number[] {
  const [position, prefix, length, own] = span as unknown as [number, number, number, number];
  const reach = window > 0 ? window : Infinity;
  const end = tokens === undefined ? position + 1 : Math.min(tokens, position + reach);
  const rows: number[] = [];
  for (let p = Math.max(0, position + 1 - reach); p < end; p++) {
    rows.push(p < length ? prefix + p : own + p - length);
  }
  return rows;
}
