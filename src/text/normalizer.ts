import { checkGrowth, growthLimit, maxStages } from "./growth.ts";
import { buildSearch } from "./patterns/file_pattern.ts";
import { precompiledMap } from "./precompiled_map.ts";
import { type Fields, unsupported } from "./tokenizer_fields.ts";

/** One stage of a tokenizer that changes the text before it is cut into words. */
export type Normalize = (text: string) => string;

/** What BERT's original tokenizer removes; of the control characters it keeps those of layout. */
const removed = /(?![\t\n\r])[\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
/** CJK ideographs as BERT's original tokenizer counts them; kana and Hangul are not among them. */
const ideograph =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/**
 * Builds the normalizer of a `tokenizer.json`, as the Rust `tokenizers` runs it.
 *
 * Patterns are the library's; the others are written out, because the library's differ from Rust's in
 * final sigmas, combining marks, ideographs outside the BMP, what counts as whitespace, and SentencePiece's
 * precompiled map, which it only approximates.
 *
 * @param config The `normalizer` entry.
 * @returns The normalizer, or undefined for `null`.
 * @throws {AssayError} `text/bad-tokenizer` for a type that is not known. The normalizer itself throws
 * `text/tokenizer-runaway` when it makes too much of a text.
 */
export function buildNormalizer(config: Fields | null | undefined): Normalize | undefined {
  const stage = buildStage(config);
  if (stage === undefined) return undefined;
  return (text) => stage(text, growthLimit(text.length));
}

/** A stage, which may make a text so long and no longer. */
type Stage = (text: string, limit: number) => string;

function buildStage(config: Fields | null | undefined): Stage | undefined {
  if (config === null || config === undefined) return undefined;
  const type = config["type"];
  switch (type) {
    case "Sequence": {
      const configs = config["normalizers"] as readonly Fields[];
      if (configs.length > maxStages) throw unsupported("normalizer of few stages", configs.length);
      const stages = configs.map(buildStage).filter((stage) => stage !== undefined);
      return (text, limit) =>
        stages.reduce((current, stage) => {
          const made = stage(current, limit);
          checkGrowth("normalizer", made.length, limit);
          return made;
        }, text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => text.normalize(type);
    case "Lowercase":
      return lowercase;
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Strip":
      return strip(config["strip_left"] === true, config["strip_right"] === true);
    case "Prepend":
      return (text) => text === "" ? "" : String(config["prepend"]) + text;
    case "Replace":
      return replace(config);
    case "Precompiled":
      return precompiledMap(config);
    case "BertNormalizer":
      return bertNormalizer(config);
    default:
      throw unsupported("normalizer", type);
  }
}

function replace(config: Fields): Stage {
  const find = buildSearch(config);
  const content = String(config["content"] ?? "");
  return (text, limit) => {
    const parts: string[] = [];
    let units = text.length;
    let done = 0;
    for (const { start, end } of find(text)) {
      units += content.length - (end - start);
      checkGrowth("normalizer", units, limit + text.length);
      parts.push(text.slice(done, start), content);
      done = end;
    }
    return done === 0 && parts.length === 0 ? text : parts.join("") + text.slice(done);
  };
}

/** Character by character, without the context that gives a word's last sigma another form. */
function lowercase(text: string): string {
  return text.includes("\u03a3")
    ? text.split("\u03a3").map((part) => part.toLowerCase()).join("\u03c3")
    : text.toLowerCase();
}

function strip(left: boolean, right: boolean): Normalize {
  const isSpace = (unit: string | undefined) => unit !== undefined && /\p{White_Space}/u.test(unit);
  return (text) => {
    let start = 0;
    let end = text.length;
    while (left && start < end && isSpace(text[start])) start++;
    while (right && end > start && isSpace(text[end - 1])) end--;
    return text.slice(start, end);
  };
}

/** Source: `BertNormalizer` of the Rust `tokenizers`, after `BasicTokenizer` of the original BERT. */
function bertNormalizer(config: Fields): Normalize {
  const lowers = config["lowercase"] === true;
  const stripsAccents = (config["strip_accents"] ?? lowers) === true;
  return (text) => {
    let result = config["clean_text"] === true ? cleanText(text) : text;
    if (config["handle_chinese_chars"] === true) result = result.replace(ideograph, " $& ");
    if (stripsAccents) result = result.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lowers ? lowercase(result) : result;
  };
}

function cleanText(text: string): string {
  return text.replace(removed, "").replace(/\p{White_Space}/gu, " ");
}
