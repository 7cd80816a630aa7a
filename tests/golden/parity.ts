import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { SafetensorsReader } from "../../src/checkpoint/safetensors_reader.ts";
import { fileSource } from "../../src/checkpoint/file_source.ts";
import type { Message } from "../../src/text/conversation.ts";

/** Names of the tiny checkpoints; what each is there for stands in README.md beside this file. */
export const parityModels = [
  "llama",
  "llama_f16",
  "llama_llama3_rope",
  "llama_linear_rope",
  "llama_dynamic_rope",
  "mistral",
  "qwen2",
  "qwen3",
  "armo",
] as const;

/** One conversation with what the reference makes of it. */
export interface GoldenConversation {
  readonly name: string;
  readonly messages: readonly Message[];
  readonly ids: readonly number[];
  readonly score: number;
  readonly gate_position?: number;
  readonly rewards?: readonly number[];
  readonly gating?: readonly number[];
  readonly coefficients?: readonly number[];
}

/** The folder of a tiny checkpoint. */
export function parityFolder(model: string): string {
  return model.startsWith("/") ? model : new URL(`parity/${model}`, import.meta.url).pathname;
}

/** Conversations, token ids and scores of the reference. */
export async function goldenConversations(model: string): Promise<GoldenConversation[]> {
  const text = await Deno.readTextFile(`${parityFolder(model)}/golden.json`);
  return JSON.parse(text).conversations;
}

/** Hidden states of one conversation: [layers + 2][recorded positions][hidden]. */
export interface GoldenStates {
  readonly positions: readonly number[];
  readonly shape: readonly number[];
  readonly states: Float32Array;
}

/** Hidden states that the reference recorded, by conversation. */
export async function goldenStates(model: string): Promise<Map<string, GoldenStates>> {
  const source = await fileSource(`${parityFolder(model)}/golden.safetensors`);
  using file = await SafetensorsReader.open(source!);
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
  return states;
}
