import type { TensorInfo } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import type { DecoderConfig } from "../models/decoder_config.ts";
import { embeddingName, layerPrefix } from "../models/decoder_tensors.ts";
import { rowAlignment } from "../ops/matrix.ts";

/** How a model and its packs fit into the device's memory; made before the first upload. */
export interface MemoryPlan {
  /** `resident`: all layers stay on the device. `streamed`: one at a time, for all queued packs. */
  readonly layers: "resident" | "streamed";
  /** Rows at which a pack is full. */
  readonly tokensPerPack: number;
  /** Longest sequence that fits, in tokens. */
  readonly longestSequence: number;
  /** Rows that the feed-forward block takes at a time. */
  readonly feedForwardRows: number;
  /** Packs that go through a streamed layer together; 1 where the layers are resident. */
  readonly packsInFlight: number;
  /** Bytes of all weights that go to the device (never the embedding matrix). */
  readonly weightBytes: number;
  /** Most bytes that weights and activations take together on the device. */
  readonly peakBytes: number;
}

/** What a plan is made from. */
export interface PlanningFacts {
  readonly name: string;
  readonly config: DecoderConfig;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Largest matrix that the device binds, in bytes. */
  readonly maxMatrixBytes: number;
  /** Most rows of a matrix; any number by default. */
  readonly maxMatrixRows?: number;
  /** Bytes of device memory that may be used. */
  readonly memoryBudget: number;
  /** Longest conversation to plan for, in tokens. */
  readonly maxTokens: number;
  /** Wanted rows of a pack; the plan may take fewer. */
  readonly tokensPerPack: number;
  /** Pins where the layers are; by default they stay on the device if they fit. */
  readonly layers?: MemoryPlan["layers"] | undefined;
}

const smallestPack = 64;
const mostPacksInFlight = 32;

/**
 * Plans memory: all layers resident if they fit the budget, else streamed one after another, else
 * smaller packs.
 *
 * @throws {AssayError} `scoring/over-budget`, which names the largest tensor.
 */
export function planMemory(facts: PlanningFacts): MemoryPlan {
  const { config, memoryBudget } = facts;
  const weights = weightSizes(facts);
  const mostRows = Math.min(
    facts.maxMatrixRows ?? Infinity,
    Math.floor(facts.maxMatrixBytes / (4 * widestMatrix(config))),
  );
  const longestSequence = Math.min(facts.maxTokens, mostRows);
  const wanted = Math.min(facts.tokensPerPack, mostRows);
  const choices = facts.layers === undefined ? ["resident", "streamed"] as const : [facts.layers];
  const smallest = Math.min(smallestPack, wanted);
  for (const layers of choices) {
    const held = layers === "resident" ? weights.total : weights.outside + weights.largestLayer;
    for (let tokens = wanted; tokens >= smallest; tokens = Math.floor(tokens / 2)) {
      // Resident layers are not worth tiny packs: stream before packs shrink below a quarter.
      if (choices.length > 1 && layers === "resident" && tokens < wanted / 4) break;
      const feedForwardRows = chooseFeedForwardRows(facts, tokens);
      const working = workingBytes(config, tokens, feedForwardRows);
      if (held + working > memoryBudget) continue;
      const waiting = waitingBytes(config, tokens);
      const room = Math.floor((memoryBudget - held - working) / waiting) + 1;
      const packsInFlight = layers === "resident" ? 1 : Math.min(mostPacksInFlight, room);
      return {
        layers,
        tokensPerPack: tokens,
        longestSequence: fitting(facts, held, longestSequence),
        feedForwardRows,
        packsInFlight,
        weightBytes: weights.total,
        peakBytes: held + working + (packsInFlight - 1) * waiting,
      };
    }
  }
  throw overBudget(facts, weights);
}

interface WeightSizes {
  readonly total: number;
  readonly outside: number;
  readonly largestLayer: number;
}

function weightSizes({ config, tensors }: PlanningFacts): WeightSizes {
  const layers = new Array<number>(config.layers).fill(0);
  let outside = 0;
  for (const { name, byteLength } of tensors.values()) {
    if (name === embeddingName || name.startsWith("lm_head.")) continue;
    const layer = layers.findIndex((_, index) => name.startsWith(layerPrefix(index)));
    if (layer < 0) outside += byteLength;
    else layers[layer]! += byteLength;
  }
  const inLayers = layers.reduce((a, b) => a + b, 0);
  return { total: outside + inLayers, outside, largestLayer: Math.max(...layers) };
}

/** Columns of the widest matrix that holds all rows of a pack at once. */
function widestMatrix({ hiddenSize, heads, headDim }: DecoderConfig): number {
  return Math.max(hiddenSize, heads * headDim);
}

/** Bytes that a pack takes in a layer at the most: hidden, normed, q, k, v, mixed; then gate and up. */
function workingBytes(config: DecoderConfig, tokens: number, feedForwardRows: number): number {
  const { hiddenSize, heads, keyHeads, headDim, intermediateSize } = config;
  const attention = 2 * hiddenSize + (2 * heads + 2 * keyHeads) * headDim;
  const feedForward = feedForwardRows * (hiddenSize + 2 * intermediateSize);
  return 4 * Math.max(tokens * attention, tokens * hiddenSize + feedForward) +
    waitingBytes(config, tokens);
}

/** Bytes that a pack takes between layers: hidden states, spans and angles. */
function waitingBytes({ hiddenSize, headDim }: DecoderConfig, tokens: number): number {
  return 4 * tokens * (hiddenSize + 2 * (4 + headDim));
}

function chooseFeedForwardRows({ config, maxMatrixBytes }: PlanningFacts, tokens: number): number {
  const most = Math.floor(maxMatrixBytes / (4 * config.intermediateSize));
  const rows = Math.min(tokens, most);
  return Math.max(rowAlignment, Math.floor(rows / rowAlignment) * rowAlignment);
}

/** Longest sequence, up to `longest`, whose pack of its own fits beside the weights. */
function fitting(facts: PlanningFacts, held: number, longest: number): number {
  const room = facts.memoryBudget - held;
  const needed = (tokens: number): number =>
    workingBytes(facts.config, tokens, chooseFeedForwardRows(facts, tokens));
  if (needed(longest) <= room) return longest;
  let [fits, exceeds] = [0, longest];
  while (exceeds - fits > 1) {
    const middle = Math.floor((fits + exceeds) / 2);
    if (needed(middle) <= room) fits = middle;
    else exceeds = middle;
  }
  return fits;
}

function overBudget(
  { name, tensors, memoryBudget }: PlanningFacts,
  sizes: WeightSizes,
): AssayError {
  const onDevice = [...tensors.values()].filter((tensor) => tensor.name !== embeddingName);
  const largest = onDevice.reduce((a, b) => (a.byteLength >= b.byteLength ? a : b));
  const least = sizes.outside + sizes.largestLayer;
  return new AssayError(
    "scoring/over-budget",
    `Cannot fit ${name} into the memory budget of ${memoryBudget} bytes: even one layer at a time ` +
      `needs ${least} bytes of weights (the largest tensor, "${largest.name}", takes ` +
      `${largest.byteLength}), and a pack of ${smallestPack} tokens comes on top; raise the budget`,
  );
}
