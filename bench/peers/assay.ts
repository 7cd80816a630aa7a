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
import { messagesOf as wordsOf } from "../models/vocabulary.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { type Engine, productInputs, type ProductShape, sampledOutputs, serve } from "./serve.ts";

/** What the parent sends: a model to score with, or the weights' type of matrix products. */
export type AssayOptions =
  | {
    readonly checkpoint: string;
    readonly options?: LoadOptions;
    /** A file of conversations with their ids, for a model whose ids can't be written down as words. */
    readonly conversations?: string | undefined;
  }
  | { readonly weights: FloatDtype };

async function scorer(
  checkpoint: string,
  options: LoadOptions,
  conversations: string | undefined,
): Promise<Engine> {
  const messagesOf = await reader(conversations);
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
      await checkTokens(checkpoint, sequences, messagesOf);
      const verdicts = await model.score(sequences.map(messagesOf));
      return verdicts.map(({ score }) => score!);
    },
  };
}

type MessagesOf = (ids: readonly number[]) => Conversation;

/** The messages that ids stand for: words of the random model, or what a file says. */
async function reader(file: string | undefined): Promise<MessagesOf> {
  if (file === undefined) return wordsOf;
  const { conversations } = JSON.parse(await Deno.readTextFile(file)) as {
    conversations: { ids: number[]; messages: Conversation }[];
  };
  const byIds = new Map(conversations.map(({ ids, messages }) => [ids.join(), messages]));
  return (ids) => byIds.get(ids.join())!;
}

/** Makes sure that Assay scores the very tokens that the peers are given. */
async function checkTokens(
  path: string,
  sequences: readonly (readonly number[])[],
  messagesOf: MessagesOf,
) {
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
      ? scorer(options.checkpoint, options.options ?? {}, options.conversations)
      : multiplier(options.weights)
  );
}
