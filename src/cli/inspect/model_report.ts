import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { TensorInfo } from "../../checkpoint/tensor.ts";
import { AssayError } from "../../error.ts";
import type { NamedToken, StepReduction } from "../../heads/asked.ts";
import type { Reads } from "../../heads/reads.ts";
import type { BackbonePlan } from "../../models/family.ts";
import { withoutScales } from "../../models/quantized_weights.ts";
import { GpuBackend } from "../../ops/gpu_backend.ts";
import type { Backend, BackendKind } from "../../ops/backend.ts";
import { productName } from "../../ops/products/product_tiles.ts";
import { quantizedType } from "../../ops/quantization/quantized_rows.ts";
import { askedOf, type AskingOptions } from "../../scoring/asked_head.ts";
import type { LoadOptions } from "../../scoring/load_options.ts";
import { lengthLimit, memoryFor, planFor, type RewardModelPlan } from "../../scoring/model_plan.ts";
import { openTokenizer, withTemplate } from "../../scoring/open_tokenizer.ts";
import type { MemoryPlan } from "../../scoring/packs/memory_plan.ts";
import type { Positions, WantedReads } from "../../scoring/read_positions.ts";
import { type ShownToken, shownTokens } from "../../scoring/shown_tokens.ts";
import type { QuantizedWeights } from "../../scoring/weights_name.ts";
import type { Conversation } from "../../text/conversation.ts";
import type { ConversationTokenizer, TextForm } from "../../text/conversation_tokenizer.ts";

/** A part of a report, or why it could not be made. */
export type Reported<Part> = Part | { readonly error: { code: string; message: string } };

/** The tokens of one conversation, and what the head reads of them. */
export interface ReportedText {
  readonly conversation: Conversation;
  readonly tokens: readonly ShownToken[];
  readonly truncated: boolean;
  /** Positions from 0 whose hidden states the head reads, by read. */
  readonly pooled_positions: Positions;
}

/** What conversations are rendered by, and what Assay found out about it. */
export interface ReportedTemplate {
  /** How conversations become tokens: by the chat template, or as an encoder's pair. */
  readonly form: TextForm;
  readonly origin: string;
  readonly source: string;
  /** The tokens that an assistant header begins with, where heads may read; `null` where there is none. */
  readonly header_pattern: readonly ShownToken[] | null;
}

/** The kernels that compute, and how they divide the model's products. */
export interface ReportedKernels {
  readonly set: Backend["kernels"];
  /** The tile of products that none was timed for; `null` on the CPU. */
  readonly tile: string | null;
  /** The tiles that were found by timing on this machine, by product. */
  readonly timed: readonly { readonly product: string; readonly tile: string }[];
}

/** The backbone's family and settings, and what of them is told to people. */
export type ReportedBackbone =
  & { readonly family: string; readonly description: BackbonePlan["description"] }
  & Readonly<Record<string, unknown>>;

/** The head's kind, objectives, and what it reads and tells, by its own names. */
export interface ReportedHead {
  readonly kind: string;
  readonly objectives: readonly string[];
  readonly reads: Reads;
  readonly parts: readonly string[];
  /** Names of its raw logits; empty for a head that sums many numbers up. */
  readonly labels: readonly string[];
  /** The label that is the score, or minus it; `null` for a head without. */
  readonly score_label: string | null;
  readonly score_negated: boolean;
  /** A token that every conversation is made to end with; `null` without. */
  readonly ending: number | null;
  /** The tokens whose logits are the score; none of most heads. */
  readonly tokens: readonly NamedToken[];
  /** What the score is of the scores of steps; `null` of a head that reads none. */
  readonly steps: StepReduction | null;
}

/** All that `assay inspect` tells about a model, in the names of its output. */
export interface ModelReport {
  readonly name: string;
  readonly architectures: unknown;
  readonly backbone: Reported<ReportedBackbone>;
  readonly head: Reported<ReportedHead>;
  readonly template: Reported<ReportedTemplate>;
  readonly kernels: ReportedKernels;
  readonly memory: Reported<
    MemoryPlan & {
      /** What the layers' weights are quantized to; `null` of plain ones. */
      readonly weights: QuantizedWeights | null;
      /** Inputs that share a scale. */
      readonly weight_group: number | null;
      readonly backend: BackendKind;
      readonly budget: number | null;
    }
  >;
  /** Numbers in all tensors together. */
  readonly parameters: number;
  readonly tensors: readonly TensorInfo[];
  readonly texts: readonly Reported<ReportedText>[];
}

/** What a report is made for. */
export interface ReportSettings extends
  Pick<
    LoadOptions,
    | "memoryBudget"
    | "maxTokens"
    | "tokensPerPack"
    | "layers"
    | "truncate"
    | "trustSpecialTokens"
    | "ignoreConfigKeys"
    | "pooling"
    | "form"
    | "label"
    | "chatTemplate"
    | keyof AskingOptions
  > {
  /** Opens where the model would run; the plan is `undefined` where the model is not understood. */
  openBackend(plan: RewardModelPlan | undefined): Promise<Backend>;
  /** Conversations to show the tokens of. */
  readonly conversations: readonly Conversation[];
  readonly warn: (message: string) => void;
}

/**
 * Looks at a model without reading its weights. What can't be told, because the model is not
 * understood, is an `error` in its place; the rest is told all the same.
 */
export async function reportModel(
  checkpoint: Checkpoint,
  settings: ReportSettings,
): Promise<ModelReport> {
  const { name, config, tensors: headers } = checkpoint;
  const { ignoreConfigKeys, pooling, label, warn } = settings;
  const facts = { name, config, tensors: headers, ignoreConfigKeys };
  const files = withTemplate(checkpoint, settings.chatTemplate);
  const asked = await attemptAsync(() => askedOf(files, config, settings));
  const plan = "error" in asked
    ? asked
    : attempt(() => planFor(facts, { head: "reward", pooling, label, asked }, warn));
  using backend = await settings.openBackend("error" in plan ? undefined : plan);
  const memory = "error" in plan ? plan : attempt(() => memoryOf(plan, backend, settings));
  const reads = "error" in plan ? {} : plan.reads;
  const ending = "error" in plan ? undefined : plan.head.ending;
  const tokenizer = await attemptAsync(() =>
    openTokenizer(checkpoint, {
      ...settings,
      backbone: "error" in plan ? undefined : plan.backbone,
      reads,
      ending,
      tokens: "error" in plan ? undefined : plan.head.tokens,
      maxTokens: "error" in memory ? Infinity : memory.longestSequence,
      limitedBy: "error" in plan || "error" in memory
        ? undefined
        : lengthLimit(plan, memory, backend, settings),
    })
  );
  const joined = attempt(() => [...withoutScales(facts).tensors.values()]);
  const tensors = "error" in joined ? [...headers.values()] : joined;
  return {
    name: checkpoint.name,
    architectures: checkpoint.config.architectures ?? null,
    backbone: "error" in plan ? plan : backboneOf(plan),
    head: "error" in plan ? plan : headOf(plan),
    template: "error" in tokenizer ? tokenizer : templateOf(tokenizer),
    kernels: await kernelsOf(tensors, backend),
    memory,
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    tensors,
    texts: settings.conversations.map((conversation) =>
      "error" in tokenizer
        ? tokenizer
        : attempt(() => textOf(conversation, tokenizer, { reads, ending }))
    ),
  };
}

function backboneOf({ backbone }: RewardModelPlan): ReportedBackbone {
  const { family, settings, description } = backbone;
  const { layers, hiddenSize, vocabularySize, maxTokens } = backbone;
  return {
    ...settings,
    family: family.modelType,
    layers,
    hiddenSize,
    vocabularySize,
    maxTokens,
    description,
  };
}

function headOf({ reads, head }: RewardModelPlan): ReportedHead {
  const { kind, parts, labels, ending, tokens = [], steps = null } = head;
  return {
    kind,
    objectives: parts.rewards ?? [],
    reads,
    parts: Object.keys(parts),
    labels: labels?.names ?? [],
    score_label: labels?.score ?? null,
    score_negated: labels?.negated ?? false,
    ending: ending ?? null,
    tokens,
    steps,
  };
}

function memoryOf(
  plan: RewardModelPlan,
  backend: Backend,
  settings: ReportSettings,
): Exclude<ModelReport["memory"], { error: unknown }> {
  return {
    backend: backend.kind,
    budget: settings.memoryBudget ?? null,
    weights: plan.weights ?? null,
    weight_group: [...plan.tensors.values()].find(({ quantized }) => quantized)?.quantized?.group ??
      null,
    ...memoryFor(plan, backend, settings),
  };
}

async function kernelsOf(
  tensors: readonly TensorInfo[],
  backend: Backend,
): Promise<ReportedKernels> {
  if (!(backend instanceof GpuBackend)) return { set: backend.kernels, tile: null, timed: [] };
  const products = new Set(
    tensors.map(({ dtype, shape: [rows, columns], quantized }) =>
      productName({
        type: quantized === undefined ? dtype : quantizedType(quantized),
        rows: rows!,
        columns: columns!,
      })
    ),
  );
  const timed = [...await backend.tuner.timedTiles()].map(([product, tile]) => ({ product, tile }));
  return {
    set: backend.kernels,
    tile: backend.tuner.usualTile,
    timed: timed.filter(({ product }) => products.has(product)),
  };
}

function templateOf(tokenizer: ConversationTokenizer): ReportedTemplate {
  const { form, template, headerPattern: pattern } = tokenizer;
  return {
    form,
    ...template,
    header_pattern: pattern === null ? null : pattern.map((id) => tokenOf(tokenizer, id)),
  };
}

function textOf(
  conversation: Conversation,
  tokenizer: ConversationTokenizer,
  wanted: WantedReads,
): ReportedText {
  const { tokens, truncated, positions } = shownTokens(tokenizer, conversation, wanted);
  return { conversation, tokens, truncated, pooled_positions: positions };
}

function tokenOf(tokenizer: ConversationTokenizer, id: number): ShownToken {
  return { id, text: tokenizer.decodeToken(id) };
}

function attempt<Part>(make: () => Part): Reported<Part> {
  try {
    return make();
  } catch (error) {
    return reported(error);
  }
}

async function attemptAsync<Part>(make: () => Promise<Part>): Promise<Reported<Part>> {
  try {
    return await make();
  } catch (error) {
    return reported(error);
  }
}

function reported(error: unknown): { error: { code: string; message: string } } {
  if (!(error instanceof AssayError)) throw error;
  return { error: error.toJSON() };
}
