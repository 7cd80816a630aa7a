import { recordTextureAttention, recordTiledAttention } from "./attention_kernels.ts";
import { type AttentionOperands, checkAttention } from "./attention_operands.ts";
import type { Operation } from "./operation.ts";
import { softCapped } from "./soft_cap.ts";
import { nanWhereOverflown } from "./overflow.ts";
import { conversationLengths, keyRows } from "./visible_keys.ts";

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

  onWasm(engine, operands): void {
    const { queries, keys, values, spans, blocks, heads, keyHeads, headDim, window } = operands;
    const { causal = true, scale = 1 / Math.sqrt(headDim), softcap = 0, output } = operands;
    engine.reserveScratch(engine.kernels.attention_scratch(headDim, heads / keyHeads));
    engine.kernels.attention(
      ...[queries.address, keys.address, values.address] as const,
      ...[spans.address, blocks.address, blocks.length / 4] as const,
      ...[heads, keyHeads, headDim, Number(causal), window, scale, softcap] as const,
      output.address,
    );
  },

  onGpu(recorder, operands): void {
    const { texture } = operands.output;
    if (texture !== undefined) recordTextureAttention(recorder, operands, texture);
    else recordTiledAttention(recorder, operands);
  },
};
