import assert from "node:assert/strict";
import type { KernelSet } from "../../src/gpu/kernel_set.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import {
  type GoldenConversation,
  goldenLabel,
  goldenOptions,
  hasOwnBackbone,
  parityFolder,
} from "../golden/parity.ts";
import { onSoftwareAdapter } from "../kernel_sets.ts";

/** Long enough for every golden text, also where a dynamic rope goes past its trained length. */
const maxTokens = 640;

/** Loads a folder of the golden files as its scores were made; a warning fails the test. */
export async function loadGolden(model: string, options: LoadOptions = {}): Promise<RewardModel> {
  return await RewardModel.load(parityFolder(model), {
    ...await goldenOptions(model),
    maxTokens,
    label: await goldenLabel(model),
    onWarning: (message) => assert.fail(`unexpected warning: ${message}`),
    ...options,
  });
}

/** The golden conversations, and a prompt with many responses. */
export function varied(golden: readonly GoldenConversation[], responses = 56): Conversation[] {
  const prompt = golden.find(({ name }) => name === "system") ?? golden[0]!;
  const hasSteps = prompt.messages.at(-1)!.steps !== undefined;
  const answers = Array.from({ length: responses }, (_, i) => {
    const parts = [`Answer ${i}:`, ...new Array<string>(i % 7).fill(" more of it,"), " done."];
    const response = hasSteps
      ? { content: "", steps: parts.map((part) => `${part} `) }
      : { content: parts.join("") };
    return [...prompt.messages.slice(0, -1), { role: "assistant", ...response }];
  });
  return [...golden.map(({ messages }) => messages), ...answers];
}

/**
 * One folder for each thing that kernels do in another way. A software adapter takes long to compile the
 * `tiled` ones, so that no other folder's bits are looked at with them there.
 */
const kindsOfWork: ReadonlySet<string> = new Set([
  "armo", // a gate
  "bert", // all of a conversation is seen
  "deberta", // disentangled attention
  "gemma2", // capped scores, windows
  "gpt_neox", // rope on a part of a head, biases
  "internlm2", // queries, keys and values in one weight
  "llama",
  "llama_f16",
  "llama_uneven", // padded sizes
  "mixtral", // experts
  "modernbert", // windows to both sides
  "qwen2", // biases of queries, keys and values
  "qwen3_5", // linear attention
]);

/**
 * Whether a folder's bits are looked at with a kernel set: those of a head on a backbone that another
 * folder has are looked at with the WebAssembly engine alone.
 */
export function isLookedAt(model: string, kernelSet: KernelSet): boolean {
  if (kernelSet === "texture" || !onSoftwareAdapter) return hasOwnBackbone(model);
  return kindsOfWork.has(model);
}
