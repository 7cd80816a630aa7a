import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { SafetensorsReader } from "../../src/checkpoint/safetensors_reader.ts";
import { fileSource } from "../../src/checkpoint/file_source.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import type { Message } from "../../src/text/conversation.ts";

const parityRoot = new URL("parity/", import.meta.url);

/**
 * Names of the tiny checkpoints: every folder of `parity/`, so that a new one is tested as soon as it
 * lies there. What each is there for stands in README.md beside this file.
 */
export const parityModels: readonly string[] = [...Deno.readDirSync(parityRoot)]
  .filter(({ isDirectory }) => isDirectory)
  .map(({ name }) => name)
  .sort();

/** Whether a folder is there for its layers, not for a head on layers that others have too. */
export function hasOwnBackbone(model: string): boolean {
  return !/^(head|process)_/.test(model);
}

/** How far from the reference a tiny checkpoint's numbers may lie. */
export interface ParityTolerance {
  /** Of a score, reward or coefficient: |Δ| ≤ score · max(1, |expected|). */
  readonly score: number;
  /** Of a hidden state: |Δ| relative to the largest number of the row. */
  readonly hiddenStates: number;
  /** Why it is another than the default. */
  readonly reason: string;
}

/** The contract's, for every folder without a `tolerance.json` of its own. */
export const contractTolerance: ParityTolerance = {
  score: 1e-4,
  hiddenStates: 1e-4,
  reason: "the contract",
};

/** The tolerance that `tolerance.json` in a tiny checkpoint's folder gives, or the contract's. */
export async function parityTolerance(model: string): Promise<ParityTolerance> {
  const text = await textOf(model, "tolerance.json", "");
  if (text === "") return contractTolerance;
  const { score, hiddenStates, reason, ...others } = JSON.parse(text) as Record<string, unknown>;
  const isBound = (value: unknown): value is number => typeof value === "number" && value > 0;
  if (
    !isBound(score) || !isBound(hiddenStates) || typeof reason !== "string" || reason === "" ||
    Object.keys(others).length > 0
  ) {
    throw new Error(
      `${model}/tolerance.json: expected {"score": above 0, "hiddenStates": above 0, "reason": ` +
        `why}, found ${text}`,
    );
  }
  return { score, hiddenStates, reason };
}

/**
 * Whether a tiny checkpoint's rope depends on a conversation's length, as its config says: then a key
 * depends on what follows it, and conversations of different length share no prompt.
 */
export async function hasDynamicRope(model: string): Promise<boolean> {
  const config = JSON.parse(await textOf(model, "config.json"));
  const rope = config.rope_parameters ?? config.rope_scaling ?? {};
  return ["dynamic", "longrope"].includes(rope.rope_type ?? rope.type);
}

/** Whether a tiny checkpoint is an encoder's, which reads pairs and shares no prompt: it has no chat template. */
export async function readsPairs(model: string): Promise<boolean> {
  const template = await textOf(model, "chat_template.jinja", "");
  const config = JSON.parse(await textOf(model, "tokenizer_config.json"));
  return template === "" && (config.chat_template ?? null) === null;
}

/** Whether a tiny checkpoint's head reads every token, a prompt's too: then no prompt is kept for later packs. */
export async function readsEveryToken(model: string): Promise<boolean> {
  return JSON.parse(await textOf(model, "config.json")).pooling === "mean";
}

/** Whether layers of a tiny checkpoint carry a state from token to token: then nothing is shared. */
export async function isRecurrent(model: string): Promise<boolean> {
  const config = JSON.parse(await textOf(model, "config.json"));
  return ((config.text_config ?? config).layer_types ?? []).includes("linear_attention");
}

/** One conversation with what the reference makes of it. */
export interface GoldenConversation {
  readonly name: string;
  readonly messages: readonly Message[];
  /** The rendered chat template. */
  readonly text: string;
  readonly ids: readonly number[];
  /** The type of each token, where the model is given them. */
  readonly token_type_ids?: readonly number[];
  readonly score: number;
  readonly gate_position?: number;
  readonly rewards?: readonly number[];
  readonly gating?: readonly number[];
  readonly coefficients?: readonly number[];
  /** Of a head that tells how certain it is. */
  readonly score_std?: number;
  /** What else explains the score, by part: numbers in the order of the head's names. */
  readonly parts?: Readonly<Record<string, readonly number[]>>;
}

/** The label that a tiny checkpoint is loaded with, where its head has several. */
export async function goldenLabel(model: string): Promise<string | undefined> {
  return JSON.parse(await textOf(model, "golden.json")).label ?? undefined;
}

/** How else a tiny checkpoint is loaded: what its files do not tell by themselves. */
export async function goldenOptions(model: string): Promise<LoadOptions> {
  return JSON.parse(await textOf(model, "golden.json")).options ?? {};
}

/**
 * The folder of a tiny checkpoint.
 *
 * @param model A name of {@linkcode parityModels}, or the absolute path of another folder of the form.
 */
export function parityFolder(model: string): string {
  return model.startsWith("/") ? model : new URL(model, parityRoot).pathname;
}

/** Conversations, token ids and scores of the reference; a folder without any is an error. */
export async function goldenConversations(model: string): Promise<GoldenConversation[]> {
  const { conversations } = JSON.parse(await textOf(model, "golden.json"));
  if (!Array.isArray(conversations) || conversations.length === 0) {
    throw new Error(`${model}/golden.json: expected conversations, found none`);
  }
  return conversations;
}

/** Hidden states of one conversation: [layers + 2][recorded positions][hidden]. */
export interface GoldenStates {
  readonly positions: readonly number[];
  readonly shape: readonly number[];
  readonly states: Float32Array;
}

/** Hidden states that the reference recorded, by conversation; a folder without any is an error. */
export async function goldenStates(model: string): Promise<Map<string, GoldenStates>> {
  const source = await fileSource(`${parityFolder(model)}/golden.safetensors`);
  if (source === undefined) throw missingFile(model, "golden.safetensors");
  using file = await SafetensorsReader.open(source);
  const states = new Map<string, GoldenStates>();
  for (const name of file.tensors.keys()) {
    if (!name.endsWith(".hidden_states")) continue;
    const conversation = name.slice(0, -".hidden_states".length);
    const positions = await file.read(`${conversation}.positions`);
    const hidden = await file.read(name);
    const { buffer, byteOffset, byteLength } = positions.bytes;
    states.set(conversation, {
      positions: [...new Int32Array(buffer, byteOffset, byteLength / 4)],
      shape: hidden.shape,
      states: toFloat32(hidden),
    });
  }
  if (states.size === 0) {
    throw new Error(`${model}/golden.safetensors: expected hidden states, found none`);
  }
  return states;
}

async function textOf(model: string, file: string, ifMissing?: string): Promise<string> {
  try {
    return await Deno.readTextFile(`${parityFolder(model)}/${file}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    if (ifMissing !== undefined) return ifMissing;
    throw missingFile(model, file);
  }
}

function missingFile(model: string, file: string): Error {
  return new Error(`${model}/${file}: expected in every folder of parity/, not found`);
}
