import { AssayError } from "../error.ts";
import type { AddedToken } from "./added_tokens.ts";
import { ChatTemplate } from "./chat_template.ts";
import { encodeApart, type EncodedSteps } from "./apart_steps.ts";
import { ContentGuard } from "./content_guard.ts";
import { checkConversation, type Conversation, type TemplatedText } from "./conversation.ts";
import type { TextValue } from "./jinja/text_value.ts";
import {
  checkPattern,
  commonLength,
  deriveHeaderPattern,
  findLastPattern,
  missingHeader,
} from "./header_pattern.ts";
import { placeOfResponse, type StepPlaces } from "./response_place.ts";
import { requireResponse, requireResponsive } from "./response_check.ts";
import {
  type ConversationTokenizer,
  type Limits,
  limitsOf,
  type TextOptions,
  type TokenizedConversation,
} from "./conversation_tokenizer.ts";
import { templatedTokens } from "./templated_text.ts";
import { controlTokens, sequencePrefix, withOneBeginning } from "./special_tokens.ts";
import { oddMarkers } from "./token_checks.ts";
import type { EncodeOptions, GuardedText, Tokenizer } from "./tokenizer.ts";
import {
  type EndPlace,
  findStepEnds,
  findTurns,
  type StepEnd,
  type StepEnds,
  type SteppedConversation,
  takeEnds,
  unclearEnds,
  withStepEnds,
} from "./step_text.ts";
import {
  type ChatFiles,
  readTemplate,
  readTokenizerFiles,
  type TextFiles,
} from "./tokenizer_files.ts";
import { buildFromFiles, buildTokenizerParts } from "./tokenizer_parts.ts";
import {
  describeTotal,
  positionsLeft,
  responseTooLong,
  tooLong,
  truncateTokens,
  type Truncation,
} from "./truncation.ts";

/** A rendered conversation, what of it is content, and where control tokens may not stand. */
interface RenderedText extends GuardedText {
  readonly conversation: Conversation;
  readonly traced: TextValue;
  /** Places of tokens that end steps, where steps are cut by themselves. */
  readonly ends: readonly EndPlace[];
  /** Of a response that steps were put into, however it is cut. */
  readonly places: StepPlaces | undefined;
  /** Number of steps, where it is known. */
  readonly steps: number | undefined;
}

/** Up to how many times `maxTokens` the tokens of a conversation that is too long are counted. */
const countedLengths = 4;

/** How a {@link ChatTokenizer} treats conversations. */
export interface ChatTokenizerOptions extends TextOptions {
  /** The header pattern, if the model's configuration gives it; else it is derived from the template. */
  readonly headerPattern?: readonly number[] | undefined;
  /** Whether a conversation without the header pattern is an error. Default false. */
  readonly requireHeader?: boolean | undefined;
  /**
   * Whether a template that prints the same for every response is an error, and so is a conversation
   * whose response it does not print whole. Default false.
   */
  readonly requireResponse?: boolean | undefined;
  /** How the steps end that are looked for; none by default. */
  readonly steps?: StepEnds | undefined;
  /** Makes the date that a template's `strftime_now` prints. Default: now. */
  readonly now?: (() => Date) | undefined;
}

/**
 * Conversations to tokens, with the checkpoint's own tokenizer and chat template.
 *
 * The tokens are those of `tokenizer.apply_chat_template(conversation, tokenize=True)` of
 * `transformers`, with three rules on top: the sequence begins with the tokenizer's prefix (`<s>`,
 * `[CLS]`) exactly once, also where the template forgets it; special tokens that stand inside a
 * message's content are encoded as plain text unless `trustSpecialTokens` is set (the unknown token
 * may still stand for characters that the vocabulary lacks); and a conversation over `maxTokens` is an
 * error unless `truncate` is set. Nothing is put after the sequence: `[SEP]` and the like are the
 * template's to write, as in `apply_chat_template`.
 *
 * Tables of character properties are those of the JavaScript engine's Unicode version.
 *
 * @example
 * ```ts
 * import { ChatTokenizer } from "@assay/assay/text";
 * import assert from "node:assert/strict";
 *
 * const texts: Record<string, string> = {
 *   "tokenizer.json": JSON.stringify({
 *     added_tokens: [{ id: 4, content: "<s>", special: true }, { id: 5, content: "</s>", special: true }],
 *     model: { type: "BPE", vocab: { h: 0, i: 1, hi: 2, "!": 3, "<": 6, "s": 7, ">": 8 }, merges: ["h i"] },
 *   }),
 *   "tokenizer_config.json": JSON.stringify({ bos_token: "<s>", eos_token: "</s>" }),
 *   "chat_template.jinja": "{{ bos_token }}{% for m in messages %}{{ m.content + eos_token }}{% endfor %}",
 * };
 * const files = { name: "tiny", readText: (file: string) => Promise.resolve(texts[file]) };
 * const tokenizer = await ChatTokenizer.open(files, { maxTokens: 16 });
 * const { ids } = tokenizer.tokenize([
 *   { role: "user", content: "hi" },
 *   { role: "assistant", content: "<s>!" }, // Written by a person, so it is text.
 * ]);
 * assert.deepEqual([...ids], [4, 2, 5, 6, 7, 8, 3, 5]);
 * ```
 */
export class ChatTokenizer implements ConversationTokenizer {
  /** How it takes conversations. */
  readonly form = "chat";
  /** The chat template, and the file it stands in. */
  readonly template: ConversationTokenizer["template"];
  /** The header pattern in use, or null if none was given and the template yields none. */
  readonly headerPattern: readonly number[] | null;
  /** What is odd about the files, though the tokens are those of transformers; for people. */
  readonly warnings: readonly string[];
  /** Ids of the special tokens that the files name and have: `bos_token`, `eos_token`, … */
  readonly namedIds: ReadonlyMap<string, number>;
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;
  readonly #options: ChatTokenizerOptions;
  readonly #prefix: readonly number[];
  readonly #bosId: number | undefined;
  readonly #control: ReadonlySet<AddedToken>;
  readonly #guard: ContentGuard;
  /** Whether the header pattern is plain text, which content can have too. */
  readonly #isPatternPlain: boolean;
  /** Whether steps are cut by themselves; an added token cuts them anyway. */
  readonly #isApart: boolean;

  private constructor(files: ChatFiles, options: ChatTokenizerOptions) {
    const { tokenizer, added, named, namedIds, facts, warnings } = buildTokenizerParts(
      files,
      files.template.source,
    );
    this.template = files.template;
    this.namedIds = namedIds;
    this.#options = options;
    this.#tokenizer = tokenizer;
    this.#template = ChatTemplate.parse(files.template.source, {
      specialTokens: named,
      origin: files.template.origin,
      now: options.now,
    });
    this.#bosId = added.find((token) => token.content === named["bos_token"])?.id;
    this.#prefix = sequencePrefix(files.tokenizer, files.config, this.#bosId);
    this.headerPattern = checkPattern(options.headerPattern) ??
      deriveHeaderPattern((conversation, addGenerationPrompt) => {
        const text = this.#template.render(conversation, { addGenerationPrompt });
        return this.#tokenizer.encode({ text, breaks: [] }, new Set()).ids;
      }, (id) => added.some((token) => token.special && token.id === id));
    this.#control = new Set(
      options.trustSpecialTokens ? [] : controlTokens(added, this.headerPattern ?? []),
    );
    const pattern = this.headerPattern ?? [];
    this.#isPatternPlain = !added.some(({ id, special }) => special && pattern.includes(id)) &&
      ![...this.#control].some(({ id }) => pattern.includes(id));
    this.#guard = new ContentGuard(this.#control, (text) => this.#tokenizer.normalize(text));
    const { steps } = options;
    this.#isApart = steps !== undefined && !("answer" in steps) && steps.apart &&
      !added.some(({ id }) => id === steps.id);
    const render = (conversation: Conversation): string => this.#template.render(conversation);
    if (options.requireResponse) requireResponsive(render, files.template.origin);
    this.warnings = [...warnings, ...oddMarkers(render, facts)];
  }

  /**
   * Reads a checkpoint's tokenizer and chat template.
   *
   * @param files The checkpoint's text files.
   * @param options How conversations are treated.
   * @returns The tokenizer.
   * @throws {AssayError} `text/missing-tokenizer`, `text/bad-tokenizer`, `text/no-chat-template`,
   * `text/bad-chat-template`, `text/missing-special-token`, `text/template-ignores-response`,
   * `text/bad-gating-pattern`, `text/no-gating-pattern` (required, not given, and not in the
   * template), and the runaways of {@link tokenize}.
   */
  static async open(files: TextFiles, options: ChatTokenizerOptions): Promise<ChatTokenizer> {
    const read = await readTokenizerFiles(files);
    const template = await readTemplate(files, read);
    const tokenizer = buildFromFiles(
      files.name,
      () => new ChatTokenizer({ ...read, template }, options),
    );
    if (options.requireHeader && tokenizer.headerPattern === null) {
      throw new AssayError(
        "text/no-gating-pattern",
        `Cannot find where ${files.name} reads its header: expected an assistant header in its chat ` +
          "template or a gating_token_pattern in config.json, found neither",
      );
    }
    return tokenizer;
  }

  /**
   * Renders a conversation for people to read, special tokens of its contents included.
   *
   * @param conversation Messages; the last one is the response.
   * @returns The text that is tokenized.
   * @throws {AssayError} As {@link ChatTokenizer.tokenize}, except for length and header.
   */
  render(conversation: Conversation): string {
    const checked = checkConversation(conversation, this.#template.source);
    return this.#template.render(this.#withEnds(checked).conversation);
  }

  /**
   * Tokenizes a conversation.
   *
   * @param conversation Messages; the last one is the response.
   * @returns Its tokens, at most `maxTokens`.
   * @throws {AssayError} `text/empty-conversation`, `text/bad-message`, `text/unknown-role`,
   * `text/unknown-field`, `text/unknown-variable`, `text/bad-field`, `text/template-refused`,
   * `text/template-runaway`, `text/template-failed`, `text/response-not-rendered`,
   * `text/pattern-runaway`, `text/tokenizer-runaway`, `text/too-long`, `text/no-gating-pattern`.
   */
  tokenize(conversation: Conversation): TokenizedConversation {
    const limits = limitsOf(conversation, this.#options);
    const templated = (conversation as Conversation | null | undefined)?.templated;
    if (templated !== undefined) return this.#templated(templated, limits);
    const text = this.#render(checkConversation(conversation, this.#template.source));
    const { maxTokens, truncate } = limits;
    // Without truncation, count on for a while, so that the error can tell the number.
    const limit = truncate === undefined ? countedLengths * maxTokens : maxTokens;
    const encoded = this.#encode(text, { limit, countsOnly: true });
    if (encoded.total > maxTokens) {
      if (truncate === undefined) {
        throw tooLong(describeTotal(encoded), maxTokens, this.#options.limitedBy);
      }
      return this.#truncate(text, { maxTokens, truncate });
    }
    return {
      ids: Uint32Array.from(encoded.ids),
      truncated: false,
      headerPosition: this.#findHeader(encoded.ids, text),
      stepPositions: this.#findSteps(encoded, text),
    };
  }

  /**
   * The text of one token, for people to read.
   *
   * @param id Token id.
   * @returns Its text; bytes that are not UTF-8 by themselves are U+FFFD.
   * @throws {AssayError} `text/unknown-token`.
   */
  decodeToken(id: number): string {
    return this.#tokenizer.decodeToken(id);
  }

  #withEnds(checked: Conversation): SteppedConversation {
    return withStepEnds(checked, this.#options.steps, this.#isApart);
  }

  #render(checked: Conversation): RenderedText {
    const { steps } = this.#options;
    const end = steps === undefined || "answer" in steps ? undefined : steps;
    const { conversation, response, count } = this.#withEnds(checked);
    const rendered = this.#template.trace(conversation, { response });
    if (this.#options.requireResponse) {
      requireResponse(conversation, rendered.text, (other) => this.#template.render(other));
    }
    const { traced, ends } = end === undefined || response === undefined
      ? { traced: rendered, ends: [] }
      : takeEnds(rendered, end.text, count!);
    const apart = this.#isApart;
    const places = ends.length === 0 ? undefined : { firstEnd: ends[0]!.start, apart };
    const cut = apart ? ends : [];
    return { ...this.#guard.guard(traced), conversation, traced, ends: cut, places, steps: count };
  }

  #encode(text: RenderedText, options: EncodeOptions = {}): EncodedSteps {
    const encoded = text.ends.length === 0
      ? { ...this.#tokenizer.encode(text, this.#control, options), ends: [] }
      : encodeApart(
        this.#tokenizer,
        this.#control,
        { ...text, start: this.#findResponse(text) },
        (this.#options.steps as StepEnd).id,
        options,
      );
    const ids = withOneBeginning(encoded.ids, this.#prefix, this.#bosId);
    const added = ids.length - encoded.ids.length;
    const ends = encoded.ends.map((position) => position + added);
    return { ...encoded, ids, ends, total: encoded.total + added };
  }

  #findSteps({ ids, ends, isComplete }: EncodedSteps, text: RenderedText): readonly number[] {
    const { steps } = this.#options;
    if (steps === undefined || text.ends.length > 0) return ends;
    const search = { ids, count: text.steps, isWhole: isComplete };
    return "answer" in steps
      ? findTurns(this.headerPattern ?? [], search)
      : findStepEnds(steps, { ...search, prompt: this.#encodePrompt(text, Infinity) });
  }

  #truncate(
    text: RenderedText,
    { maxTokens, truncate }: { readonly maxTokens: number; readonly truncate: Truncation },
  ): TokenizedConversation {
    const countsOnly = truncate === "left";
    const prompt = this.#encodePrompt(text, countsOnly ? Infinity : maxTokens);
    // Right: tokens beyond the length do not matter, if it is known where the response begins.
    // Left: a response over the length cannot be kept, however long it is.
    const limit = prompt === null ? Infinity : maxTokens + (countsOnly ? prompt.length : 0);
    const encoded = this.#encode(text, { limit, countsOnly });
    if (!encoded.isComplete && countsOnly) {
      throw responseTooLong(`at least ${encoded.total - prompt!.length}`, maxTokens);
    }
    const { ids } = encoded;
    const shared = prompt === null ? 0 : commonLength(ids, prompt);
    const header = this.#locateHeader(ids, prompt);
    const prefixLength = commonLength(ids, this.#prefix);
    const cut = truncateTokens(
      {
        ids,
        total: describeTotal(encoded),
        prefixLength,
        header: header === null ? null : [header, header + this.headerPattern!.length],
        responseStart: shared > 0 ? shared : null,
      },
      maxTokens,
      truncate,
    );
    const { length } = cut;
    const dropped = truncate === "left" ? ids.length - length : 0;
    const steps = this.#findSteps(encoded, text);
    return {
      ids: Uint32Array.from(cut),
      truncated: true,
      headerPosition: header === null ? this.#withoutHeader(length) : header - dropped,
      stepPositions: positionsLeft(steps, { prefixLength, dropped, length }),
    };
  }

  /** Text that its sender templated: what stands in it is live, and cut at its ends alone. */
  #templated(templated: TemplatedText, limits: Limits): TokenizedConversation {
    if (this.#isApart) throw unclearEnds((this.#options.steps as StepEnd).text);
    const { ids, truncated } = templatedTokens(templated, limits, {
      encode: (text, options) => this.#tokenizer.encode({ text, breaks: [] }, new Set(), options),
      prefix: this.#prefix,
      bosId: this.#bosId,
      limitedBy: this.#options.limitedBy,
    });
    const header = this.headerPattern && findLastPattern(ids, this.headerPattern);
    return {
      ids: Uint32Array.from(ids),
      truncated,
      headerPosition: header ?? this.#withoutHeader(ids.length),
    };
  }

  #findHeader(ids: readonly number[], text: RenderedText): number | null {
    if (this.headerPattern === null) return null;
    const prompt = this.#isPatternPlain ? this.#encodePrompt(text, Infinity) : null;
    const header = this.#locateHeader(ids, prompt);
    return header ?? this.#withoutHeader(ids.length);
  }

  /** The last pattern; one of plain text counts only before the response, which may repeat it. */
  #locateHeader(ids: readonly number[], prompt: readonly number[] | null): number | null {
    if (this.headerPattern === null) return null;
    const isBefore = this.#isPatternPlain && prompt !== null && !this.#options.trustSpecialTokens;
    const end = isBefore ? commonLength(ids, prompt) : ids.length;
    return findLastPattern(ids.slice(0, end), this.headerPattern);
  }

  #withoutHeader(length: number): null {
    if (!this.#options.requireHeader) return null;
    const pattern = this.headerPattern ?? [];
    const text = pattern.map((id) => this.decodeToken(id)).join("");
    throw missingHeader(pattern, text, length);
  }

  /** The tokens before the response; null where the template does not tell where it begins. */
  #encodePrompt(text: RenderedText, limit: number): readonly number[] | null {
    const offset = this.#findResponse(text);
    if (offset === null) return null;
    return this.#encode({ ...text, text: text.text.slice(0, offset), ends: [] }, { limit }).ids;
  }

  #findResponse({ conversation, traced, places }: RenderedText): number | null {
    return placeOfResponse(this.#template, conversation, traced, places);
  }
}
