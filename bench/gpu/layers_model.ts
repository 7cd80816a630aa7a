/**
 * A few layers in the shape of a large model, with conversations to score:
 * `layers_model.ts FOLDER SHAPE` writes the folder. Its weights come from PyTorch, which makes them on the
 * GPU in seconds (`pytorch_layers.py make`), or with `--weights` from here.
 *
 * @module
 */
import { join } from "node:path";
import { writeRandomCheckpoint, writeWithoutWeights } from "../models/random_checkpoint.ts";
import type { ModelShape } from "../models/model_shape.ts";
import { conversationIds } from "../models/vocabulary.ts";

/** Conversations of one length, scored together. */
export interface Case {
  readonly count: number;
  readonly tokens: number;
  readonly ids: readonly (readonly number[])[];
}

/** The file of the cases. */
export const casesFile = "cases.json";

/**
 * Reads a shape: layers, width, feed-forward, heads and key heads, then the cases as
 * conversations×tokens, as `8,4096,14336,32,8:1x512,16x128`.
 */
export function parseShape(text: string): { shape: ModelShape; cases: Case[] } {
  const [sizes, cases] = text.split(":");
  const numbers = sizes!.split(",").map(Number);
  const isWhole = (number: number | undefined): boolean =>
    Number.isSafeInteger(number) && number! > 0;
  if (numbers.length !== 5 || !numbers.every(isWhole) || cases === undefined) {
    throw new TypeError(
      "expected layers,width,feed-forward,heads,key heads:conversations×tokens,… as " +
        `8,4096,14336,32,8:1x512,16x128; found "${text}"`,
    );
  }
  const [layers, hidden, feedForward, heads, keyHeads] = numbers as [
    number,
    number,
    number,
    number,
    number,
  ];
  const shape: ModelShape = {
    layers,
    hidden,
    feedForward,
    heads,
    keyHeads,
    vocabulary: 32000,
    maxTokens: 8192,
    rmsEpsilon: 1e-5,
    ropeTheta: 500000,
  };
  return {
    shape,
    cases: cases.split(",").map((one): Case => {
      const [count, tokens] = one.split(/[x×]/).map(Number) as [number, number];
      if (!isWhole(count) || !isWhole(tokens)) throw new TypeError(`no such case: "${one}"`);
      const ids = Array.from({ length: count }, (_, i) => conversationIds(shape, tokens, i));
      return { count, tokens, ids };
    }),
  };
}

if (import.meta.main) {
  const [folder, text, weights] = Deno.args as [string, string, string?];
  const { shape, cases } = parseShape(text);
  await (weights === "--weights" ? writeRandomCheckpoint : writeWithoutWeights)(folder, shape);
  await Deno.writeTextFile(join(folder, casesFile), JSON.stringify(cases));
}
