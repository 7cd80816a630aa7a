import { checkTensors } from "../checkpoint/check_tensors.ts";
import type { TensorInfo } from "../checkpoint/tensor.ts";
import type { Asked } from "../heads/asked.ts";
import { chooseHead } from "../heads/choose_head.ts";
import type { HeadPlan } from "../heads/head.ts";
import type { Reads } from "../heads/reads.ts";
import { planBackbone } from "../models/families.ts";
import type { BackbonePlan, ModelFacts } from "../models/family.ts";
import { languageHeadName } from "../models/language_head.ts";
import { quantizableTensors } from "../models/quantizable.ts";
import { checkQuantized, ownQuantization, withoutScales } from "../models/quantized_weights.ts";
import type { Backend } from "../ops/backend.ts";
import type { LoadOptions } from "./load_options.ts";
import { type MemoryPlan, planMemory } from "./packs/memory_plan.ts";
import { pooledReads, type Pooling } from "./pooling.ts";
import { type QuantizedWeights, weightsName } from "./weights_name.ts";

/** A reward head, and how it is read. */
export interface WantedReward {
  readonly head: "reward";
  readonly pooling?: Pooling | undefined;
  /** The label that is the score, of a head that has several. */
  readonly label?: string | undefined;
  /** What was asked for beside what the checkpoint says; nothing by default. */
  readonly asked?: Asked | undefined;
}

/** What of a checkpoint is wanted, beside its backbone. */
export type Wanted =
  /** The head that makes it a reward model. */
  | WantedReward
  /** The output matrix of a causal model. */
  | { readonly head: "language" }
  /** Nothing: final hidden states at these positions. */
  | { readonly head: "none"; readonly reads: Reads; readonly pooling?: Pooling | undefined };

/**
 * A model that was recognised, before any weight is read: every tensor of the parts that are wanted has
 * its place, and none is left over.
 */
export interface ModelPlan {
  /** Where the checkpoint lies. */
  readonly name: string;
  readonly backbone: BackbonePlan;
  /** The reward head, where it is wanted. */
  readonly head: HeadPlan | undefined;
  /** The positions whose hidden states are wanted. */
  readonly reads: Reads;
  /** The tensors of backbone and reward head, the embedding matrix among them. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What the weights of its layers were quantized to; `undefined` of plain ones. */
  readonly weights: QuantizedWeights | undefined;
  /** Bytes that the output matrix of a causal model takes on the device. */
  readonly languageHeadBytes: number;
}

/** A plan of a reward model. */
export type RewardModelPlan = ModelPlan & { readonly head: HeadPlan };

/**
 * Recognises a model by its settings and tensor headers. Whatever is loaded or told of a model is made
 * from this plan.
 *
 * @param warn Told of settings that are left out of account.
 * @throws {AssayError} Codes of `models/`, `heads/` and `checkpoint/` for whatever is not understood.
 */
export function planFor(
  facts: ModelFacts,
  wanted: WantedReward,
  warn?: (message: string) => void,
): RewardModelPlan;
export function planFor(
  facts: ModelFacts,
  wanted: Wanted,
  warn?: (message: string) => void,
): ModelPlan;
export function planFor(
  stored: ModelFacts,
  wanted: Wanted,
  warn: (message: string) => void = () => {},
): ModelPlan {
  const facts = withoutScales(stored);
  const { name, config } = facts;
  const weights = weightsName(ownQuantization(stored));
  const backbone = planBackbone(facts, warn);
  checkQuantized(facts, quantizableTensors(backbone));
  const tensors = new Map([...facts.tensors].filter(([tensor]) => !backbone.needless?.(tensor)));
  const own = new Map([...tensors].filter(([tensor]) => backbone.owns(tensor)));
  if (wanted.head === "reward") {
    const others = new Map([...tensors].filter(([tensor]) => !backbone.owns(tensor)));
    const head = chooseHead({
      name,
      config,
      tensors: others,
      hiddenSize: backbone.hiddenSize,
      vocabularySize: backbone.vocabularySize,
      embeddingName: backbone.embeddingName,
      languageHeadName: backbone.languageHeadName,
      tiedByDefault: backbone.tiedByDefault ?? false,
      logitScale: backbone.logitScale,
      logitSoftcap: backbone.logitSoftcap,
      asked: wanted.asked ?? {},
      causal: backbone.causal,
      label: wanted.label,
    });
    const expected = new Map([...backbone.tensors, ...head.tensors]);
    const whole = [...tensors].filter(([tensor]) => tensor !== head.rowsOf || expected.has(tensor));
    checkTensors(new Map(whole), expected, name);
    const used = new Map([...tensors].filter(([tensor]) => expected.has(tensor)));
    const reads = pooledReads(head.reads, facts, wanted.pooling);
    return { name, backbone, head, reads, tensors: used, weights, languageHeadBytes: 0 };
  }
  checkTensors(own, backbone.tensors, name);
  const used = new Map([...own].filter(([tensor]) => backbone.tensors.has(tensor)));
  const none = { name, backbone, head: undefined, tensors: used, weights };
  if (wanted.head === "none") {
    const reads = pooledReads(wanted.reads, facts, wanted.pooling);
    return { ...none, reads, languageHeadBytes: 0 };
  }
  const { byteLength } = tensors.get(languageHeadName(facts, backbone))!;
  return { ...none, reads: { response: { at: "foretelling" } }, languageHeadBytes: byteLength };
}

/**
 * Why conversations may not be as long as the model takes them, or as was asked for; `undefined` where
 * they may.
 */
export function lengthLimit(
  { backbone }: ModelPlan,
  { longestSequence }: MemoryPlan,
  backend: PlannedBackend,
  { maxTokens, memoryBudget }: Pick<LoadOptions, "maxTokens" | "memoryBudget">,
): string | undefined {
  if (longestSequence >= (maxTokens ?? backbone.maxTokens)) return undefined;
  const { maxMatrixBytes, maxMatrixRows } = backend;
  const rows = Math.min(
    maxMatrixRows,
    Math.floor(maxMatrixBytes / (4 * backbone.rowSizes.widest)),
  );
  if (longestSequence >= rows) return "the device holds no larger matrix";
  const { name, bytes } = memoryBound(backend, memoryBudget);
  return `all that ${name} of ${bytes} bytes has room for, beside the weights`;
}

/** What a plan depends on of the backend that computes. */
export type PlannedBackend = Pick<
  Backend,
  "maxMatrixBytes" | "maxMatrixRows" | "memoryLimit" | "computesAtOnce"
>;

/** The least of the user's budget and the backend's own bound, and what it is called. */
function memoryBound(
  { memoryLimit }: PlannedBackend,
  memoryBudget = Infinity,
): { bytes: number; name: string; advice: string } {
  return memoryBudget <= memoryLimit
    ? { bytes: memoryBudget, name: "the memory budget", advice: "raise the budget" }
    : {
      bytes: memoryLimit,
      name: "the WebAssembly engine's memory",
      advice: 'compute on an adapter (--backend gpu, `backend: "gpu"`), whose memory may be larger',
    };
}

/**
 * Plans the memory of a model on a backend.
 *
 * @throws {AssayError} `scoring/over-budget`, which names the largest tensor.
 */
export function memoryFor(
  { name, backbone, tensors, languageHeadBytes }: ModelPlan,
  backend: PlannedBackend,
  options: Pick<LoadOptions, "memoryBudget" | "maxTokens" | "tokensPerPack" | "layers">,
): MemoryPlan {
  const bound = memoryBound(backend, options.memoryBudget);
  return planMemory({
    name,
    backbone,
    tensors,
    maxMatrixBytes: backend.maxMatrixBytes,
    maxMatrixRows: backend.maxMatrixRows,
    memoryBudget: bound.bytes - languageHeadBytes,
    boundedBy: bound,
    loadsAhead: !backend.computesAtOnce,
    maxTokens: options.maxTokens ?? backbone.maxTokens,
    tokensPerPack: options.tokensPerPack ?? 2048,
    layers: options.layers,
  });
}
