import { attentionShader, attentionTextureShader } from "../../shaders/shaders.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { PooledTexture } from "../gpu/texture_pool.ts";
import type { AttentionOperands } from "./attention.ts";
import { queriesPerTile } from "./attention_tiles.ts";
import { inTexture } from "./texture_copies.ts";

/** Invocations in a workgroup of the buffer kernel, one query each. */
const lanes = 64;

/** Records attention over matrices in buffers. */
export function recordBufferAttention(recorder: Recorder, operands: AttentionOperands): void {
  const { queries, keys, values, spans, heads, keyHeads, headDim, window, output } = operands;
  recorder.dispatch({
    shader: attentionShader,
    constants: { HEAD_DIM: headDim, WINDOW: window, SCALE: 1 / Math.sqrt(headDim) },
    bindings: [queries.device, keys.device, values.device, spans.device, output.device],
    workgroups: [Math.ceil(queries.rows / lanes), heads / keyHeads, keyHeads],
  });
}

/** Records attention over textures, into one. */
export function recordTextureAttention(
  recorder: Recorder,
  operands: AttentionOperands,
  output: PooledTexture,
): void {
  const { queries, keys, values, spans, tiles, heads, keyHeads, headDim, window } = operands;
  inTexture(
    recorder,
    queries,
    (q) =>
      inTexture(recorder, keys, (k) =>
        inTexture(recorder, values, (v) =>
          recorder.dispatch({
            shader: attentionTextureShader,
            constants: {
              HEAD_DIM: headDim,
              WINDOW: window,
              SCALE: 1 / Math.sqrt(headDim),
              QUERIES: queriesPerTile,
            },
            bindings: [q.view, k.view, v.view, spans.device, tiles.device, output.view],
            workgroups: [tiles.length / 4, heads / keyHeads, keyHeads],
          }))),
  );
}
