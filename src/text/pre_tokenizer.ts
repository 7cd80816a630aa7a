import { checkGrowth, growthLimit, maxStages } from "./growth.ts";
import { buildSearch, type FindMatches, literal, native } from "./patterns/file_pattern.ts";
import { type Fields, unsupported } from "./tokenizer_fields.ts";

/** A stretch of a section, and whether it begins where the whole text begins. */
export interface Word {
  readonly text: string;
  readonly atStart: boolean;
}

/**
 * One stage of a tokenizer that cuts normalized text into words, which are encoded one by one. Words
 * come as they are asked for, so that a text that is too long is not cut to its end.
 */
export type SplitWords = (word: Word) => Iterable<Word>;

/** What becomes of the stretches that a pattern matches. */
type Behavior = "removed" | "isolated" | "contiguous" | "mergedwithprevious" | "mergedwithnext";

const whiteSpace = /\p{White_Space}/gu;
const numeric = /\p{N}/gu;
const punctuation = /[\p{P}!-/:-@[-`{-~]/gu;
const wordOrSymbols =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;
/** The pattern of GPT-2's tokenizer. */
const byteLevelWords =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/**
 * Builds the pre-tokenizer of a `tokenizer.json`, as the Rust `tokenizers` runs it.
 *
 * Regular expressions are translated by the library and run by `buildSearch`; the stages are written out, because the library
 * reads only some of their options and counts other characters as space, digit or word.
 *
 * @param config The `pre_tokenizer` entry.
 * @returns The pre-tokenizer; for `null` one that leaves the text whole.
 * @throws {AssayError} `text/bad-tokenizer` for a type or option that is not known.
 */
export function buildPreTokenizer(config: Fields | null | undefined): SplitWords {
  if (config === null || config === undefined) return (word) => [word];
  switch (config["type"]) {
    case "Sequence":
      return sequence((config["pretokenizers"] as readonly Fields[]).map(buildPreTokenizer));
    case "ByteLevel":
      return byteLevel(config);
    case "Metaspace":
      return metaspace(config);
    case "Split":
      return split(buildSearch(config), behaviorOf(config, "isolated"), config["invert"] === true);
    case "Punctuation":
      return split(native(punctuation), behaviorOf(config, "isolated"));
    case "Digits":
      return split(
        native(numeric),
        config["individual_digits"] === true ? "isolated" : "contiguous",
      );
    case "Whitespace":
      return split(native(wordOrSymbols), "removed", true);
    case "WhitespaceSplit":
      return split(native(whiteSpace), "removed");
    case "CharDelimiterSplit":
      return split(native(literal(String(config["delimiter"]))), "removed");
    case "BertPreTokenizer":
      return sequence([
        split(native(whiteSpace), "removed"),
        split(native(punctuation), "isolated"),
      ]);
    default:
      throw unsupported("pre-tokenizer", config["type"]);
  }
}

/** Stages after one another; together they may make a word so long and no longer. */
function sequence(stages: readonly SplitWords[]): SplitWords {
  if (stages.length > maxStages) throw unsupported("pre-tokenizer of few stages", stages.length);
  return (word) => {
    const limit = growthLimit(word.text.length);
    return stages.reduce<Iterable<Word>>((words, stage) => flatMap(words, stage, limit), [word]);
  };
}

function* flatMap(words: Iterable<Word>, stage: SplitWords, limit: number): Generator<Word> {
  let units = 0;
  for (const word of words) {
    for (const part of stage(word)) {
      checkGrowth("pre-tokenizer", units += part.text.length, limit);
      yield part;
    }
  }
}

function behaviorOf(config: Fields, standard: Behavior): Behavior {
  const behavior = String(config["behavior"] ?? standard).toLowerCase().replaceAll("_", "");
  switch (behavior) {
    case "removed":
    case "isolated":
    case "contiguous":
    case "mergedwithprevious":
    case "mergedwithnext":
      return behavior;
    default:
      throw unsupported("split behavior", config["behavior"]);
  }
}

/** Source: `NormalizedString::split` of the Rust `tokenizers`. */
function split(find: FindMatches, behavior: Behavior, invert = false): SplitWords {
  const joins = (isMatch: boolean, wasMatch: boolean) =>
    (behavior === "contiguous" && isMatch === wasMatch) ||
    (behavior === "mergedwithprevious" && isMatch && !wasMatch) ||
    (behavior === "mergedwithnext" && !isMatch && wasMatch);
  return function* ({ text, atStart }) {
    const word = (start: number, end: number) => ({
      text: text.slice(start, end),
      atStart: atStart && start === 0,
    });
    let open: { start: number; end: number } | undefined;
    let wasMatch = false;
    for (const { start, end, isMatch } of stretches(text, find, invert)) {
      if (open !== undefined && joins(isMatch, wasMatch)) open.end = end;
      else if (behavior !== "removed" || !isMatch) {
        if (open !== undefined) yield word(open.start, open.end);
        open = { start, end };
      }
      wasMatch = isMatch;
    }
    if (open !== undefined) yield word(open.start, open.end);
  };
}

/** The text as stretches that a pattern matches and those between, none empty. */
function* stretches(
  text: string,
  find: FindMatches,
  invert: boolean,
): Generator<{ start: number; end: number; isMatch: boolean }> {
  let previous = 0;
  for (const { start, end } of find(text)) {
    if (previous < start) yield { start: previous, end: start, isMatch: invert };
    if (start < end) yield { start, end, isMatch: !invert };
    previous = end;
  }
  if (previous < text.length) yield { start: previous, end: text.length, isMatch: invert };
}

function metaspace(config: Fields): SplitWords {
  const replacement = String(config["replacement"] ?? "\u2581");
  if ([...replacement].length !== 1) throw unsupported("replacement of one character", replacement);
  const scheme = config["prepend_scheme"] ??
    (config["add_prefix_space"] === false ? "never" : "always");
  const cut = config["split"] === false
    ? undefined
    : split(native(literal(replacement)), "mergedwithnext");
  return ({ text, atStart }) => {
    const replaced = text.replaceAll(" ", replacement);
    const prepends = !replaced.startsWith(replacement) &&
      (scheme === "always" || (scheme === "first" && atStart));
    const word = { text: prepends ? replacement + replaced : replaced, atStart };
    return cut === undefined ? [word] : cut(word);
  };
}

const encoder = new TextEncoder();

/** Printable characters for the 256 bytes, as GPT-2 chose them, by byte. */
export const byteCharacters: readonly string[] = printableBytes();

function printableBytes(): string[] {
  let shifted = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
      byte >= 0xae;
    return String.fromCharCode(isPrintable ? byte : shifted++);
  });
}

function byteLevel(config: Fields): SplitWords {
  const addsSpace = config["add_prefix_space"] === true;
  const cut = config["use_regex"] === false ? undefined : split(native(byteLevelWords), "isolated");
  return function* ({ text, atStart }) {
    const spaced = { text: addsSpace && !text.startsWith(" ") ? ` ${text}` : text, atStart };
    for (const word of cut === undefined ? [spaced] : cut(spaced)) {
      yield { text: toByteCharacters(word.text), atStart: word.atStart };
    }
  };
}

function toByteCharacters(text: string): string {
  let characters = "";
  for (const byte of encoder.encode(text)) characters += byteCharacters[byte]!;
  return characters;
}
