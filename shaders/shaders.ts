/**
 * Every shader's text, gathered in one module: should a registry refuse text imports, this file
 * alone is generated instead.
 *
 * @module
 */
import attentionTextureSource from "./attention_texture.wgsl" with { type: "text" };
import attentionTiledSource from "./attention_tiled.wgsl" with { type: "text" };
import gatherRowsSource from "./gather_rows.wgsl" with { type: "text" };
import logSoftmaxTileSource from "./log_softmax_tile.wgsl" with { type: "text" };
import matmulTextureSource from "./matmul_texture.wgsl" with { type: "text" };
import matmulTiledSource from "./matmul_tiled.wgsl" with { type: "text" };
import packWeightsSource from "./pack_weights.wgsl" with { type: "text" };
import rmsNormSource from "./rms_norm.wgsl" with { type: "text" };
import ropeSource from "./rope.wgsl" with { type: "text" };
import rowsToTextureSource from "./rows_to_texture.wgsl" with { type: "text" };
import softmaxGateSource from "./softmax_gate.wgsl" with { type: "text" };
import swigluSource from "./swiglu.wgsl" with { type: "text" };
import gatedMatmulTextureSource from "./gated_matmul_texture.wgsl" with { type: "text" };
import rmsNormTextureSource from "./rms_norm_texture.wgsl" with { type: "text" };
import ropeTextureSource from "./rope_texture.wgsl" with { type: "text" };
import textureToRowsSource from "./texture_to_rows.wgsl" with { type: "text" };
import type { Shader } from "../src/gpu/pipeline_cache.ts";

/** See `attention_tiled.wgsl`. */
export const attentionTiledShader: Shader = {
  name: "attention_tiled",
  source: attentionTiledSource,
};
/** See `gather_rows.wgsl`. */
export const gatherRowsShader: Shader = { name: "gather_rows", source: gatherRowsSource };
/** See `log_softmax_tile.wgsl`. */
export const logSoftmaxTileShader: Shader = {
  name: "log_softmax_tile",
  source: logSoftmaxTileSource,
};
/** See `matmul_tiled.wgsl`. */
export const matmulTiledShader: Shader = { name: "matmul_tiled", source: matmulTiledSource };
/** See `rms_norm.wgsl`. */
export const rmsNormShader: Shader = { name: "rms_norm", source: rmsNormSource };
/** See `rope.wgsl`. */
export const ropeShader: Shader = { name: "rope", source: ropeSource };
/** See `softmax_gate.wgsl`. */
export const softmaxGateShader: Shader = { name: "softmax_gate", source: softmaxGateSource };
/** See `swiglu.wgsl`. */
export const swigluShader: Shader = { name: "swiglu", source: swigluSource };
/** See `attention_texture.wgsl`. */
export const attentionTextureShader: Shader = {
  name: "attention_texture",
  source: attentionTextureSource,
};
/** See `matmul_texture.wgsl`. */
export const matmulTextureShader: Shader = { name: "matmul_texture", source: matmulTextureSource };
/** See `pack_weights.wgsl`. */
export const packWeightsShader: Shader = { name: "pack_weights", source: packWeightsSource };
/** See `rows_to_texture.wgsl`. */
export const rowsToTextureShader: Shader = { name: "rows_to_texture", source: rowsToTextureSource };
/** See `gated_matmul_texture.wgsl`. */
export const gatedMatmulTextureShader: Shader = {
  name: "gated_matmul_texture",
  source: gatedMatmulTextureSource,
};
/** See `rms_norm_texture.wgsl`. */
export const rmsNormTextureShader: Shader = {
  name: "rms_norm_texture",
  source: rmsNormTextureSource,
};
/** See `rope_texture.wgsl`. */
export const ropeTextureShader: Shader = { name: "rope_texture", source: ropeTextureSource };
/** See `texture_to_rows.wgsl`. */
export const textureToRowsShader: Shader = { name: "texture_to_rows", source: textureToRowsSource };
