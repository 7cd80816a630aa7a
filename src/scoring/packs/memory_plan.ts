import type { TensorInfo } from "../../checkpoint/tensor.ts";
import { AssayError } from "../../error.ts";
import type { BackbonePlan, RowSizes } from "../../models/family.ts";
import { paddedSize } from "../../ops/layout.ts";
import { rowAlignment } from "../../ops/matrix.ts";
import { quantizedRowBytes, quantizedType } from "../../ops/quantization/quantized_rows.ts";

/** How a model and its packs fit into the device's memory; made before the first upload. */
export interface MemoryPlan {
  /** `resident`: all layers stay on the device. `streamed`: one at a time, for all queued packs. */
  readonly layers: "resident" | "streamed";
  /** Whether the next streamed layer is put on the device while one computes: there is room for both. */
  readonly layersAhead: boolean;
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
  /** Bytes that the matrices of packs stay within, those included that are kept to be used again. */
  readonly matrixBytes: number;
  /**
   * Longest prefix, in tokens, whose keys and values are kept where its responses fill more than one
   * pack; a longer one is computed again for each.
   */
  readonly longestKeptPrefix: number;
  /** Most bytes that weights, matrices and a kept prefix take together on the device. */
  readonly peakBytes: number;
  /** The same while a conversation of the longest length is computed, in a pack of its own. */
  readonly longestBytes: number;
}

/** What a plan is made from. */
export interface PlanningFacts {
  readonly name: string;
  readonly backbone: BackbonePlan;
  /** What goes to the device, and the embedding matrix, which does not. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Largest matrix that the device binds, in bytes. */
  readonly maxMatrixBytes: number;
  /** Most rows of a matrix; any number by default. */
  readonly maxMatrixRows?: number | undefined;
  /** Bytes of device memory that may be used. */
  readonly memoryBudget: number;
  /** What sets that bound, for messages; by default a budget that can be raised. */
  readonly boundedBy?: MemoryBound | undefined;
  /** Longest conversation to plan for, in tokens. */
  readonly maxTokens: number;
  /** Whether the device computes while the host puts weights on it; it does not by default. */
  readonly loadsAhead?: boolean | undefined;
  /** Wanted rows of a pack; the plan may take fewer. */
  readonly tokensPerPack: number;
  /** Pins where the layers are; by default they stay on the device if they fit. */
  readonly layers?: MemoryPlan["layers"] | undefined;
}

/** A bound on memory: what it is called, and what to do where a model is over it. */
export interface MemoryBound {
  readonly name: string;
  readonly advice: string;
}

const budgetOfUser: MemoryBound = { name: "the memory budget", advice: "raise the budget" };

const smallestPack = 64;
/** As the pool of textures rounds. */
const rowsTogether = 256;
const mostPacksInFlight = 32;

/**
 * Plans memory: all layers resident if they fit the budget, else streamed one after another, else
 * smaller packs.
 *
 * @throws {AssayError} `scoring/over-budget`, which names the largest tensor.
 */
export function planMemory(facts: PlanningFacts): MemoryPlan {
  const { backbone: { rowSizes } } = facts;
  const weights = weightSizes(facts);
  const mostRows = Math.min(
    facts.maxMatrixRows ?? Infinity,
    Math.floor(facts.maxMatrixBytes / (4 * rowSizes.widest)),
  );
  const wanted = Math.min(facts.tokensPerPack, mostRows);
  const longestSequence = Math.min(facts.maxTokens, mostRows);
  for (const way of waysFor(facts, weights)) {
    const fewest = Math.max(1, way.fewest(wanted), Math.min(smallestPack, wanted));
    for (let tokens = wanted; tokens >= fewest; tokens = Math.floor(tokens / 2)) {
      const plan = planAt(facts, way, { tokens, longestSequence });
      if (plan !== undefined) return { ...plan, weightBytes: weights.total };
    }
  }
  throw overBudget(facts, weights);
}

/** Where the layers are, and what of them the device holds at once. */
interface Way {
  readonly layers: MemoryPlan["layers"];
  readonly layersAhead: boolean;
  /** Bytes of weights that the device holds. */
  readonly held: number;
  /** The smallest pack that it is worth, of those that are wanted. */
  readonly fewest: (wanted: number) => number;
}

/** The ways that a model may be held, the best first. */
function waysFor({ layers, loadsAhead = false }: PlanningFacts, sizes: WeightSizes): Way[] {
  const { total, outside, largestLayer } = sizes;
  // Resident layers are not worth tiny packs: stream before packs shrink below a quarter.
  const fewest = (wanted: number): number => layers === undefined ? wanted / 4 : 0;
  const resident: Way = { layers: "resident", layersAhead: false, held: total, fewest };
  // One layer computes, one waits, and its numbers may be there once more as they are laid out.
  const ahead: Way = {
    layers: "streamed",
    layersAhead: true,
    held: outside + 3 * largestLayer,
    fewest: (wanted) => wanted,
  };
  const streamed: Way = {
    layers: "streamed",
    layersAhead: false,
    held: outside + largestLayer,
    fewest: () => 0,
  };
  const ways = loadsAhead ? [resident, ahead, streamed] : [resident, streamed];
  return ways.filter((way) => layers === undefined || way.layers === layers);
}

/** The plan with packs of so many tokens; `undefined` where it does not fit. */
function planAt(
  facts: PlanningFacts,
  { layers, layersAhead, held }: Way,
  { tokens, longestSequence }: { tokens: number; longestSequence: number },
): Omit<MemoryPlan, "weightBytes"> | undefined {
  const { backbone: { rowSizes }, memoryBudget } = facts;
  const feedForwardRows = chooseFeedForwardRows(facts, tokens);
  const working = workingBytes(rowSizes, tokens, feedForwardRows);
  if (held + working > memoryBudget) return undefined;
  const waiting = waitingBytes(rowSizes, tokens);
  const room = Math.floor((memoryBudget - held - working) / waiting) + 1;
  const packsInFlight = layers === "resident" ? 1 : Math.min(mostPacksInFlight, room);
  const matrixBytes = working + (packsInFlight - 1) * waiting;
  const perToken = 4 * rowSizes.kept;
  // No more than the matrices of a pack take.
  const forPrefix = Math.min(matrixBytes, memoryBudget - held - matrixBytes);
  const longestKeptPrefix = Math.min(longestSequence, Math.floor(forPrefix / perToken));
  const besideMatrices = held + longestKeptPrefix * perToken;
  const longest = fitting(facts, besideMatrices, longestSequence);
  if (longest === 0) return undefined;
  const forLongest = workingBytes(rowSizes, longest, Math.min(feedForwardRows, longest));
  return {
    layers,
    layersAhead,
    tokensPerPack: tokens,
    longestSequence: longest,
    feedForwardRows,
    packsInFlight,
    matrixBytes,
    longestKeptPrefix,
    peakBytes: besideMatrices + matrixBytes,
    longestBytes: besideMatrices + Math.max(matrixBytes, forLongest),
  };
}

interface WeightSizes {
  readonly total: number;
  readonly outside: number;
  readonly largestLayer: number;
}

function weightSizes({ backbone, tensors }: PlanningFacts): WeightSizes {
  const layers = new Array<number>(backbone.layers).fill(0);
  let outside = 0;
  for (const tensor of tensors.values()) {
    if (tensor.name === backbone.embeddingName) continue;
    const layer = backbone.owns(tensor.name) ? backbone.layerOf(tensor.name) : undefined;
    if (layer === undefined) outside += deviceBytes(tensor);
    else layers[layer]! += deviceBytes(tensor);
  }
  const inLayers = layers.reduce((a, b) => a + b, 0);
  return {
    total: outside + inLayers,
    outside,
    largestLayer: layers.reduce((a, b) => Math.max(a, b), 0),
  };
}

/** Bytes of a tensor on the device: vectors are kept in f32, matrices for a multiple of 32 rows and 8 columns. */
function deviceBytes({ shape, byteLength, quantized }: TensorInfo): number {
  const [rows = 1, columns] = shape;
  if (columns === undefined) return 4 * paddedSize(rows);
  if (shape.length > 2) return 4 * shape.reduce((a, b) => a * b, 1); // a convolution, kept in f32
  const rowBytes = quantized === undefined
    ? byteLength / rows / columns * paddedSize(columns)
    : quantizedRowBytes(paddedSize(columns), quantizedType(quantized));
  return rowBytes * Math.ceil(rows / 32) * 32 + 64; // and its shape, for the kernels
}

/**
 * Bytes of a pack's matrices in a layer, and of those that it holds between layers. A quarter more goes
 * to rounding, and to the pooled rows of the last layer.
 */
function workingBytes(sizes: RowSizes, tokens: number, feedForwardRows: number): number {
  const { layer, feedForward, fixed = 0 } = sizes;
  const numbers = roundedRows(tokens) * layer + roundedRows(feedForwardRows) * feedForward + fixed;
  return Math.ceil(1.25 * 4 * numbers) + waitingBytes(sizes, tokens);
}

/** Bytes that a pack takes between layers. */
function waitingBytes({ waiting }: RowSizes, tokens: number): number {
  return Math.ceil(1.25 * 4 * roundedRows(tokens) * waiting);
}

/** Memory is taken for a multiple of so many rows. */
function roundedRows(rows: number): number {
  return Math.ceil(rows / rowsTogether) * rowsTogether;
}

function chooseFeedForwardRows(
  { backbone: { rowSizes }, maxMatrixBytes }: PlanningFacts,
  tokens: number,
): number {
  const most = Math.floor(maxMatrixBytes / (4 * rowSizes.widestFeedForward));
  const rows = Math.min(tokens, most);
  return Math.max(rowAlignment, Math.floor(rows / rowAlignment) * rowAlignment);
}

/** Longest sequence, up to `longest`, whose pack of its own fits beside the weights. */
function fitting(facts: PlanningFacts, held: number, longest: number): number {
  const room = facts.memoryBudget - held;
  const needed = (tokens: number): number =>
    workingBytes(facts.backbone.rowSizes, tokens, chooseFeedForwardRows(facts, tokens));
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
  { name, backbone, tensors, memoryBudget, boundedBy = budgetOfUser }: PlanningFacts,
  sizes: WeightSizes,
): AssayError {
  const onDevice = [...tensors.values()].filter(
    (tensor) => tensor.name !== backbone.embeddingName,
  );
  const largest = onDevice.reduce((a, b) => (a.byteLength >= b.byteLength ? a : b));
  const least = sizes.outside + sizes.largestLayer;
  return new AssayError(
    "scoring/over-budget",
    `Cannot fit ${name} into ${boundedBy.name} of ${memoryBudget} bytes: even one layer at a time ` +
      `needs ${least} bytes of weights (the largest tensor, "${largest.name}", takes ` +
      `${largest.byteLength}), and a pack of ${smallestPack} tokens comes on top; ${boundedBy.advice}`,
  );
}
