import type { Matrix } from "../ops/matrix.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { layerPrefix } from "./decoder_tensors.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";

/** The weights of one decoder layer on the backend. */
export interface LayerWeights {
  readonly inputNorm: Matrix;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  /** By-head norms of queries and keys (Qwen3). */
  readonly queryNorm: Matrix | undefined;
  readonly keyNorm: Matrix | undefined;
  readonly feedForwardNorm: Matrix;
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;
}

/** Loads one layer. */
export async function loadLayer(
  loader: WeightLoader,
  { biases, queryKeyNorms }: DecoderConfig,
  index: number,
): Promise<LayerWeights> {
  const prefix = layerPrefix(index);
  const linear = (name: string, bias: boolean): Promise<Linear> =>
    loader.linear(prefix + name, bias);
  const norm = (name: string): Promise<Matrix> => loader.vector(`${prefix}${name}.weight`);
  return {
    inputNorm: await norm("input_layernorm"),
    query: await linear("self_attn.q_proj", biases.queryKeyValue),
    key: await linear("self_attn.k_proj", biases.queryKeyValue),
    value: await linear("self_attn.v_proj", biases.queryKeyValue),
    output: await linear("self_attn.o_proj", biases.attentionOutput),
    queryNorm: queryKeyNorms ? await norm("self_attn.q_norm") : undefined,
    keyNorm: queryKeyNorms ? await norm("self_attn.k_norm") : undefined,
    feedForwardNorm: await norm("post_attention_layernorm"),
    gate: await linear("mlp.gate_proj", biases.feedForward),
    up: await linear("mlp.up_proj", biases.feedForward),
    down: await linear("mlp.down_proj", biases.feedForward),
  };
}
