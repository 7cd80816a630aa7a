import { activatePart } from "./activate";
import { applyGatePart } from "./apply_gate";
import { attentionPart } from "./attention";
import { causalConvolutionPart } from "./causal_convolution";
import { disentangledAttentionPart } from "./disentangled_attention";
import { gatedDeltaRulePart } from "./gated_delta_rule";
import {
  ACTIVATE,
  APPLY_GATE,
  ATTENTION,
  CAUSAL_CONVOLUTION,
  DISENTANGLED_ATTENTION,
  GATED_DELTA_RULE,
  LAYER_NORM,
  LOG_SOFTMAX_SLICE,
  MEAN_ROWS,
  PACK,
  PACK_QUANTIZED,
  PRODUCT,
  RMS_NORM,
  ROPE,
  SCATTER_ROWS,
  SOFTMAX_GATE,
} from "./kinds";
import { layerNormPart } from "./layer_norm";
import { logSoftmaxSlicePart } from "./log_softmax_slice";
import { meanRowsPart } from "./mean_rows";
import { packPart } from "./pack_panels";
import { productPart } from "./product";
import { packQuantizedPart } from "./quantized_panels";
import { rmsNormPart } from "./rms_norm";
import { ropePart } from "./rope";
import { scatterRowsPart } from "./scatter_rows";
import { softmaxGatePart } from "./softmax_gate";

/** Computes one part of a kind of work. */
export function compute(kind: u32, part: u32): void {
  if (kind == PRODUCT) productPart(part);
  else if (kind == PACK) packPart(part);
  else if (kind == ATTENTION) attentionPart(part);
  else if (kind == RMS_NORM) rmsNormPart(part);
  else if (kind == LAYER_NORM) layerNormPart(part);
  else if (kind == ROPE) ropePart(part);
  else if (kind == ACTIVATE) activatePart(part);
  else if (kind == APPLY_GATE) applyGatePart(part);
  else if (kind == CAUSAL_CONVOLUTION) causalConvolutionPart(part);
  else if (kind == GATED_DELTA_RULE) gatedDeltaRulePart(part);
  else if (kind == DISENTANGLED_ATTENTION) disentangledAttentionPart(part);
  else if (kind == SCATTER_ROWS) scatterRowsPart(part);
  else if (kind == MEAN_ROWS) meanRowsPart(part);
  else if (kind == LOG_SOFTMAX_SLICE) logSoftmaxSlicePart(part);
  else if (kind == SOFTMAX_GATE) softmaxGatePart(part);
  else if (kind == PACK_QUANTIZED) packQuantizedPart(part);
}
