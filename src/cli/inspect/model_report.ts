import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { TensorInfo } from "../../checkpoint/tensor.ts";
import { AssayError } from "../../error.ts";
import type { DecoderConfig } from "../../models/decoder_config.ts";
import { GpuBackend } from "../../ops/gpu_backend.ts";
import type { Backend } from "../../ops/backend.ts";
import { productName } from "../../ops/products/product_tiles.ts";
import { type MemoryPlan, planMemory } from "../../scoring/packs/memory_plan.ts";
import { describeModel, type ModelDescription } from "../../scoring/model_description.ts";
import { ChatTokenizer, type TokenizedConversation } from "../../text/chat_tokenizer.ts";
import type { Conversation } from "../../text/conversation.ts";
import { readTokenizerFiles } from "../../text/tokenizer_files.ts";

/** A part of a report, or why it could not be made. */
export type Reported<Part> = Part | { readonly error: { code: string; message: string } };

/** One token of a text, for people to read. */
export interface ReportedToken {
  readonly id: number;
  readonly text: string;
  /** What a head reads here: `gate` (the gating network's state), `score` (the rewards' state). */
  readonly read?: "gate" | "score";
}

/** The tokens of one conversation, and what the head reads of them. */
export interface ReportedText {
  readonly conversation: Conversation;
  readonly tokens: readonly ReportedToken[];
  readonly truncated: boolean;
  /** Positions from 0 whose hidden states the head reads; `gate` is `null` for heads that have no gate. */
  readonly pooled_positions: { readonly score: number; readonly gate: number | null };
}

/** The chat template and what Assay found out about it. */
export interface ReportedTemplate {
  readonly origin: string;
  readonly source: string;
  /** The token pattern whose last occurrence the gate is read at; `null` where there is none. */
  readonly gating_pattern: readonly ReportedToken[] | null;
}

/** The kernels that compute, and how they divide the model's products. */
export interface ReportedKernels {
  readonly family: Backend["kernels"];
  /** The tile of products that none was timed for; `null` on the CPU. */
  readonly tile: string | null;
  /** The tiles that were found by timing on this machine, by product. */
  readonly timed: readonly { readonly product: string; readonly tile: string }[];
}

/** All that `assay inspect` tells about a model, in the names of its output. */
export interface ModelReport {
  readonly name: string;
  readonly architectures: unknown;
  readonly backbone: Reported<DecoderConfig>;
  readonly head: Reported<{ kind: string; objectives: readonly string[]; gates: boolean }>;
  readonly template: Reported<ReportedTemplate>;
  readonly kernels: ReportedKernels;
  readonly memory: Reported<
    MemoryPlan & { readonly backend: string; readonly budget: number | null }
  >;
  /** Numbers in all tensors together. */
  readonly parameters: number;
  readonly tensors: readonly TensorInfo[];
  readonly texts: readonly Reported<ReportedText>[];
}

/** What a report is made for. */
export interface ReportSettings {
  /** Where the model would run. */
  readonly engine: Backend;
  readonly memoryBudget?: number | undefined;
  readonly tokensPerPack: number;
  readonly truncate?: "left" | "right" | undefined;
  readonly trustSpecialTokens: boolean;
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
  const description = attempt(() => describeModel(checkpoint, settings.warn));
  const plan = "error" in description
    ? description
    : attempt(() => memoryOf(checkpoint, description, settings));
  const tokenizer = await attemptAsync(() =>
    openTokenizer(checkpoint, description, plan, settings)
  );
  const tensors = [...checkpoint.tensors.values()];
  return {
    name: checkpoint.name,
    architectures: checkpoint.config.architectures ?? null,
    backbone: "error" in description ? description : description.decoder,
    head: "error" in description ? description : headOf(description),
    template: "error" in tokenizer
      ? tokenizer
      : await attemptAsync(() => templateOf(checkpoint, tokenizer)),
    kernels: await kernelsOf(tensors, settings.engine),
    memory: plan,
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    tensors,
    texts: settings.conversations.map((conversation) =>
      "error" in tokenizer ? tokenizer : attempt(() => textOf(conversation, tokenizer, description))
    ),
  };
}

function headOf({ head }: ModelDescription): Exclude<ModelReport["head"], { error: unknown }> {
  return { kind: head.kind, objectives: head.objectives, gates: head.gates };
}

function memoryOf(
  checkpoint: Checkpoint,
  description: ModelDescription,
  { engine, memoryBudget, tokensPerPack }: ReportSettings,
): Exclude<ModelReport["memory"], { error: unknown }> {
  const plan = planMemory({
    name: checkpoint.name,
    config: description.decoder,
    tensors: checkpoint.tensors,
    maxMatrixBytes: engine.maxMatrixBytes,
    memoryBudget: memoryBudget ?? Infinity,
    maxTokens: description.decoder.maxTokens,
    tokensPerPack,
  });
  return { backend: engine.kind, budget: memoryBudget ?? null, ...plan };
}

async function kernelsOf(
  tensors: readonly TensorInfo[],
  engine: Backend,
): Promise<ReportedKernels> {
  if (!(engine instanceof GpuBackend)) return { family: engine.kernels, tile: null, timed: [] };
  const products = new Set(
    tensors.map(({ dtype, shape: [rows, columns] }) =>
      productName({ type: dtype, rows: rows!, columns: columns! })
    ),
  );
  const timed = [...await engine.tuner.timedTiles()].map(([product, tile]) => ({ product, tile }));
  return {
    family: engine.kernels,
    tile: engine.tuner.usualTile,
    timed: timed.filter(({ product }) => products.has(product)),
  };
}

function openTokenizer(
  checkpoint: Checkpoint,
  description: Reported<ModelDescription>,
  plan: ModelReport["memory"],
  { truncate, trustSpecialTokens }: ReportSettings,
): Promise<ChatTokenizer> {
  const pattern = checkpoint.config.gating_token_pattern;
  return ChatTokenizer.open(checkpoint, {
    maxTokens: "error" in plan ? Infinity : plan.longestSequence,
    trustSpecialTokens,
    requireGate: !("error" in description) && description.head.gates,
    ...(truncate === undefined ? {} : { truncate }),
    ...(Array.isArray(pattern) ? { gatingPattern: pattern } : {}),
  });
}

async function templateOf(
  checkpoint: Checkpoint,
  tokenizer: ChatTokenizer,
): Promise<ReportedTemplate> {
  const { template } = await readTokenizerFiles(checkpoint);
  const pattern = tokenizer.gatingPattern;
  return {
    ...template,
    gating_pattern: pattern === null ? null : pattern.map((id) => tokenOf(tokenizer, id)),
  };
}

function textOf(
  conversation: Conversation,
  tokenizer: ChatTokenizer,
  description: Reported<ModelDescription>,
): ReportedText {
  const tokenized: TokenizedConversation = tokenizer.tokenize(conversation);
  const score = tokenized.ids.length - 1;
  const hasGate = !("error" in description) && description.head.gates;
  const gate = hasGate ? tokenized.gatePosition : null;
  const tokens = [...tokenized.ids].map((id, position): ReportedToken => {
    const read = position === gate ? "gate" : position === score ? "score" : undefined;
    return { ...tokenOf(tokenizer, id), ...(read === undefined ? {} : { read }) };
  });
  return {
    conversation,
    tokens,
    truncated: tokenized.truncated,
    pooled_positions: { score, gate },
  };
}

function tokenOf(tokenizer: ChatTokenizer, id: number): ReportedToken {
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
