import { AssayError } from "../error.ts";
import type { AddedToken } from "./added_tokens.ts";
import type { Fields } from "./tokenizer_fields.ts";

/** Names under which `tokenizer_config.json` lists special tokens; templates know them by the same. */
const tokenNames = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
];

/**
 * The special tokens that a checkpoint names.
 *
 * @param config `tokenizer_config.json`; each entry is a string or an object with `content`.
 * @returns Text of each token by its name; tokens that are not named are absent.
 */
export function namedSpecialTokens(config: Fields): Record<string, string> {
  const named: Record<string, string> = {};
  for (const name of tokenNames) {
    const content = tokenContent(config[name]);
    if (content !== undefined) named[name] = content;
  }
  return named;
}

/**
 * All added tokens of a checkpoint: those of `tokenizer.json`, those that only
 * `added_tokens_decoder` of `tokenizer_config.json` lists, and named special tokens that stand in the
 * vocabulary alone. A named token always counts as special. This is how `transformers` puts its
 * tokenizer together.
 *
 * @param tokenizer `tokenizer.json`.
 * @param config `tokenizer_config.json`.
 * @param vocabularyId The vocabulary's id of a string, if it has one.
 * @returns The added tokens, each content once.
 * @throws {AssayError} `text/bad-tokenizer` when an entry lacks its content or id.
 */
export function readAddedTokens(
  tokenizer: Fields,
  config: Fields,
  vocabularyId: (content: string) => number | undefined,
): AddedToken[] {
  const named = Object.values(namedSpecialTokens(config));
  const tokens = new Map<string, AddedToken>();
  const add = (entry: unknown, id: unknown) => {
    const token = readAddedToken(entry, id);
    if (!tokens.has(token.content)) tokens.set(token.content, token);
  };
  const listed = tokenizer["added_tokens"] ?? [];
  if (!Array.isArray(listed)) {
    throw new AssayError(
      "text/bad-tokenizer",
      "Cannot read tokenizer.json: expected added_tokens to be a list",
    );
  }
  for (const entry of listed) add(entry, (entry as Fields | null)?.["id"]);
  for (const [id, entry] of Object.entries(config["added_tokens_decoder"] ?? {})) {
    add(entry, Number(id));
  }
  for (const content of named) {
    const id = tokens.get(content)?.id ?? vocabularyId(content);
    if (id === undefined) continue; // Named but absent: no text can give it.
    const known = tokens.get(content) ?? readAddedToken({ content, special: true }, id);
    tokens.set(content, { ...known, special: true });
  }
  return [...tokens.values()];
}

function readAddedToken(entry: unknown, id: unknown): AddedToken {
  const fields = (entry ?? {}) as Fields;
  const content = fields["content"];
  if (typeof content !== "string" || !Number.isInteger(id) || (id as number) < 0) {
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot read an added token: expected a string content and an id, found ${
        JSON.stringify(entry)?.slice(0, 100)
      }`,
    );
  }
  const special = fields["special"] === true;
  return {
    id: id as number,
    content,
    special,
    normalized: (fields["normalized"] as boolean | undefined) ?? !special,
    lstrip: fields["lstrip"] === true,
    rstrip: fields["rstrip"] === true,
    singleWord: fields["single_word"] === true,
  };
}

/**
 * The ids that the tokenizer puts before a sequence: the beginning-of-sequence token of most
 * decoders, `[CLS]` of encoders, nothing for models without either (Qwen).
 *
 * An `add_bos_token` in `tokenizer_config.json` decides where it is given, as in `transformers` 5;
 * else the post-processor of `tokenizer.json` does.
 *
 * @param tokenizer `tokenizer.json`.
 * @param config `tokenizer_config.json`.
 * @param bosId Id of the named beginning-of-sequence token, if there is one.
 * @returns The prefix, usually one id or none.
 */
export function sequencePrefix(
  tokenizer: Fields,
  config: Fields,
  bosId: number | undefined,
): readonly number[] {
  const addsBos = config["add_bos_token"];
  if (typeof addsBos === "boolean") return addsBos && bosId !== undefined ? [bosId] : [];
  return postProcessorPrefix(tokenizer["post_processor"] as Fields | null | undefined);
}

function postProcessorPrefix(processor: Fields | null | undefined): readonly number[] {
  switch (processor?.["type"]) {
    case "Sequence":
      return ((processor["processors"] ?? []) as readonly Fields[]).flatMap(postProcessorPrefix);
    case "BertProcessing":
    case "RobertaProcessing": {
      const id = (processor["cls"] as readonly unknown[] | undefined)?.[1];
      return typeof id === "number" ? [id] : [];
    }
    case "TemplateProcessing": {
      const ids: number[] = [];
      const known = (processor["special_tokens"] ?? {}) as Record<string, { ids?: number[] }>;
      for (const item of (processor["single"] ?? []) as readonly Fields[]) {
        const special = item["SpecialToken"] as { id: string } | undefined;
        if (special === undefined) break;
        ids.push(...known[special.id]?.ids ?? []);
      }
      return ids;
    }
    default:
      return [];
  }
}

/**
 * Makes a rendered sequence begin with the sequence prefix exactly once, whether the template writes
 * it, the tokenizer adds it, both do, or neither does. Beginning-of-sequence tokens further on are the
 * template's business (Llama 2 writes one per user turn) and stay.
 *
 * @param ids Tokens of the rendered text.
 * @param prefix What the tokenizer puts before a sequence, see {@link sequencePrefix}.
 * @param bosId Id of the named beginning-of-sequence token, if there is one.
 * @returns The tokens with one beginning.
 */
export function withOneBeginning(
  ids: readonly number[],
  prefix: readonly number[],
  bosId: number | undefined,
): readonly number[] {
  const first = bosId ?? prefix[0];
  let repeats = 0;
  while (first !== undefined && ids[repeats] === first && ids[repeats + 1] === first) repeats++;
  const single = repeats > 0 ? ids.slice(repeats) : ids;
  return prefix.every((id, index) => single[index] === id) ? single : [...prefix, ...single];
}

function tokenContent(value: unknown): string | undefined {
  const content = typeof value === "object" && value !== null
    ? (value as Fields)["content"]
    : value;
  return typeof content === "string" ? content : undefined;
}

/**
 * The special tokens; where none of them is in the header pattern, also the other added tokens of it
 * that are not whitespace, so that content cannot write a header.
 */
export function controlTokens(
  added: readonly AddedToken[],
  pattern: readonly number[],
): readonly AddedToken[] {
  const special = added.filter((token) => token.special);
  if (special.some((token) => pattern.includes(token.id))) return special;
  const isMarker = ({ id, content }: AddedToken) => pattern.includes(id) && content.trim() !== "";
  return added.filter((token) => token.special || isMarker(token));
}
