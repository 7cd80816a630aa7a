import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { AssayError } from "../error.ts";
import { type AddedToken, AddedTokenSplitter } from "./added_tokens.ts";
import { buildNormalizer, type Normalize } from "./normalizer.ts";
import { buildWordCutter } from "./word_cuts.ts";
import { buildPreTokenizer, BYTE_CHARACTERS, type SplitWords, type Word } from "./pre_tokenizer.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Text with the places where no control token may stretch across, because content put them there. */
export interface GuardedText {
  readonly text: string;
  /** Offsets into `text` in UTF-16 units, ascending. */
  readonly breaks: readonly number[];
}

/** Token ids, possibly of the beginning of a text only. */
export interface Encoded {
  readonly ids: readonly number[];
  /** Whether the ids are those of the whole text. */
  readonly isComplete: boolean;
  /** Number of tokens of the whole text; a lower bound where the ids are not complete. */
  readonly total: number;
}

/** How far to encode. */
export interface EncodeOptions {
  readonly limit?: number;
  readonly countsOnly?: boolean;
}

/** What encodes the words: the library's BPE, WordPiece or Unigram. */
interface Model {
  /** Parts of a word that are encoded by themselves. */
  readonly cutWord: (word: string) => Iterable<string>;
  /** Tokens of a part of a word; the word may be a token that no merge makes. */
  readonly encodePart: (part: string, word: string) => readonly string[];
  readonly idOf: (token: string) => number | undefined;
  /** Most UTF-16 units of a word that one token stands for; Infinity where there is no such bound. */
  readonly longestToken: number;
}

/** Where ids are gathered; `pending` counts tokens that a word not encoded would have at least. */
interface Sink {
  readonly ids: number[];
  readonly limit: number;
  readonly countsOnly: boolean;
  pending: number;
}

function isFull(sink: Sink): boolean {
  return sink.ids.length + sink.pending > sink.limit;
}

/** A lone surrogate stands in no well-formed text, so a vocabulary entry with one is never found. */
const UNREACHABLE = "\uD800";
/** Parts of words whose tokens are remembered, and how long such a part may be. */
const CACHED_PARTS = 20_000;
const CACHED_LENGTH = 64;
/** A noncharacter that holds a break's place while text is normalized. */
const BREAK_MARK = "\uFDD0";

/**
 * Text to token ids, as the Rust `tokenizers` does it from `tokenizer.json`: added tokens are split
 * off first, and each stretch between them is normalized, cut into words and encoded by itself.
 *
 * The model (BPE, WordPiece, Unigram) is that of `@huggingface/tokenizers`. The stages before it are
 * written out here and in `normalizer.ts` and `pre_tokenizer.ts`, because the library does not honour
 * `single_word`, gives a wrong section number to `prepend_scheme: first`, fuses unknown tokens across
 * words, and lets plain text spell a special token.
 */
export class Tokenizer {
  /** Tokens that are split off before anything else. */
  readonly addedTokens: readonly AddedToken[];
  readonly #normalize: Normalize | undefined;
  readonly #splitWords: SplitWords;
  readonly #model: Model;
  readonly #plain: AddedTokenSplitter;
  readonly #normalized: AddedTokenSplitter;
  readonly #normalizedTokens: ReadonlySet<AddedToken>;
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #known = new Map<string, readonly number[]>();
  readonly #isByteLevel: boolean;
  #tokens: ReadonlyMap<number, string> | undefined;

  /**
   * @param json `tokenizer.json`.
   * @param vocabulary Its own vocabulary, see {@link readVocabulary}.
   * @param addedTokens Its added tokens, see `readAddedTokens`.
   * @param unknownToken The named `unk_token`, which plain text may give.
   * @throws {AssayError} `text/bad-tokenizer` when the library cannot build one of the stages.
   */
  constructor(
    json: Fields,
    vocabulary: ReadonlyMap<string, number>,
    addedTokens: readonly AddedToken[],
    unknownToken: string | undefined,
  ) {
    this.addedTokens = addedTokens;
    this.#vocabulary = vocabulary;
    this.#isByteLevel = JSON.stringify([json["pre_tokenizer"], json["decoder"]])
      .includes('"ByteLevel"');
    const unreachable = new Set(
      addedTokens.filter((token) => token.special && token.content !== unknownToken)
        .map((token) => token.content),
    );
    this.#normalize = buildNormalizer(json["normalizer"] as Fields | null);
    this.#splitWords = buildPreTokenizer(json["pre_tokenizer"] as Fields | null);
    this.#model = buildModel(json["model"] as Fields, unreachable);
    const normalized = addedTokens.filter((token) => token.normalized);
    this.#normalizedTokens = new Set(normalized);
    this.#plain = new AddedTokenSplitter(
      addedTokens.filter((token) => !token.normalized).map((token) => [token.content, token]),
    );
    this.#normalized = new AddedTokenSplitter(
      normalized.map((token) => [this.normalize(token.content), token]),
    );
  }

  /**
   * Encodes text, with no token added before or after.
   *
   * Time grows with the length of the text, at worst (one word of millions of characters) times its
   * logarithm.
   *
   * @param guarded Well-formed text and the breaks that control tokens must not cross.
   * @param control Tokens that must not cross a break.
   * @param options `limit`: the work stops once there are more tokens than this. `countsOnly`: it also
   * stops before a word that would pass the limit, as its length over that of the vocabulary's longest
   * entry tells; the ids are then fewer than the limit.
   * @returns Token ids.
   */
  encode(
    guarded: GuardedText,
    control: ReadonlySet<AddedToken>,
    options: EncodeOptions = {},
  ): Encoded {
    const { text, breaks } = guarded;
    const { limit = Infinity, countsOnly = false } = options;
    const sink: Sink = { ids: [], limit, countsOnly, pending: 0 };
    const isAllowed = allowedBy(breaks, control, 0);
    for (const segment of this.#plain.split(text, isAllowed)) {
      if (isFull(sink)) break;
      if (segment.token !== undefined) sink.ids.push(segment.token.id);
      else this.#encodeSection(guarded, segment.start, segment.end, control, sink);
    }
    const total = sink.ids.length + sink.pending;
    return { ids: sink.ids, isComplete: total <= limit, total };
  }

  /** The normalizer's work on a text; the text itself where the tokenizer has none. */
  normalize(text: string): string {
    return this.#normalize?.(text) ?? text;
  }

  #encodeSection(
    { text, breaks }: GuardedText,
    start: number,
    end: number,
    control: ReadonlySet<AddedToken>,
    sink: Sink,
  ): void {
    const section = text.slice(start, end);
    if (this.#normalize === undefined) {
      this.#encodeNormalized(section, allowedBy(breaks, control, start), start === 0, sink);
      return;
    }
    const inside = breaks.filter((position) => position > start && position < end);
    const mustMark = inside.length > 0 &&
      [...control].some((token) => this.#normalizedTokens.has(token));
    if (!mustMark) {
      this.#encodeNormalized(this.#normalize(section), () => true, start === 0, sink);
      return;
    }
    let marked = "";
    let previous = start;
    for (const position of inside) {
      marked += text.slice(previous, position) + BREAK_MARK;
      previous = position;
    }
    marked = this.#normalize(marked + text.slice(previous, end));
    this.#encodeNormalized(marked, () => true, start === 0, sink, BREAK_MARK);
  }

  #encodeNormalized(
    text: string,
    isAllowed: (token: AddedToken, start: number, end: number) => boolean,
    isFirstSection: boolean,
    sink: Sink,
    mark?: string,
  ): void {
    for (const segment of this.#normalized.split(text, isAllowed)) {
      if (isFull(sink)) return;
      if (segment.token !== undefined) {
        sink.ids.push(segment.token.id);
        continue;
      }
      const piece = text.slice(segment.start, segment.end);
      const clean = mark === undefined ? piece : piece.replaceAll(mark, "");
      this.#encodePiece({ text: clean, atStart: isFirstSection && segment.start === 0 }, sink);
    }
  }

  #encodePiece(piece: Word, sink: Sink): void {
    const { cutWord, longestToken } = this.#model;
    for (const word of this.#splitWords(piece)) {
      for (const part of cutWord(word.text)) {
        if (isFull(sink)) return;
        const atLeast = sink.countsOnly ? Math.ceil(part.length / longestToken) : 0;
        if (sink.ids.length + atLeast > sink.limit) {
          sink.pending = atLeast;
          return;
        }
        for (const id of this.#encodePart(part, word.text)) sink.ids.push(id);
      }
    }
  }

  #encodePart(part: string, word: string): readonly number[] {
    // Only whole words may be tokens that no merge makes, so a part of a word is not the word.
    const key = (part === word ? "=" : "+") + part;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { encodePart, idOf } = this.#model;
    const ids = encodePart(part, word).map((token) => idOf(token) ?? throwUnknown(token));
    if (part.length <= CACHED_LENGTH) {
      if (this.#known.size >= CACHED_PARTS) this.#known.clear();
      this.#known.set(key, ids);
    }
    return ids;
  }

  /**
   * The text a token stands for, for people to read: `Ġ` and `▁` shown as spaces, bytes that are not
   * UTF-8 by themselves as U+FFFD, a WordPiece continuation with its `##`.
   *
   * @param id Token id.
   * @returns Its text.
   * @throws {AssayError} `text/unknown-token` when the vocabulary has no such id.
   */
  decodeToken(id: number): string {
    const added = this.addedTokens.find((token) => token.id === id);
    if (added !== undefined) return added.content;
    this.#tokens ??= new Map(Array.from(this.#vocabulary, ([token, id]) => [id, token]));
    const token = this.#tokens.get(id);
    if (token === undefined) {
      throw new AssayError(
        "text/unknown-token",
        `Cannot decode token ${id}: expected one of the vocabulary's ${this.#tokens.size} ids`,
      );
    }
    return this.#isByteLevel ? decodeByteLevel(token) : decodeSentencePiece(token);
  }
}

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

function allowedBy(
  breaks: readonly number[],
  control: ReadonlySet<AddedToken>,
  offset: number,
): (token: AddedToken, start: number, end: number) => boolean {
  if (breaks.length === 0) return () => true;
  const places = new Set(breaks);
  return (token, start, end) => {
    if (!control.has(token)) return true;
    // A one-character token has no inside: its break stands before it.
    const isOneCharacter = String.fromCodePoint(token.content.codePointAt(0)!) === token.content;
    for (let place = isOneCharacter ? start : start + 1; place < end; place++) {
      if (places.has(place + offset)) return false;
    }
    return true;
  };
}

function buildModel(config: Fields, unreachable: ReadonlySet<string>): Model {
  if (config?.["continuing_subword_prefix"] && config["merges"] !== undefined) {
    throw new AssayError(
      "text/bad-tokenizer",
      "Cannot use tokenizer.json: expected a BPE without continuing_subword_prefix, found one",
    );
  }
  let library: LibraryTokenizer;
  try {
    library = new LibraryTokenizer({
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      added_tokens: [],
      model: withoutEntries({ ...config, ignore_merges: false }, unreachable),
    }, {});
  } catch (cause) {
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot use tokenizer.json: expected a model that @huggingface/tokenizers supports, found ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
  const model = library.model!;
  const encode = model as unknown as (words: readonly string[]) => string[];
  const tokens = model.tokens_to_ids;
  const isBpe = config["type"] === "BPE";
  // The library forgets the unknown token of a WordLevel model.
  const unknown = typeof config["unk_token"] === "string"
    ? tokens.get(config["unk_token"])
    : undefined;
  const dropsUnknown = isBpe && config["unk_token"] == null && config["byte_fallback"] !== true &&
    BYTE_CHARACTERS.some((character) => !tokens.has(character));
  // Rust drops characters that a BPE has no token for before it merges, the library after.
  const known = (word: string) => [...word].filter((character) => tokens.has(character)).join("");
  const cut = isBpe ? buildWordCutter(config, tokens) : (word: string) => [word];
  const isWhole = config["ignore_merges"] === true
    ? (word: string) => tokens.has(word)
    : () => false;
  return {
    cutWord: (word) => isWhole(word) ? [word] : cut(dropsUnknown ? known(word) : word),
    encodePart: (part, word) => part === word && isWhole(word) ? [word] : encode([part]),
    idOf: (token) => tokens.get(token) ?? model.unk_token_id ?? unknown,
    longestToken: dropsUnknown ? Infinity : longestToken(config, tokens.keys()),
  };
}

function throwUnknown(token: string): never {
  throw new AssayError(
    "text/bad-tokenizer",
    `Cannot tokenize: expected the vocabulary to have ${
      JSON.stringify(token.slice(0, 50))
    } or an ` +
      "unknown token, found neither",
  );
}

/** A bound exists only where every character of a word is some token's: a fused unknown has any length. */
function longestToken(config: Fields, tokens: Iterable<string>): number {
  if (
    config["type"] !== "BPE" || (config["fuse_unk"] === true && config["byte_fallback"] !== true)
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
        unreachable.has(token as string) ? [`${UNREACHABLE}${index}`, score] : [token, score]
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

const BYTES: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);

function decodeByteLevel(token: string): string {
  const bytes = Array.from(token, (character) => BYTES.get(character));
  if (bytes.includes(undefined)) return token;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes as number[]));
}

function decodeSentencePiece(token: string): string {
  const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
  if (byte === undefined) return token.replaceAll("\u2581", " ");
  const value = Number.parseInt(byte, 16);
  return value < 0x80 ? String.fromCharCode(value) : "\uFFFD";
}
