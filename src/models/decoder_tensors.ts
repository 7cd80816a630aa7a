import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import type { DecoderConfig } from "./decoder_config.ts";

/** Name of the embedding matrix, [vocabulary, hidden]. */
export const embeddingName = "model.embed_tokens.weight";
/** Name of the final norm's weight, [hidden]. */
export const finalNormName = "model.norm.weight";

/** What every name of a layer's tensors starts with. */
export function layerPrefix(layer: number): string {
  return `model.layers.${layer}.`;
}

/** Shapes of one layer's tensors, by name within the layer: linear maps are [outputs, inputs]. */
export function layerTensors(config: DecoderConfig): ExpectedTensors {
  const { hiddenSize, intermediateSize, headDim, biases } = config;
  const queries = config.heads * headDim;
  const keys = config.keyHeads * headDim;
  const tensors = new Map<string, readonly number[]>();
  const linear = (name: string, outputs: number, inputs: number, bias: boolean): void => {
    tensors.set(`${name}.weight`, [outputs, inputs]);
    if (bias) tensors.set(`${name}.bias`, [outputs]);
  };
  tensors.set("input_layernorm.weight", [hiddenSize]);
  linear("self_attn.q_proj", queries, hiddenSize, biases.queryKeyValue);
  linear("self_attn.k_proj", keys, hiddenSize, biases.queryKeyValue);
  linear("self_attn.v_proj", keys, hiddenSize, biases.queryKeyValue);
  linear("self_attn.o_proj", hiddenSize, queries, biases.attentionOutput);
  if (config.queryKeyNorms) {
    tensors.set("self_attn.q_norm.weight", [headDim]);
    tensors.set("self_attn.k_norm.weight", [headDim]);
  }
  tensors.set("post_attention_layernorm.weight", [hiddenSize]);
  linear("mlp.gate_proj", intermediateSize, hiddenSize, biases.feedForward);
  linear("mlp.up_proj", intermediateSize, hiddenSize, biases.feedForward);
  linear("mlp.down_proj", hiddenSize, intermediateSize, biases.feedForward);
  return tensors;
}

/** Shapes of all tensors of the backbone. */
export function decoderTensors(config: DecoderConfig): ExpectedTensors {
  const tensors = new Map<string, readonly number[]>([
    [embeddingName, [config.vocabularySize, config.hiddenSize]],
    [finalNormName, [config.hiddenSize]],
  ]);
  const layer = layerTensors(config);
  for (let index = 0; index < config.layers; index++) {
    for (const [name, shape] of layer) tensors.set(layerPrefix(index) + name, shape);
  }
  return tensors;
}
