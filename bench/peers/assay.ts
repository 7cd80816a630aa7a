/**
 * Assay as the bench measures it: conversations in, verdicts out, tokenising included.
 *
 * @module
 */
import { type LoadOptions, RewardModel } from "../../mod.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { openBackend } from "../../src/scoring/open_backend.ts";
import { type FloatDtype, fromFloat32 } from "../../src/checkpoint/tensor.ts";
import { matmul } from "../../src/ops/matmul.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";
import { messagesOf } from "../models/vocabulary.ts";
import { type Engine, productInputs, type ProductShape, sampledOutputs, serve } from "./serve.ts";

/** What the parent sends: a model to score with, or the weights' type of matrix products. */
export type AssayOptions =
  | { readonly checkpoint: string; readonly options?: LoadOptions }
  | { readonly weights: FloatDtype };

async function scorer(checkpoint: string, options: LoadOptions): Promise<Engine> {
  const model = await RewardModel.load(checkpoint, options);
  return {
    facts: { backend: model.backend, deno: Deno.version.deno, v8: Deno.version.v8 },
    score: async (sequences) => {
      const verdicts = await model.score(sequences.map(messagesOf));
      return verdicts.map(({ score, tokens, error }, i) => {
        if (score === null) throw new Error(`${error?.code}: ${error?.message}`);
        if (tokens !== sequences[i]!.length) throw new Error(`${tokens} tokens were scored`);
        return score;
      });
    },
    check: async (sequences) => {
      await checkTokens(checkpoint, sequences);
      const verdicts = await model.score(sequences.map(messagesOf));
      return verdicts.map(({ score }) => score!);
    },
  };
}

/** Makes sure that Assay scores the very tokens that the peers are given. */
async function checkTokens(path: string, sequences: readonly (readonly number[])[]) {
  using checkpoint = await Checkpoint.open(path);
  const maxTokens = Math.max(...sequences.map((ids) => ids.length));
  const tokenizer = await ChatTokenizer.open(checkpoint, { maxTokens });
  for (const ids of sequences) {
    const found = tokenizer.tokenize(messagesOf(ids)).ids;
    if (found.join() !== ids.join()) throw new Error("the tokenizer made other token ids");
  }
}

async function multiplier(type: FloatDtype): Promise<Engine> {
  const backend = await openBackend("gpu", console.error);
  return {
    facts: { backend: backend.kind },
    product: (shape) => Promise.resolve(product(backend, type, shape)),
  };
}

function product(backend: Backend, type: FloatDtype, shape: ProductShape) {
  const { rows, columns, inner } = shape;
  const numbers = productInputs(shape);
  const input = backend.upload(rows, inner, numbers.input);
  const weight = backend.weight(columns, inner, type, fromFloat32(numbers.weight, type));
  const output = backend.matrix(rows, columns);
  return async (times: number): Promise<readonly number[] | null> => {
    for (let i = 0; i < times; i++) backend.run(matmul, { input, weight, output });
    if (times > 1) {
      await backend.finish();
      return null;
    }
    const [outputs] = await backend.read([output]);
    return sampledOutputs(shape, outputs!);
  };
}

if (import.meta.main) {
  await serve((options: AssayOptions) =>
    "checkpoint" in options
      ? scorer(options.checkpoint, options.options ?? {})
      : multiplier(options.weights)
  );
}
