/**
 * Every shader's text, gathered in one module: should a registry refuse text imports, this file
 * alone is generated instead.
 *
 * @module
 */
import activateSource from "./activate.wgsl" with { type: "text" };
import activateTextureSource from "./activate_texture.wgsl" with { type: "text" };
import activationSource from "./activation.wgsl" with { type: "text" };
import applyGateSource from "./apply_gate.wgsl" with { type: "text" };
import attentionTextureSource from "./attention_texture.wgsl" with { type: "text" };
import attentionTiledSource from "./attention_tiled.wgsl" with { type: "text" };
import disentangledAttentionSource from "./disentangled_attention.wgsl" with { type: "text" };
import causalConvolutionSource from "./causal_convolution.wgsl" with { type: "text" };
import f16OperandsSource from "./f16_operands.wgsl" with { type: "text" };
import f32OperandsSource from "./f32_operands.wgsl" with { type: "text" };
import gatedDeltaRuleSource from "./gated_delta_rule.wgsl" with { type: "text" };
import gatedMatmulTextureSource from "./gated_matmul_texture.wgsl" with { type: "text" };
import gatedProductsSource from "./gated_products.wgsl" with { type: "text" };
import gatherRowsSource from "./gather_rows.wgsl" with { type: "text" };
import layerNormSource from "./layer_norm.wgsl" with { type: "text" };
import logSoftmaxSliceSource from "./log_softmax_slice.wgsl" with { type: "text" };
import matmulTextureSource from "./matmul_texture.wgsl" with { type: "text" };
import matmulShuffledSource from "./matmul_shuffled.wgsl" with { type: "text" };
import matmulSubgroupMatrixSource from "./matmul_subgroup_matrix.wgsl" with { type: "text" };
import matmulTiledSource from "./matmul_tiled.wgsl" with { type: "text" };
import meanRowsSource from "./mean_rows.wgsl" with { type: "text" };
import oneProductSource from "./one_product.wgsl" with { type: "text" };
import overflowSource from "./overflow.wgsl" with { type: "text" };
import packQuantizedWeightsSource from "./pack_quantized_weights.wgsl" with { type: "text" };
import registerLoopSource from "./register_loop.wgsl" with { type: "text" };
import rmsNormSource from "./rms_norm.wgsl" with { type: "text" };
import rmsNormTextureSource from "./rms_norm_texture.wgsl" with { type: "text" };
import ropeSource from "./rope.wgsl" with { type: "text" };
import ropeTextureSource from "./rope_texture.wgsl" with { type: "text" };
import rowsToTextureSource from "./rows_to_texture.wgsl" with { type: "text" };
import scatterRowsSource from "./scatter_rows.wgsl" with { type: "text" };
import softCapSource from "./soft_cap.wgsl" with { type: "text" };
import softmaxGateSource from "./softmax_gate.wgsl" with { type: "text" };
import storedWeightsSource from "./stored_weights.wgsl" with { type: "text" };
import swigluSource from "./swiglu.wgsl" with { type: "text" };
import textureToRowsSource from "./texture_to_rows.wgsl" with { type: "text" };
import threeProductsSource from "./three_products.wgsl" with { type: "text" };
import visibleKeysSource from "./visible_keys.wgsl" with { type: "text" };
import tileReadsSource from "./tile_reads.wgsl" with { type: "text" };
import weightRowsSource from "./weight_rows.wgsl" with { type: "text" };
import type { Precision } from "../src/gpu/precision.ts";
import { include, type Shader } from "../src/gpu/shader_source.ts";

/** What several shaders have in common; each names the file in a line `// @include`. */
const shared: Readonly<Record<string, string>> = {
  "activation.wgsl": activationSource,
  "overflow.wgsl": overflowSource,
  "soft_cap.wgsl": softCapSource,
  "stored_weights.wgsl": storedWeightsSource,
  "visible_keys.wgsl": visibleKeysSource,
  "tile_reads.wgsl": tileReadsSource,
  "weight_rows.wgsl": weightRowsSource,
};

function shader(name: string, text: string): Shader {
  return { name, source: include(text, shared) };
}

/** What `tiled` products are computed through: workgroup memory, or subgroups' shuffles. */
export type ProductCore = "tiled" | "shuffled";

/** What is computed together: a product, the two of a gated feed-forward block, or three of one input. */
export type ProductsTogether = "one" | "gated" | "three";

const cores: Readonly<Record<ProductCore, string>> = {
  tiled: matmulTiledSource,
  shuffled: matmulShuffledSource,
};

const together: Readonly<Record<ProductsTogether, string>> = {
  one: oneProductSource,
  gated: gatedProductsSource,
  three: threeProductsSource,
};

const operands: Readonly<Record<Precision, string>> = {
  f32: f32OperandsSource,
  f16: f16OperandsSource,
};

/**
 * See `matmul_tiled.wgsl` and `matmul_shuffled.wgsl`; what they leave open, `products` and `operands`, is
 * filled in here.
 */
function productShader(
  core: ProductCore,
  products: ProductsTogether,
  precision: Precision,
): Shader {
  const texts = {
    ...shared,
    products: include(together[products], shared),
    operands: operands[precision],
  };
  const name = `${products === "one" ? "" : `${products}_`}matmul_${core}` +
    (precision === "f32" ? "" : `_${precision}`);
  return { name, source: include(cores[core], texts) };
}

const keysOf = <Key extends string>(record: Readonly<Record<Key, string>>): Key[] =>
  Object.keys(record) as Key[];

/** The products' kernels of the kernel set `tiled`: by core, products and precision. */
export const productShaders: ReadonlyMap<string, Shader> = new Map(
  keysOf(cores).flatMap((core) =>
    keysOf(together).flatMap((products) =>
      keysOf(operands).map((precision) =>
        [`${core} ${products} ${precision}`, productShader(core, products, precision)] as const
      )
    )
  ),
);

/** See `matmul_subgroup_matrix.wgsl`. */
export const matmulSubgroupMatrixShader: Shader = {
  name: "matmul_subgroup_matrix",
  source: include(matmulSubgroupMatrixSource, {
    ...shared,
    products: include(oneProductSource, shared),
    operands: f16OperandsSource,
  }),
};

/** See `activate.wgsl`. */
export const activateShader: Shader = shader("activate", activateSource);
/** See `activate_texture.wgsl`. */
export const activateTextureShader: Shader = shader("activate_texture", activateTextureSource);
/** See `attention_texture.wgsl`. */
export const attentionTextureShader: Shader = shader("attention_texture", attentionTextureSource);
/** See `attention_tiled.wgsl`. */
export const attentionTiledShader: Shader = shader("attention_tiled", attentionTiledSource);
/** See `disentangled_attention.wgsl`. */
export const disentangledAttentionShader: Shader = shader(
  "disentangled_attention",
  disentangledAttentionSource,
);
/** See `gated_matmul_texture.wgsl`. */
export const gatedMatmulTextureShader: Shader = shader(
  "gated_matmul_texture",
  gatedMatmulTextureSource,
);
/** See `apply_gate.wgsl`. */
export const applyGateShader: Shader = shader("apply_gate", applyGateSource);
/** See `causal_convolution.wgsl`. */
export const causalConvolutionShader: Shader = shader(
  "causal_convolution",
  causalConvolutionSource,
);
/** See `gated_delta_rule.wgsl`. */
export const gatedDeltaRuleShader: Shader = shader("gated_delta_rule", gatedDeltaRuleSource);
/** See `gather_rows.wgsl`. */
export const gatherRowsShader: Shader = shader("gather_rows", gatherRowsSource);
/** See `layer_norm.wgsl`. */
export const layerNormShader: Shader = shader("layer_norm", layerNormSource);
/** See `log_softmax_slice.wgsl`. */
export const logSoftmaxSliceShader: Shader = shader("log_softmax_slice", logSoftmaxSliceSource);
/** See `matmul_texture.wgsl`. */
export const matmulTextureShader: Shader = shader("matmul_texture", matmulTextureSource);
/** See `mean_rows.wgsl`. */
export const meanRowsShader: Shader = shader("mean_rows", meanRowsSource);
/** See `pack_quantized_weights.wgsl`. */
export const packQuantizedWeightsShader: Shader = shader(
  "pack_quantized_weights",
  packQuantizedWeightsSource,
);
/** See `register_loop.wgsl`. */
export const registerLoopShader: Shader = shader("register_loop", registerLoopSource);
/** See `rms_norm.wgsl`. */
export const rmsNormShader: Shader = shader("rms_norm", rmsNormSource);
/** See `rms_norm_texture.wgsl`. */
export const rmsNormTextureShader: Shader = shader("rms_norm_texture", rmsNormTextureSource);
/** See `rope.wgsl`. */
export const ropeShader: Shader = shader("rope", ropeSource);
/** See `rope_texture.wgsl`. */
export const ropeTextureShader: Shader = shader("rope_texture", ropeTextureSource);
/** See `rows_to_texture.wgsl`. */
export const rowsToTextureShader: Shader = shader("rows_to_texture", rowsToTextureSource);
/** See `scatter_rows.wgsl`. */
export const scatterRowsShader: Shader = shader("scatter_rows", scatterRowsSource);
/** See `softmax_gate.wgsl`. */
export const softmaxGateShader: Shader = shader("softmax_gate", softmaxGateSource);
/** See `swiglu.wgsl`. */
export const swigluShader: Shader = shader("swiglu", swigluSource);
/** See `texture_to_rows.wgsl`. */
export const textureToRowsShader: Shader = shader("texture_to_rows", textureToRowsSource);
