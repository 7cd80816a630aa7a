import { AssayError } from "../error.ts";
import { type AddedToken, AddedTokenSplitter } from "./added_tokens.ts";
import { buildNormalizer, type Normalize } from "./normalizer.ts";
import { buildPreTokenizer, byteCharacters, type SplitWords, type Word } from "./pre_tokenizer.ts";
import { buildModel, type Model } from "./tokenizer_model.ts";
import type { Fields } from "./tokenizer_fields.ts";

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
  readonly limit?: number | undefined;
  readonly countsOnly?: boolean | undefined;
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

/** Parts of words whose tokens are remembered, and how long such a part may be. */
const cachedParts = 20_000;
const cachedLength = 64;
/** Noncharacters that can hold a break's place while text is normalized. */
const breakMarks = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdd0 + index));

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
   * @param vocabulary Its own vocabulary, see `readVocabulary`.
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
    const breakMark = breakMarks.find((mark) => !section.includes(mark)) ?? breakMarks[0]!;
    let marked = "";
    let previous = start;
    for (const position of inside) {
      marked += text.slice(previous, position) + breakMark;
      previous = position;
    }
    marked = this.#normalize(marked + text.slice(previous, end));
    this.#encodeNormalized(marked, () => true, start === 0, sink, breakMark);
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
    const ids = this.#model.encodePart(part, word);
    if (part.length <= cachedLength) {
      if (this.#known.size >= cachedParts) this.#known.clear();
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

const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  byteCharacters.map((character, byte) => [character, byte]),
);

function decodeByteLevel(token: string): string {
  const bytes = Array.from(token, (character) => byteOfCharacter.get(character));
  if (bytes.includes(undefined)) return token;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes as number[]));
}

function decodeSentencePiece(token: string): string {
  const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
  if (byte === undefined) return token.replaceAll("\u2581", " ");
  const value = Number.parseInt(byte, 16);
  return value < 0x80 ? String.fromCharCode(value) : "\uFFFD";
}
