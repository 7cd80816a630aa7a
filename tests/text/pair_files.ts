import { PairTokenizer, type PairTokenizerOptions } from "../../src/text/pair_tokenizer.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import type { TextFiles } from "../../src/text/tokenizer_files.ts";

const folder = new URL("../golden/text/pairs/", import.meta.url);

/** The small tokenizers of encoders under tests/golden/text/pairs; make_pairs.py says what each is like. */
export const pairKinds = ["bert", "roberta", "xlmr", "deberta"] as const;
export type PairKind = typeof pairKinds[number];

/** What the Rust tokenizers make of pairs of texts, see make_pairs.py. */
export interface GoldenPairs {
  readonly rows: readonly (readonly [
    first: number,
    second: number,
    ids: readonly number[],
    types: readonly number[] | null,
  ])[];
  readonly truncated: readonly (readonly [
    most: number,
    first: number,
    second: number,
    ids: readonly number[],
  ])[];
}

export function readPairs(kind: PairKind): GoldenPairs {
  return JSON.parse(Deno.readTextFileSync(new URL(`${kind}/golden.json`, folder)));
}

export function pairTexts(): readonly string[] {
  return JSON.parse(Deno.readTextFileSync(new URL("texts.json", folder)));
}

/** A golden tokenizer's files, some of them changed, or removed by `null`. */
export function pairFiles(
  kind: PairKind,
  changes: Readonly<Record<string, Readonly<Record<string, unknown>> | null>> = {},
): TextFiles {
  return {
    name: kind,
    readText: (file) => {
      const change = changes[file];
      if (change === null || !/^tokenizer(_config)?\.json$/.test(file)) {
        return Promise.resolve(undefined);
      }
      const text = Deno.readTextFileSync(new URL(`${kind}/${file}`, folder));
      if (change === undefined) return Promise.resolve(text);
      return Promise.resolve(JSON.stringify({ ...JSON.parse(text), ...change }));
    },
  };
}

export function openPairs(
  kind: PairKind,
  options: Partial<PairTokenizerOptions> = {},
  changes: Parameters<typeof pairFiles>[1] = {},
): Promise<PairTokenizer> {
  return PairTokenizer.open(pairFiles(kind, changes), {
    maxTokens: 4096,
    tokenTypes: 2,
    ...options,
  });
}

export function pair(prompt: string, response: string): Conversation {
  return [{ role: "user", content: prompt }, { role: "assistant", content: response }];
}
