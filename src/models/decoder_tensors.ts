import type { TensorInfo } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import type { DecoderConfig } from "./decoder_config.ts";

/** Shapes of the tensors that a part of a model needs, by name. */
export type ExpectedTensors = ReadonlyMap<string, readonly number[]>;

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

/** Tensors that some checkpoints carry and no score needs: the LM head, and buffers of old exports. */
const needless = /^lm_head\.|\.rotary_emb\.inv_freq$|\.masked_bias$/;

/**
 * Holds the tensors of a checkpoint against those that the model needs: none may be missing or of
 * another shape or type, and none left over, since a tensor that is not used means a model that is
 * not understood.
 *
 * @throws {AssayError} `checkpoint/missing-tensor`, `checkpoint/unexpected-tensor`,
 *   `checkpoint/wrong-shape`, `checkpoint/wrong-dtype`.
 */
export function checkTensors(
  found: ReadonlyMap<string, TensorInfo>,
  expected: ExpectedTensors,
  name: string,
): void {
  for (const [tensor, shape] of expected) {
    const info = found.get(tensor);
    if (info === undefined) {
      throw new AssayError(
        "checkpoint/missing-tensor",
        `Cannot load ${name}: expected a tensor "${tensor}" of shape [${shape}], found none; ` +
          "Assay never makes weights up, so the checkpoint must hold all of them",
      );
    }
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      throw new AssayError(
        "checkpoint/wrong-shape",
        `Cannot load ${name}: expected the tensor "${tensor}" to have the shape [${shape}] that ` +
          `config.json gives it, found [${info.shape}]`,
      );
    }
    if (info.dtype !== "BF16" && info.dtype !== "F16" && info.dtype !== "F32") {
      throw new AssayError(
        "checkpoint/wrong-dtype",
        `Cannot load ${name}: expected the tensor "${tensor}" in BF16, F16 or F32, found ` +
          `${info.dtype}; quantized checkpoints are not supported`,
      );
    }
  }
  const left = [...found.keys()].filter((key) => !expected.has(key) && !needless.test(key));
  if (left.length > 0) {
    throw new AssayError(
      "checkpoint/unexpected-tensor",
      `Cannot load ${name}: ${left.length} of its tensors belong to no part that Assay knows ` +
        `(${left.slice(0, 5).join(", ")}${
          left.length > 5 ? ", …" : ""
        }); ignoring them would give ` +
        "another model's scores",
    );
  }
}
