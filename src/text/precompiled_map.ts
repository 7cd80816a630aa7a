import { AssayError } from "../error.ts";
import { checkGrowth } from "./growth.ts";
import type { Fields } from "./tokenizer_fields.ts";

/** Longer graphemes are looked up character by character, as Rust's does. */
const longestGrapheme = 6;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Made with the first map: few tokenizers have one, and a segmenter takes milliseconds. */
let graphemes: Intl.Segmenter | undefined;

/** Characters of ASCII between others of it: each is a grapheme, which spares asking the segmenter. */
const plainRuns = /((?<=^|[ -~])[ -~]+(?=[ -~]|$))/;

/**
 * SentencePiece's precompiled normalization (T5, XLM-R, DeBERTa v3): a map from short texts to others,
 * as a double-array trie with the results behind it. A grapheme that the map knows a beginning of
 * becomes the result of the shortest such beginning, whole; else each of its characters is looked up.
 *
 * Source: `spm_precompiled` of the Rust `tokenizers`, its oddities included. Graphemes are those of the
 * JavaScript engine's Unicode version.
 *
 * @param config The `normalizer` entry, with `precompiled_charsmap` in base64.
 * @returns The normalizer, which may make a text of so many UTF-16 units and no more.
 * @throws {AssayError} `text/bad-tokenizer` where the map's bytes are none. The normalizer itself throws
 *   `text/tokenizer-runaway`.
 */
export function precompiledMap(config: Fields): (text: string, limit: number) => string {
  const { trie, results } = readMap(config["precompiled_charsmap"]);
  const segmenter = graphemes ??= new Intl.Segmenter("und", { granularity: "grapheme" });
  const known = new Map<string, string | undefined>();
  const lookUp = (chunk: string): string | undefined => {
    if (known.has(chunk)) return known.get(chunk);
    const start = shortestMatch(trie, encoder.encode(chunk));
    const found = start === undefined ? undefined : textAt(results, start);
    if (known.size >= 100_000) known.clear();
    known.set(chunk, found);
    return found;
  };
  const addGrapheme = (grapheme: string, add: (part: string) => void): void => {
    const isShort = grapheme.length === 1 || encoder.encode(grapheme).length < longestGrapheme;
    const whole = isShort ? lookUp(grapheme) : undefined;
    if (whole !== undefined) add(whole);
    else for (const character of grapheme) add(lookUp(character) ?? character);
  };
  return (text, limit) => {
    let normalized = "";
    const add = (part: string): void => {
      normalized += part;
      checkGrowth("normalizer", normalized.length, limit);
    };
    for (const [index, part] of text.split(plainRuns).entries()) {
      if (index % 2 === 1) { for (const unit of part) add(lookUp(unit) ?? unit); }
      else for (const { segment } of segmenter.segment(part)) addGrapheme(segment, add);
    }
    return normalized;
  };
}

/** The trie's units and the bytes of the results, which end with zeros. */
interface PrecompiledMap {
  readonly trie: Uint32Array;
  readonly results: Uint8Array;
}

function readMap(charsmap: unknown): PrecompiledMap {
  const bytes = bytesOf(charsmap);
  if (bytes.length === 0) return { trie: new Uint32Array(), results: bytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length < 4 ? NaN : view.getUint32(0, true);
  if (!(size % 4 === 0 && size <= bytes.length - 4)) throw badMap(`${bytes.length} bytes`);
  const trie = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  return { trie, results: bytes.subarray(4 + size) };
}

function bytesOf(charsmap: unknown): Uint8Array {
  if (charsmap === null || charsmap === undefined) return new Uint8Array();
  try {
    return Uint8Array.from(atob(charsmap as string), (character) => character.charCodeAt(0));
  } catch {
    throw badMap(JSON.stringify(charsmap)?.slice(0, 40));
  }
}

function badMap(found: string | undefined): AssayError {
  return new AssayError(
    "text/bad-tokenizer",
    "Cannot use tokenizer.json: expected a precompiled_charsmap of SentencePiece in base64, found " +
      `${found}`,
  );
}

/**
 * Where the result of the shortest key begins that the bytes begin with. Units of the trie are those of
 * Darts: https://github.com/s-yata/darts-clone
 */
function shortestMatch(trie: Uint32Array, bytes: Uint8Array): number | undefined {
  let unit = trie[0];
  if (unit === undefined) return undefined;
  let at = offsetOf(unit);
  for (const byte of bytes) {
    at ^= byte;
    unit = trie[at];
    if (byte === 0 || unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
    at ^= offsetOf(unit);
    if ((unit >>> 8 & 1) === 1) {
      const leaf = trie[at];
      return leaf === undefined ? undefined : leaf & 0x7fffffff;
    }
  }
  return undefined;
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}

function textAt(results: Uint8Array, start: number): string {
  const end = results.indexOf(0, start);
  return decoder.decode(results.subarray(start, end < 0 ? results.length : end));
}
