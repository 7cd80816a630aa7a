import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import type { Matrix, Weight, WeightType } from "../ops/matrix.ts";
import type { Backend } from "../ops/operation.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { layerPrefix } from "./decoder_tensors.ts";

/** A linear map: input · weightᵀ + bias. */
export interface Linear {
  readonly weight: Weight;
  readonly bias: Matrix | undefined;
}

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

/** Puts tensors of a checkpoint on a backend and remembers what to free. */
export class WeightLoader implements Disposable {
  readonly #weights: Weight[] = [];
  readonly #vectors: Matrix[] = [];

  constructor(readonly checkpoint: Checkpoint, readonly backend: Backend) {}

  /** A norm weight or bias as one f32 row; widening bf16 and f16 is exact. */
  async vector(name: string): Promise<Matrix> {
    const numbers = toFloat32(await this.checkpoint.read(name));
    const vector = this.backend.upload(1, numbers.length, numbers);
    this.#vectors.push(vector);
    return vector;
  }

  /** A weight matrix in its stored type. */
  async weight(name: string): Promise<Weight> {
    const { dtype, shape, bytes } = await this.checkpoint.read(name);
    const weight = this.backend.weight(shape[0]!, shape[1]!, dtype as WeightType, bytes);
    this.#weights.push(weight);
    return weight;
  }

  /** The linear map `name`.weight, with `name`.bias where there is one. */
  async linear(name: string, bias: boolean): Promise<Linear> {
    return {
      weight: await this.weight(`${name}.weight`),
      bias: bias ? await this.vector(`${name}.bias`) : undefined,
    };
  }

  /** Frees everything that was loaded. */
  [Symbol.dispose](): void {
    for (const weight of this.#weights) weight[Symbol.dispose]();
    this.backend.release(...this.#vectors);
    this.#weights.length = 0;
    this.#vectors.length = 0;
  }
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
