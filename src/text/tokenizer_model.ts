import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { AssayError } from "../error.ts";
import { byteCharacters } from "./pre_tokenizer.ts";
import { buildWordCutter } from "./word_cuts.ts";
import { type Fields, unsupported } from "./tokenizer_fields.ts";

/** What encodes words: the library's BPE, WordPiece or Unigram. */
export interface Model {
  /** Parts of a word that are encoded by themselves. */
  readonly cutWord: (word: string) => Iterable<string>;
  /** Token ids of a part of a word; the word may be a token that no merge makes. */
  readonly encodePart: (part: string, word: string) => readonly number[];
  /** Most UTF-16 units of a word that one token stands for; Infinity where there is no such bound. */
  readonly longestToken: number;
}

/** A lone surrogate stands in no well-formed text, so a vocabulary entry with one is never found. */
const unreachableMark = "\uD800";

/**
 * The id that a tokenizer's own vocabulary, without added tokens, gives to each string.
 *
 * @param json `tokenizer.json`.
 * @returns Ids by string.
 * @throws {AssayError} `text/bad-tokenizer` when there is none, or an entry is not a string with an id.
 */
export function readVocabulary(json: Fields): ReadonlyMap<string, number> {
  const vocabulary = (json["model"] as Fields | null | undefined)?.["vocab"];
  const entries = Array.isArray(vocabulary)
    ? vocabulary.map((entry, id) => [entry?.[0], id])
    : Object.entries(vocabulary ?? {});
  const bad = entries.find(([token, id]) =>
    typeof token !== "string" || !Number.isInteger(id) || (id as number) < 0
  );
  if (entries.length === 0 || bad !== undefined) {
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot use tokenizer.json: expected a vocabulary of strings and ids, found ${
        bad === undefined ? "none" : JSON.stringify(bad).slice(0, 100)
      }`,
    );
  }
  return new Map(entries as [string, number][]);
}

/**
 * Builds the model of a `tokenizer.json` on the one of `@huggingface/tokenizers`.
 *
 * @param config The `model` entry.
 * @param unreachable Tokens that no text may spell; they are taken out.
 * @returns The model.
 * @throws {AssayError} `text/bad-tokenizer` when the library cannot build it.
 */
export function buildModel(config: Fields, unreachable: ReadonlySet<string>): Model {
  if (config?.["continuing_subword_prefix"] && config["merges"] !== undefined) {
    throw new AssayError(
      "text/bad-tokenizer",
      "Cannot use tokenizer.json: expected a BPE without continuing_subword_prefix, found one",
    );
  }
  const unknownToken = config?.["unk_token"] ?? undefined;
  if (unknownToken !== undefined && typeof unknownToken !== "string") {
    throw unsupported("text for unk_token", unknownToken);
  }
  const type = modelType(config);
  const model = buildLibraryModel(
    withoutEntries({ ...config, type, ignore_merges: false }, unreachable),
  );
  const encode = model as unknown as (words: readonly string[]) => string[];
  const tokens = model.tokens_to_ids;
  const isBpe = type === "BPE";
  // The library forgets the unknown token of a WordLevel model.
  const unknown = typeof config["unk_token"] === "string"
    ? tokens.get(config["unk_token"])
    : undefined;
  const dropsUnknown = isBpe && config["unk_token"] == null && config["byte_fallback"] !== true &&
    byteCharacters.some((character) => !tokens.has(character));
  // Rust drops characters that a BPE has no token for before it merges, the library after.
  const known = (word: string) => [...word].filter((character) => tokens.has(character)).join("");
  const cut = isBpe ? buildWordCutter(config, tokens) : (word: string) => [word];
  const isWhole = config["ignore_merges"] === true
    ? (word: string) => tokens.has(word)
    : () => false;
  return {
    cutWord: (word) => isWhole(word) ? [word] : cut(dropsUnknown ? known(word) : word),
    encodePart: (part, word) =>
      (part === word && isWhole(word) ? [word] : encode([part]))
        .map((token) => tokens.get(token) ?? model.unk_token_id ?? unknown ?? throwUnknown(token)),
    longestToken: dropsUnknown ? Infinity : longestToken(type, config, tokens.keys()),
  };
}

/** Older files leave the type out; the library takes what it does not know for a list of words. */
function modelType(config: Fields): string {
  const found = config["type"] ??
    (config["merges"] !== undefined
      ? "BPE"
      : Array.isArray(config["vocab"])
      ? "Unigram"
      : "WordPiece");
  if (!["BPE", "WordPiece", "Unigram", "WordLevel"].includes(found as string)) {
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot use tokenizer.json: expected a model of type BPE, WordPiece, Unigram or WordLevel, found ${
        JSON.stringify(found)
      }`,
    );
  }
  return found as string;
}

function buildLibraryModel(model: Fields): NonNullable<LibraryTokenizer["model"]> {
  try {
    const stages = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
    return new LibraryTokenizer({ ...stages, added_tokens: [], model }, {}).model!;
  } catch (cause) {
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot use tokenizer.json: expected a model that @huggingface/tokenizers supports, found ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
}

/** A model in which no text stands for the unknown token gives what is no text. */
function excerpt(token: unknown): string {
  return String(token).slice(0, 50);
}

function throwUnknown(token: string): never {
  throw new AssayError(
    "text/bad-tokenizer",
    `Cannot tokenize: expected the vocabulary to have ${JSON.stringify(excerpt(token))} or an ` +
      "unknown token, found neither",
  );
}

/** A bound exists only where every character of a word is some token's: a fused unknown has any length. */
function longestToken(type: string, config: Fields, tokens: Iterable<string>): number {
  if (
    type !== "BPE" || (config["fuse_unk"] === true && config["byte_fallback"] !== true)
  ) {
    return Infinity;
  }
  let longest = 2; // An unknown character outside the BMP has two units.
  for (const { length } of tokens) longest = Math.max(longest, length);
  return longest;
}

/** The model without the strings that only control tokens have, so that no text can spell them. */
function withoutEntries(model: Fields, unreachable: ReadonlySet<string>): Fields {
  const vocabulary = model?.["vocab"];
  if (Array.isArray(vocabulary)) {
    return {
      ...model,
      vocab: vocabulary.map(([token, score], index) =>
        unreachable.has(token as string) ? [`${unreachableMark}${index}`, score] : [token, score]
      ),
    };
  }
  if (typeof vocabulary !== "object" || vocabulary === null) return model;
  const present = [...unreachable].filter((token) => Object.hasOwn(vocabulary, token));
  if (present.length === 0) return model;
  const vocab: Record<string, unknown> = { ...vocabulary };
  for (const token of present) delete vocab[token];
  const merges = model["merges"] as readonly (string | readonly string[])[] | undefined;
  if (merges === undefined) return { ...model, vocab };
  return {
    ...model,
    vocab,
    merges: merges.filter((merge) =>
      !unreachable.has(typeof merge === "string" ? merge.replace(" ", "") : merge.join(""))
    ),
  };
}
