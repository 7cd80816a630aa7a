import { AssayError } from "../error.ts";
import type { AddedToken } from "./added_tokens.ts";
import { ContentGuard } from "./content_guard.ts";
import { checkConversation, type Conversation, type TemplatedText } from "./conversation.ts";
import {
  type ConversationTokenizer,
  type Limits,
  limitsOf,
  type TextOptions,
  type TokenizedConversation,
} from "./conversation_tokenizer.ts";
import { templatedTokens } from "./templated_text.ts";
import { TextValue } from "./jinja/text_value.ts";
import { type PairForm, readPairForm, withModelTypes } from "./pair_form.ts";
import type { Encoded, EncodeOptions, Tokenizer } from "./tokenizer.ts";
import { readTokenizerFiles, type TextFiles, type TokenizerFiles } from "./tokenizer_files.ts";
import { withStepEnds } from "./step_text.ts";
import { buildFromFiles, buildTokenizerParts } from "./tokenizer_parts.ts";
import {
  describeTotal,
  longestFirst,
  responseTooLong,
  tooLong,
  type Truncation,
} from "./truncation.ts";

/** How a {@link PairTokenizer} treats conversations. */
export interface PairTokenizerOptions extends TextOptions {
  /** Token types that the model has embeddings for; 0, the default, where it has none. */
  readonly tokenTypes?: number | undefined;
}

/** The two texts of a pair. */
interface Pair<Text> {
  readonly prompt: Text;
  readonly response: Text;
}

/** Up to how many times `maxTokens` the tokens of a text that is too long are counted. */
const countedLengths = 4;

/**
 * Prompts and responses to the tokens of an encoder: `[CLS] prompt [SEP] response [SEP]`, as the
 * post-processor of the checkpoint's `tokenizer.json` joins two texts.
 *
 * The tokens and their types are those of `tokenizer(prompt, response)` of `transformers`, but that
 * special tokens written inside either text are encoded as plain text unless `trustSpecialTokens` is
 * set, and that a pair over `maxTokens` is an error unless `truncate` is set: `right` cuts as
 * `truncation=True` does (the longer text first, at its end), `left` drops the prompt's beginning and
 * never a token of the response.
 *
 * A pair is made of a conversation with one user message and the response. What a system message or
 * earlier turns would be in it, no tokenizer says, so such a conversation is refused.
 *
 * @example
 * ```ts
 * import { PairTokenizer } from "@assay/assay/text";
 * import assert from "node:assert/strict";
 *
 * const vocab = { "[CLS]": 0, "[SEP]": 1, "[UNK]": 2, how: 3, well: 4 };
 * const texts: Record<string, string> = {
 *   "tokenizer.json": JSON.stringify({
 *     added_tokens: [{ id: 0, content: "[CLS]", special: true }, { id: 1, content: "[SEP]", special: true }],
 *     pre_tokenizer: { type: "BertPreTokenizer" },
 *     post_processor: { type: "BertProcessing", cls: ["[CLS]", 0], sep: ["[SEP]", 1] },
 *     model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab },
 *   }),
 *   "tokenizer_config.json": JSON.stringify({ tokenizer_class: "BertTokenizer", unk_token: "[UNK]" }),
 * };
 * const files = { name: "tiny", readText: (file: string) => Promise.resolve(texts[file]) };
 * const tokenizer = await PairTokenizer.open(files, { maxTokens: 16, tokenTypes: 2 });
 * const { ids, types } = tokenizer.tokenize([
 *   { role: "user", content: "how" },
 *   { role: "assistant", content: "well" },
 * ]);
 * assert.deepEqual([...ids], [0, 3, 1, 4, 1]);
 * assert.deepEqual([...types ?? []], [0, 0, 0, 1, 1]);
 * ```
 */
export class PairTokenizer implements ConversationTokenizer {
  /** How it takes conversations. */
  readonly form = "pair";
  /** How a pair is joined, in the tokenizer's own words. */
  readonly template: ConversationTokenizer["template"];
  /** A pair has no assistant header. */
  readonly headerPattern = null;
  /** What is odd about the files, though the tokens are those of transformers; for people. */
  readonly warnings: readonly string[];
  /** Ids of the special tokens that the files name and have: `cls_token`, `sep_token`, … */
  readonly namedIds: ReadonlyMap<string, number>;
  readonly #tokenizer: Tokenizer;
  readonly #options: PairTokenizerOptions;
  readonly #form: PairForm;
  readonly #control: ReadonlySet<AddedToken>;
  readonly #guard: ContentGuard;
  /** Tokens that the tokenizer adds to every pair. */
  readonly #separators: number;

  private constructor(name: string, files: TokenizerFiles, options: PairTokenizerOptions) {
    checkAgreement(files);
    const { tokenizer, added, namedIds, warnings } = buildTokenizerParts(files, "");
    const form = readPairForm(files.tokenizer, name);
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#form = withModelTypes(form, files.config, options.tokenTypes ?? 0);
    this.#control = new Set(
      options.trustSpecialTokens ? [] : added.filter(({ special }) => special),
    );
    this.#guard = new ContentGuard(this.#control, (text) => tokenizer.normalize(text));
    this.#separators = form.reduce(
      (sum, piece) => sum + ("ids" in piece ? piece.ids.length : 0),
      0,
    );
    this.namedIds = namedIds;
    this.warnings = warnings;
    this.template = {
      source: this.#join({ prompt: "{prompt}", response: "{response}" }, " "),
      origin: `post_processor in tokenizer.json of ${name}`,
    };
  }

  /**
   * Reads a checkpoint's tokenizer and how it joins two texts.
   *
   * @param files The checkpoint's text files.
   * @param options How conversations are treated.
   * @throws {AssayError} `text/missing-tokenizer`, `text/bad-tokenizer`, `text/no-pair-form`,
   *   `text/unknown-token-types`, `text/missing-special-token`.
   */
  static async open(files: TextFiles, options: PairTokenizerOptions): Promise<PairTokenizer> {
    const read = await readTokenizerFiles(files);
    return buildFromFiles(files.name, () => new PairTokenizer(files.name, read, options));
  }

  /**
   * The pair as one text for people to read, special tokens between.
   *
   * @param conversation A user message and the response.
   * @throws {AssayError} As {@link PairTokenizer.tokenize}, except for length.
   */
  render(conversation: Conversation): string {
    return this.#join(pairOf(conversation), "");
  }

  /**
   * Tokenizes a pair.
   *
   * @param conversation A user message and the response.
   * @returns Its tokens, at most `maxTokens`, and their types.
   * @throws {AssayError} `text/not-a-pair`, `text/empty-conversation`, `text/bad-message`,
   *   `text/unknown-field`, `text/unknown-variable`, `text/tokenizer-runaway`, `text/too-long`.
   */
  tokenize(conversation: Conversation): TokenizedConversation {
    const templated = (conversation as Conversation | null | undefined)?.templated;
    if (templated !== undefined) {
      return this.#templated(templated, limitsOf(conversation, this.#options));
    }
    const texts = pairOf(conversation);
    const { limitedBy } = this.#options;
    const { maxTokens, truncate } = limitsOf(conversation, this.#options);
    const limit = truncate === undefined ? countedLengths * maxTokens : maxTokens;
    const prompt = this.#encode(texts.prompt, { limit, countsOnly: true });
    const response = this.#encode(texts.response, { limit, countsOnly: true });
    const total = prompt.total + response.total + this.#separators;
    if (total <= maxTokens) {
      return this.#joined({ prompt: prompt.ids, response: response.ids }, false);
    }
    if (truncate === undefined) {
      const isComplete = prompt.isComplete && response.isComplete;
      throw tooLong(describeTotal({ total, isComplete }), maxTokens, limitedBy);
    }
    return this.#joined(this.#truncate(texts, { maxTokens, truncate }), true);
  }

  /**
   * The text of one token, for people to read.
   *
   * @param id Token id.
   * @throws {AssayError} `text/unknown-token`.
   */
  decodeToken(id: number): string {
    return this.#tokenizer.decodeToken(id);
  }

  /** All of it comes from outside, so no special token may stand in it. */
  #encode(text: string, options: EncodeOptions): Encoded {
    const guarded = this.#guard.guard(TextValue.from(text, 0));
    return this.#tokenizer.encode(guarded, this.#control, options);
  }

  #truncate(
    { prompt, response }: Pair<string>,
    { maxTokens, truncate }: { readonly maxTokens: number; readonly truncate: Truncation },
  ): Pair<readonly number[]> {
    const room = maxTokens - this.#separators;
    if (truncate === "right") {
      if (room < 2) throw noRoom(maxTokens, this.#separators);
      // Whole, since the odd token goes to whichever is longer.
      const [first, second] = [prompt, response].map((text) => this.#encode(text, {}));
      const kept = longestFirst({ prompt: first!.total, response: second!.total }, room);
      return {
        prompt: first!.ids.slice(0, kept.prompt),
        response: second!.ids.slice(0, kept.response),
      };
    }
    const whole = this.#encode(response, { limit: Math.max(room, 0) });
    if (!whole.isComplete || room < 0) throw responseTooLong(describeTotal(whole), maxTokens);
    const { ids } = this.#encode(prompt, {});
    const dropped = ids.length - (room - whole.total);
    return { prompt: ids.slice(dropped), response: whole.ids };
  }

  /** Token ids as they are; text would need a form of its own, which no pair's separators tell. */
  #templated(templated: TemplatedText, limits: Limits): TokenizedConversation {
    if ("text" in templated) {
      throw new AssayError(
        "text/not-a-pair",
        "Cannot make a pair of one text: expected a prompt and a response (a query and a document), " +
          "which the encoder's tokenizer joins; give them as messages, or as two texts",
      );
    }
    const encode = (): never => {
      throw new TypeError("ids are encoded");
    };
    const { limitedBy } = this.#options;
    const { ids, truncated } = templatedTokens(templated, limits, {
      encode,
      prefix: [],
      bosId: undefined,
      limitedBy,
    });
    return { ids: Uint32Array.from(ids), truncated, headerPosition: null };
  }

  #joined(texts: Pair<readonly number[]>, truncated: boolean): TokenizedConversation {
    const ids: number[] = [];
    const types: number[] = [];
    for (const piece of this.#form) {
      for (const id of "ids" in piece ? piece.ids : texts[piece.text]) {
        ids.push(id);
        types.push(piece.type);
      }
    }
    return {
      ids: Uint32Array.from(ids),
      ...(types.some((type) => type > 0) && { types: Uint32Array.from(types) }),
      truncated,
      headerPosition: null,
    };
  }

  #join(texts: Pair<string>, between: string): string {
    return this.#form.map((piece) =>
      "ids" in piece
        ? piece.ids.map((id) => this.#tokenizer.decodeToken(id)).join(between)
        : texts[piece.text]
    ).join(between);
  }
}

/** The texts of a conversation that is a pair. */
function pairOf(conversation: Conversation): Pair<string> {
  const { conversation: messages } = withStepEnds(
    checkConversation(conversation, ""),
    undefined,
    false,
  );
  const roles = messages.map(({ role }) => role);
  if (roles.join() === "user,assistant") {
    return { prompt: messages[0]!.content, response: messages[1]!.content };
  }
  throw new AssayError(
    "text/not-a-pair",
    "Cannot make a pair of the conversation: expected one user message and the assistant's response, " +
      `found the roles ${
        roles.join(", ").slice(0, 100)
      }; an encoder reads (prompt, response), and its ` +
      "tokenizer does not say where system messages and earlier turns go: write them into the one " +
      "prompt as the model was trained on them",
  );
}

/** Settings that both files of a tokenizer have, under the names of each, by what they belong to. */
const twice: Readonly<Record<string, readonly (readonly [stage: string, config: string])[]>> = {
  BertNormalizer: [
    ["lowercase", "do_lower_case"],
    ["strip_accents", "strip_accents"],
    ["handle_chinese_chars", "tokenize_chinese_chars"],
  ],
  ByteLevel: [["add_prefix_space", "add_prefix_space"]],
};

/**
 * Some classes of transformers' tokenizers take what `tokenizer_config.json` says, whatever
 * `tokenizer.json` says, and not in every version. Where the two differ, no tokens are certain.
 */
function checkAgreement({ tokenizer, config }: TokenizerFiles): void {
  for (const entry of ["normalizer", "pre_tokenizer"]) {
    const stage = (tokenizer[entry] ?? {}) as Readonly<Record<string, unknown>>;
    const type = String(stage["type"]);
    for (const [own, told] of Object.hasOwn(twice, type) ? twice[type]! : []) {
      if (config[told] === undefined || (stage[own] ?? null) === config[told]) continue;
      throw new AssayError(
        "text/bad-tokenizer",
        `Cannot use the tokenizer: expected the same in tokenizer.json and tokenizer_config.json, ` +
          `found ${own} ${stage[own]} of its ${type} and ${told} ${
            config[told]
          }; take the files of ` +
          "the model that was trained",
      );
    }
  }
}

function noRoom(maxTokens: number, separators: number): AssayError {
  return new AssayError(
    "text/too-long",
    `Cannot truncate to ${maxTokens} tokens: expected room for both texts beside the ${separators} ` +
      "tokens that stand around them",
  );
}
