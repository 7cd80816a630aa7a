import { AssayError } from "../error.ts";
import type { AddedToken } from "./added_tokens.ts";
import { ChatTemplate } from "./chat_template.ts";
import { ContentGuard } from "./content_guard.ts";
import { checkConversation, type Conversation } from "./conversation.ts";
import { commonLength, deriveGatingPattern, findLastPattern } from "./gating_pattern.ts";
import {
  namedSpecialTokens,
  readAddedTokens,
  sequencePrefix,
  withOneBeginning,
} from "./special_tokens.ts";
import { type GuardedText, Tokenizer, vocabularyEntries } from "./tokenizer.ts";
import { readTokenizerFiles, type TextFiles, type TokenizerFiles } from "./tokenizer_files.ts";
import { truncateTokens, type Truncation } from "./truncation.ts";

export type { TextFiles } from "./tokenizer_files.ts";

/** The tokens of one conversation. */
export interface TokenizedConversation {
  /** Token ids, `maxTokens` at most. */
  readonly ids: Uint32Array;
  /** Whether tokens were dropped to fit. */
  readonly truncated: boolean;
  /**
   * Index of the first token of the last gating pattern (the end of the last user turn before the
   * assistant header); null if this text has none.
   */
  readonly gatePosition: number | null;
}

/** How a {@link ChatTokenizer} treats conversations. */
export interface ChatTokenizerOptions {
  /** Most tokens of one conversation: the model's length. */
  readonly maxTokens: number;
  /** What gives way in a conversation that is too long; none: such a conversation is an error. */
  readonly truncate?: Truncation;
  /** Whether special tokens written inside a message's content act as such. Default false. */
  readonly trustSpecialTokens?: boolean;
  /** The gating pattern, if the model's configuration gives it; else it is derived from the template. */
  readonly gatingPattern?: readonly number[];
  /** Whether a conversation without the gating pattern is an error. Default false. */
  readonly requireGate?: boolean;
  /** Makes the date that a template's `strftime_now` prints. Default: now. */
  readonly now?: () => Date;
}

/**
 * Conversations to tokens, with the checkpoint's own tokenizer and chat template.
 *
 * The tokens are those of `tokenizer.apply_chat_template(conversation, tokenize=True)` of
 * `transformers`, with three rules on top: the sequence begins with the tokenizer's prefix (`<s>`,
 * `[CLS]`) exactly once, also where the template forgets it; special tokens that stand inside a
 * message's content are encoded as plain text unless `trustSpecialTokens` is set; and a conversation
 * over `maxTokens` is an error unless `truncate` is set.
 */
export class ChatTokenizer {
  /** The gating pattern in use, or null if none was given and the template yields none. */
  readonly gatingPattern: readonly number[] | null;
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;
  readonly #options: ChatTokenizerOptions;
  readonly #prefix: readonly number[];
  readonly #bosId: number | undefined;
  readonly #control: ReadonlySet<AddedToken>;
  readonly #guard: ContentGuard;

  private constructor(files: TokenizerFiles, options: ChatTokenizerOptions) {
    const named = namedSpecialTokens(files.config);
    const vocabulary = new Map(vocabularyEntries(files.tokenizer));
    const added = readAddedTokens(files.tokenizer, files.config, (text) => vocabulary.get(text));
    this.#options = options;
    this.#tokenizer = new Tokenizer(files.tokenizer, added, named["unk_token"]);
    this.#template = ChatTemplate.parse(files.template.source, {
      specialTokens: named,
      origin: files.template.origin,
      ...(options.now && { now: options.now }),
    });
    this.#bosId = added.find((token) => token.content === named["bos_token"])?.id;
    this.#prefix = sequencePrefix(files.tokenizer, files.config, this.#bosId);
    this.gatingPattern = options.gatingPattern ??
      deriveGatingPattern((conversation, addGenerationPrompt) =>
        this.#encode(
          { text: this.#template.render(conversation, { addGenerationPrompt }), breaks: [] },
          new Set(),
        )
      );
    const header = new Set(this.gatingPattern);
    this.#control = new Set(added.filter((token) => token.special || header.has(token.id)));
    this.#guard = new ContentGuard(this.#control, (text) => this.#tokenizer.normalize(text));
  }

  /**
   * Reads a checkpoint's tokenizer and chat template.
   *
   * @param files The checkpoint's text files.
   * @param options How conversations are treated.
   * @returns The tokenizer.
   * @throws {AssayError} `text/missing-tokenizer`, `text/bad-tokenizer`, `text/no-chat-template`,
   * `text/bad-chat-template`, `text/no-gating-pattern` (required, not given, and not in the template).
   */
  static async open(files: TextFiles, options: ChatTokenizerOptions): Promise<ChatTokenizer> {
    const tokenizer = new ChatTokenizer(await readTokenizerFiles(files), options);
    if (options.requireGate && tokenizer.gatingPattern === null) {
      throw new AssayError(
        "text/no-gating-pattern",
        `Cannot find where ${files.name} reads its gate: expected an assistant header in its chat ` +
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
   * @throws {AssayError} As {@link ChatTokenizer.tokenize}, except for length and gate.
   */
  render(conversation: Conversation): string {
    return this.#render(checkConversation(conversation, this.#template.source), false).text;
  }

  /**
   * Tokenizes a conversation.
   *
   * @param conversation Messages; the last one is the response.
   * @returns Its tokens, at most `maxTokens`.
   * @throws {AssayError} `text/empty-conversation`, `text/bad-message`, `text/unknown-role`,
   * `text/template-refused`, `text/template-runaway`, `text/template-failed`, `text/too-long`,
   * `text/no-gating-pattern`.
   */
  tokenize(conversation: Conversation): TokenizedConversation {
    const checked = checkConversation(conversation, this.#template.source);
    const ids = this.#encode(this.#render(checked, false), this.#controlInContent());
    const gate = this.#findGate(ids);
    const { maxTokens, truncate } = this.#options;
    const isLong = ids.length > maxTokens && truncate !== undefined;
    const cut = truncateTokens(
      {
        ids,
        prefixLength: this.#prefix.every((id, index) => ids[index] === id)
          ? this.#prefix.length
          : 0,
        gate: gate === null ? null : [gate, gate + this.gatingPattern!.length],
        responseStart: isLong ? this.#findResponse(checked, ids) : null,
      },
      maxTokens,
      truncate,
    );
    const dropped = truncate === "left" ? ids.length - cut.ids.length : 0;
    return {
      ids: Uint32Array.from(cut.ids),
      truncated: cut.truncated,
      gatePosition: gate === null ? null : gate - dropped,
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

  #controlInContent(): ReadonlySet<AddedToken> {
    return this.#options.trustSpecialTokens ? new Set() : this.#control;
  }

  #render(conversation: Conversation, addGenerationPrompt: boolean): GuardedText {
    if (this.#options.trustSpecialTokens) {
      return { text: this.#template.render(conversation, { addGenerationPrompt }), breaks: [] };
    }
    const guarded = this.#guard.guard(conversation);
    const rendered = this.#template.render(guarded.conversation, { addGenerationPrompt });
    return this.#guard.release(rendered, guarded.mark);
  }

  #encode(text: GuardedText, control: ReadonlySet<AddedToken>): readonly number[] {
    return withOneBeginning(this.#tokenizer.encode(text, control), this.#prefix, this.#bosId);
  }

  #findGate(ids: readonly number[]): number | null {
    if (this.gatingPattern === null) return null;
    const gate = findLastPattern(ids, this.gatingPattern);
    if (gate === null && this.#options.requireGate) {
      throw new AssayError(
        "text/no-gating-pattern",
        `Cannot find where to read the gate: expected the assistant header ${
          JSON.stringify(this.gatingPattern.map((id) => this.decodeToken(id)).join(""))
        } as tokens [${this.gatingPattern.join(", ")}], found none in this conversation's ` +
          `${ids.length} tokens; it needs an assistant message, and one that does not begin with ` +
          "newlines, which merge with the header's own",
      );
    }
    return gate;
  }

  /** The response begins where the conversation stops being like the same one without it. */
  #findResponse(conversation: Conversation, ids: readonly number[]): number | null {
    try {
      const prompt = this.#render(conversation.slice(0, -1), true);
      const shared = commonLength(ids, this.#encode(prompt, this.#controlInContent()));
      return shared > 0 ? shared : null;
    } catch {
      return null;
    }
  }
}
