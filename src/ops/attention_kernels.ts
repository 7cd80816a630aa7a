import { attentionTextureShader, attentionTiledShader } from "../../shaders/shaders.ts";
import { textureLanes } from "../gpu/kernel_set.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { PooledTexture } from "../gpu/texture_pool.ts";
import type { AttentionOperands } from "./attention_operands.ts";
import {
  type AttentionTile,
  attentionTileName,
  attentionTilesFor,
  partsOfBlock,
  tileConstants,
} from "./attention_tiles.ts";
import { queriesPerBlock } from "./query_blocks.ts";
import { inTexture } from "./texture_copies.ts";

function constantsOf({ headDim, causal, window, scale, softcap }: AttentionOperands) {
  return {
    HEAD_DIM: headDim,
    CAUSAL: causal ?? true,
    WINDOW: window,
    SCALE: scale ?? 1 / Math.sqrt(headDim),
    SOFTCAP: softcap ?? 0,
  };
}

function chosenTile({ choose, device }: Recorder, headDim: number): AttentionTile {
  const tiles = attentionTilesFor(headDim, device.limits.maxComputeWorkgroupStorageSize);
  const name = choose("attention");
  return tiles.find((tile) => attentionTileName(tile) === name) ?? tiles[0]!;
}

/** Records attention over matrices in buffers. */
export function recordTiledAttention(recorder: Recorder, operands: AttentionOperands): void {
  const { queries, keys, values, spans, blocks, heads, keyHeads, headDim, output } = operands;
  const tile = chosenTile(recorder, headDim);
  recorder.dispatch({
    shader: attentionTiledShader,
    constants: { ...constantsOf(operands), ...tileConstants(headDim, tile) },
    bindings: [
      queries.device,
      keys.device,
      values.device,
      spans.device,
      blocks.device,
      output.device,
    ],
    workgroups: [blocks.length / 4, heads / keyHeads * partsOfBlock(tile), keyHeads],
  });
}

/**
 * Keys that `attention_texture.wgsl` takes at a time: the more, the less of a turn is overhead, until
 * the loop outgrows a processor's instruction cache. It follows from the head alone, so that a sum's
 * order does.
 */
function keysTogether(headDim: number): number {
  if (headDim <= 32) return 8;
  return headDim <= 128 ? 4 : 2;
}

/** Records attention over textures, into one. */
export function recordTextureAttention(
  recorder: Recorder,
  operands: AttentionOperands,
  output: PooledTexture,
): void {
  const { queries, keys, values, spans, blocks, heads, keyHeads } = operands;
  inTexture(
    recorder,
    queries,
    (q) =>
      inTexture(recorder, keys, (k) =>
        inTexture(recorder, values, (v) =>
          recorder.dispatch({
            shader: attentionTextureShader,
            constants: {
              ...constantsOf(operands),
              QUERIES: queriesPerBlock.texture,
              KEYS: keysTogether(operands.headDim),
              SUBGROUP: textureLanes(recorder.device),
            },
            bindings: [q.view, k.view, v.view, spans.device, blocks.device, output.view],
            workgroups: [blocks.length / 4, heads / keyHeads, keyHeads],
          }))),
  );
}
