import { join } from "node:path";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors_writer.ts";
import type { Dtype, FloatDtype } from "../../src/checkpoint/tensor.ts";
import { shardIndexFile } from "../../src/checkpoint/shard_index.ts";
import { llama3Ids, llama3TokenizerFiles } from "./llama3_vocabulary.ts";
import { RandomBlocks, type Spread } from "./random_blocks.ts";

/** Sizes of a model in ArmoRM's shape. */
export interface ArmoShape {
  readonly layers: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly vocabulary: number;
  readonly gatingHidden: number;
}

/** ArmoRM-Llama3-8B-v0.1. */
export const armo8b: ArmoShape = {
  layers: 32,
  hidden: 4096,
  feedForward: 14336,
  heads: 32,
  keyHeads: 8,
  vocabulary: 128257,
  gatingHidden: 1024,
};

/** Where the published model's settings and tensor headers are kept, without a weight. */
const published = new URL("../../tests/golden/armorm_llama3_8b/", import.meta.url);

interface Declared {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

async function publishedJson(file: string) {
  return JSON.parse(await Deno.readTextFile(new URL(file, published)));
}

/** The tensors of such a model by file: the published ones, those of layers that it has, at its sizes. */
export async function armoTensors(shape: ArmoShape): Promise<ReadonlyMap<string, Declared[]>> {
  const { files } = await publishedJson("tensors.json");
  const result = new Map<string, Declared[]>();
  for (const [file, list] of Object.entries<[string, Dtype, number[]][]>(files)) {
    const kept = list.filter(([name]) => layerOf(name) < shape.layers);
    if (kept.length === 0) continue;
    result.set(
      file,
      kept.map(([name, dtype, sizes]) => ({ name, dtype, shape: resized(name, sizes, shape) })),
    );
  }
  return result;
}

function layerOf(name: string): number {
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? -1 : Number(layer);
}

function resized(name: string, sizes: readonly number[], shape: ArmoShape): number[] {
  const { hidden, feedForward, heads, keyHeads, vocabulary, gatingHidden } = shape;
  return sizes.map((size) => {
    if (size === armo8b.hidden) return hidden;
    if (size === armo8b.feedForward) return feedForward;
    if (size === armo8b.vocabulary) return vocabulary;
    if (size !== armo8b.gatingHidden) return size;
    // The keys of 8 heads are as wide as the gate.
    return name.startsWith("gating.") ? gatingHidden : hidden / heads * keyHeads;
  });
}

/**
 * Writes a checkpoint in the shape of ArmoRM-Llama3-8B-v0.1: the published settings, tensors and shards,
 * with random weights and a tokenizer that works. At full size it takes 15 GB.
 */
export async function writeArmoCheckpoint(
  folder: string,
  shape: ArmoShape,
  onFile: (file: string) => void = () => {},
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const config = {
    ...await publishedJson("config.json"),
    ...llama3Ids(shape.vocabulary),
    hidden_size: shape.hidden,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyHeads,
    vocab_size: shape.vocabulary,
    gating_hidden_dim: shape.gatingHidden,
  };
  const shards = await armoTensors(shape);
  const weightMap = [...shards].flatMap(([file, list]) => list.map(({ name }) => [name, file]));
  const texts = {
    ...llama3TokenizerFiles(shape.vocabulary),
    "config.json": JSON.stringify(config, null, 2),
    [shardIndexFile]: JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(weightMap) }),
  };
  const blocks = new RandomBlocks(1);
  for (const [name, list] of shards) {
    onFile(name);
    const file = await Deno.open(join(folder, name), { write: true, create: true, truncate: true });
    await writeSafetensors(file.writable, list.map((tensor) => filled(tensor, blocks)));
  }
  // Last, so that what was broken off is not taken for a checkpoint.
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(join(folder, name), text);
  }
}

function filled({ name, dtype, shape }: Declared, blocks: RandomBlocks): TensorToWrite {
  const count = shape.reduce((a, b) => a * b, 1);
  if (name === "reward_transform_matrix") {
    return { name, dtype, shape, bytes: [transform(shape[0]!)] };
  }
  const bytes = blocks.bytes(count, spreadOf(name, dtype as FloatDtype, shape));
  return { name, dtype, shape, bytes };
}

/** Deviations that keep activations near 1, so that every layer matters to the score. */
function spreadOf(name: string, dtype: FloatDtype, shape: readonly number[]): Spread {
  if (name.includes("norm.")) return { dtype, mean: 1, deviation: 0.1 };
  if (name.endsWith("logit_scale")) return { dtype, mean: 1, deviation: 0 };
  if (name.includes("embed_tokens")) return { dtype, mean: 0, deviation: 1 };
  const inputs = shape[1];
  return { dtype, mean: 0, deviation: inputs === undefined ? 0.1 : 1 / Math.sqrt(inputs) };
}

/** Takes a little of the verbosity, the fifth objective, out of all the others. */
function transform(objectives: number): Uint8Array<ArrayBuffer> {
  const numbers = new Float32Array(objectives * objectives);
  for (let i = 0; i < objectives; i++) {
    numbers[i * objectives + i] = 1;
    if (i !== 4) numbers[4 * objectives + i] = -0.01 * (i + 1);
  }
  return new Uint8Array(numbers.buffer);
}
