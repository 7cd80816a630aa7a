import type { TensorInfo } from "../../src/checkpoint/tensor.ts";
import { AssayError } from "../../src/error.ts";
import type { HeadFacts } from "../../src/heads/head.ts";

/** What a head is chosen by: its tensors by shape, and the config. */
export function headFacts(
  tensors: Readonly<Record<string, readonly number[]>>,
  config: Readonly<Record<string, unknown>> = {},
): HeadFacts {
  const infos = Object.entries(tensors).map(([name, shape]): [string, TensorInfo] => [
    name,
    { name, dtype: "F32", shape, byteLength: 0, file: "model.safetensors" },
  ]);
  return {
    name: "tiny",
    config,
    tensors: new Map(infos),
    hiddenSize: 64,
    vocabularySize: 100,
    embeddingName: "model.embed_tokens.weight",
    languageHeadName: "lm_head.weight",
    tiedByDefault: false,
    logitSoftcap: undefined,
    asked: {},
    causal: true,
  };
}

/** Whether an error has this code and a message with these words. */
export function hasCode(expected: string, words: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === expected && words.test(error.message);
}
