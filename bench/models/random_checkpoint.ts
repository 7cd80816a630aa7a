import { join } from "node:path";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors_writer.ts";
import { fromFloat32 } from "../../src/checkpoint/tensor.ts";
import type { ModelShape } from "./model_shape.ts";
import { tokenizerFiles } from "./vocabulary.ts";

/** Writes a Llama-like reward model with random bf16 weights, in Hugging Face layout. */
export async function writeRandomCheckpoint(folder: string, shape: ModelShape): Promise<void> {
  await writeWithoutWeights(folder, shape);
  const file = await Deno.open(join(folder, "model.safetensors"), {
    write: true,
    create: true,
    truncate: true,
  });
  await writeSafetensors(file.writable, tensorsOf(shape));
}

/** Writes all of such a model but its weights. */
export async function writeWithoutWeights(folder: string, shape: ModelShape): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const texts = { ...tokenizerFiles(shape), "config.json": JSON.stringify(configOf(shape)) };
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(join(folder, name), text);
  }
}

function configOf(shape: ModelShape): Record<string, unknown> {
  return {
    architectures: ["LlamaForSequenceClassification"],
    model_type: "llama",
    hidden_size: shape.hidden,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyHeads,
    vocab_size: shape.vocabulary,
    max_position_embeddings: shape.maxTokens,
    rms_norm_eps: shape.rmsEpsilon,
    rope_theta: shape.ropeTheta,
    hidden_act: "silu",
    bos_token_id: 1,
    eos_token_id: 2,
    pad_token_id: 0,
    num_labels: 1,
    torch_dtype: "bfloat16",
  };
}

function tensorsOf(shape: ModelShape): TensorToWrite[] {
  const { hidden, feedForward, vocabulary } = shape;
  const keys = hidden / shape.heads * shape.keyHeads;
  let seed = 0;
  const tensor = (name: string, size: readonly number[], mean: number, deviation: number) => {
    const numbers = { count: size.reduce((a, b) => a * b, 1), mean, deviation, seed: ++seed };
    return { name, dtype: "BF16", shape: size, bytes: randomBytes(numbers) } as const;
  };
  // Deviations that keep activations near 1, so that every layer matters to the score.
  const linear = (name: string, outputs: number, inputs: number) =>
    tensor(`${name}.weight`, [outputs, inputs], 0, 1 / Math.sqrt(inputs));
  const norm = (name: string) => tensor(`${name}.weight`, [hidden], 1, 0.1);
  const layer = (prefix: string): TensorToWrite[] => [
    norm(`${prefix}.input_layernorm`),
    ...([["q", hidden], ["k", keys], ["v", keys], ["o", hidden]] as const).map(([name, outputs]) =>
      linear(`${prefix}.self_attn.${name}_proj`, outputs, hidden)
    ),
    norm(`${prefix}.post_attention_layernorm`),
    linear(`${prefix}.mlp.gate_proj`, feedForward, hidden),
    linear(`${prefix}.mlp.up_proj`, feedForward, hidden),
    linear(`${prefix}.mlp.down_proj`, hidden, feedForward),
  ];
  return [
    tensor("model.embed_tokens.weight", [vocabulary, hidden], 0, 1),
    ...Array.from({ length: shape.layers }, (_, index) => layer(`model.layers.${index}`)).flat(),
    norm("model.norm"),
    linear("score", 1, hidden),
  ];
}

interface RandomNumbers {
  readonly count: number;
  readonly mean: number;
  readonly deviation: number;
  readonly seed: number;
}

function* randomBytes({ count, mean, deviation, seed }: RandomNumbers) {
  const random = seededRandom(seed);
  const half = Math.sqrt(3) * deviation; // half the width of an even spread with this deviation
  const piece = 1 << 20;
  for (let first = 0; first < count; first += piece) {
    const numbers = new Float32Array(Math.min(piece, count - first));
    for (let i = 0; i < numbers.length; i++) numbers[i] = mean + half * (2 * random() - 1);
    yield fromFloat32(numbers, "BF16");
  }
}
