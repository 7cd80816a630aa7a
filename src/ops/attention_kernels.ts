import { attentionShader, attentionTextureShader } from "../../shaders/shaders.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { AttentionOperands } from "./attention.ts";
import { queriesPerTile } from "./attention_tiles.ts";
import { recordRowsToTexture } from "./rows_to_texture.ts";

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

/** Records attention over copies in textures. */
export function recordTextureAttention(recorder: Recorder, operands: AttentionOperands): void {
  const { spans, tiles, heads, keyHeads, headDim, window, output } = operands;
  const textures = [operands.queries, operands.keys, operands.values]
    .map((matrix) => recordRowsToTexture(recorder, matrix));
  recorder.dispatch({
    shader: attentionTextureShader,
    constants: {
      HEAD_DIM: headDim,
      WINDOW: window,
      SCALE: 1 / Math.sqrt(headDim),
      QUERIES: queriesPerTile,
    },
    bindings: [
      ...textures.map(({ view }) => view),
      spans.device,
      tiles.device,
      output.device,
    ],
    workgroups: [tiles.length / 4, heads / keyHeads, keyHeads],
  });
  for (const texture of textures) recorder.device.textures.release(texture);
}
