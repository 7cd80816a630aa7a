import { AssayError } from "../error.ts";
import type { Conversation, Message } from "./conversation.ts";
import { Variables } from "./jinja/frame.ts";
import { templateGlobals, TemplateRefusal } from "./jinja/globals.ts";
import { renderTemplate } from "./jinja/interpreter.ts";
import type { Statement } from "./jinja/nodes.ts";
import { parseTemplate } from "./jinja/parser.ts";
import { otherText, ownText, plainValue } from "./jinja/plain_values.ts";
import { TextValue } from "./jinja/text_value.ts";
import { DictValue, ListValue, type Value } from "./jinja/values.ts";
import { TemplateBudgetError, Work } from "./jinja/work.ts";

/** Largest template source that is parsed, in UTF-16 units; the largest published ones have 20,000. */
const maxSource = 512 * 1024;
const baseSteps = 2_000_000;
const stepsPerMessage = 20_000;
/** Steps for each UTF-16 unit of the messages: what a template does to contents grows with them. */
const stepsPerUnit = 0.5;

/** What a template can read besides the messages. */
export interface ChatTemplateOptions {
  /** Special tokens by name (`bos_token`, `eos_token`, …), as the template's variables. */
  readonly specialTokens?: Readonly<Record<string, string>> | undefined;
  /** Where the template was found, for messages. */
  readonly origin?: string | undefined;
  /**
   * Makes the date that `strftime_now` prints. Default: now, as `transformers` does. A template that
   * prints the date gives other tokens, hence other scores, on another day.
   */
  readonly now?: (() => Date) | undefined;
}

/**
 * A chat template: Jinja source that turns messages into the text of one sequence, as `transformers`
 * renders it: Jinja2's own semantics in its sandbox, with `trim_blocks`, `lstrip_blocks`,
 * `raise_exception`, `strftime_now`, `tojson` without HTML's escapes, `break` and `continue`, and
 * `{% generation %}`.
 *
 * A template is untrusted: it can read nothing but its variables, and a rendering may take
 * 2,000,000 steps plus 20,000 per message and one for every other character of them (each operation
 * costs what it touches), a `range` has at most 100,000 items, and a string at most 32 Mi characters.
 *
 * @example
 * ```ts
 * import { ChatTemplate } from "@assay/assay/text";
 * import assert from "node:assert/strict";
 *
 * const template = ChatTemplate.parse(
 *   "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}",
 *   { specialTokens: { bos_token: "<s>" } },
 * );
 * assert.equal(template.render([{ role: "user", content: " Hi " }]), "<s><user>Hi");
 * ```
 */
export class ChatTemplate {
  /** The Jinja source. */
  readonly source: string;
  readonly #parsed: readonly Statement[];
  readonly #options: ChatTemplateOptions;

  private constructor(source: string, parsed: readonly Statement[], options: ChatTemplateOptions) {
    this.source = source;
    this.#parsed = parsed;
    this.#options = options;
  }

  /**
   * Parses a template.
   *
   * @param source Jinja source.
   * @param options What the template can read besides the messages.
   * @returns The template, ready to render.
   * @throws {AssayError} `text/bad-chat-template` when the source is not Jinja, needs other templates,
   * or is too large.
   */
  static parse(source: string, options: ChatTemplateOptions = {}): ChatTemplate {
    const origin = options.origin ?? "the chat template";
    if (source.length > maxSource) {
      throw new AssayError(
        "text/bad-chat-template",
        `Cannot read ${origin}: expected at most ${maxSource} characters, found ${source.length}; a ` +
          "template of a published model has less than 20,000",
      );
    }
    try {
      return new ChatTemplate(source, parseTemplate(source), options);
    } catch (cause) {
      throw new AssayError(
        "text/bad-chat-template",
        `Cannot read ${origin}: expected a Jinja template, found a syntax error (${
          messageOf(cause)
        })`,
        { cause },
      );
    }
  }

  /**
   * Renders a conversation.
   *
   * @param conversation Messages in order, with all of their fields; its `variables` are the template's.
   * @param options `addGenerationPrompt`: whether to end with the header of a new assistant turn;
   * false for scoring.
   * @returns The text of the sequence, with special tokens written out.
   * @throws {AssayError} `text/template-refused` with the template's own message when the template
   * calls `raise_exception`; `text/template-runaway` when it takes too many steps or makes too long a
   * string; `text/template-failed` for any other failure.
   */
  render(
    conversation: Conversation,
    options: { addGenerationPrompt?: boolean | undefined } = {},
  ): string {
    return this.trace(conversation, options).text;
  }

  /**
   * Renders a conversation, and tells which stretches of the text came from its messages.
   *
   * @param conversation As for {@link ChatTemplate.render}.
   * @param options As for {@link ChatTemplate.render}; `response` stands for the last message's content.
   * @returns The text; the source of a stretch of a message's content is that message's index, of
   * anything else from outside -1. Roles are not told: they are checked before.
   * @throws {AssayError} As {@link ChatTemplate.render}.
   */
  trace(
    conversation: Conversation,
    options: {
      addGenerationPrompt?: boolean | undefined;
      response?: TextValue | undefined;
    } = {},
  ): TextValue {
    const units = conversation.reduce((sum, message) => sum + unitsIn(message), 0) +
      unitsIn(conversation.variables);
    const work = new Work(
      Math.floor(baseSteps + stepsPerMessage * conversation.length + stepsPerUnit * units),
    );
    try {
      const { addGenerationPrompt = false, response } = options;
      const variables = this.#variables(conversation, addGenerationPrompt, response);
      return renderTemplate(this.#parsed, variables, work);
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  #variables(
    conversation: Conversation,
    addGenerationPrompt: boolean,
    response: TextValue | undefined,
  ): Variables {
    const last = conversation.length - 1;
    const special = Object.entries(this.#options.specialTokens ?? {});
    const given = Object.entries(conversation.variables ?? {});
    return new Variables([
      ["tools", null],
      ["documents", null],
      ...given.map(([name, value]): [string, Value] => [name, plainValue(value, otherText)]),
      ...templateGlobals(this.#options.now ?? (() => new Date())),
      ...special.map(([name, token]): [string, Value] => [name, new TextValue(token)]),
      [
        "messages",
        new ListValue(
          conversation.map((message, index) =>
            messageValue(message, index, index === last ? response : undefined)
          ),
        ),
      ],
      ["add_generation_prompt", addGenerationPrompt],
    ]);
  }

  #failure(cause: unknown): AssayError {
    const origin = this.#options.origin ?? "the chat template";
    if (cause instanceof TemplateRefusal) {
      return new AssayError(
        "text/template-refused",
        `Cannot render the conversation: ${origin} refuses it with "${cause.message}"`,
        { cause },
      );
    }
    if (cause instanceof TemplateBudgetError || cause instanceof RangeError) {
      return new AssayError(
        "text/template-runaway",
        `Cannot render the conversation: ${origin} was stopped because ${
          cause instanceof RangeError ? `of ${cause.message}` : cause.message
        }; look for a loop or a call in it that does not end, a published template takes a few ` +
          "thousand steps a message",
        { cause },
      );
    }
    return new AssayError(
      "text/template-failed",
      `Cannot render the conversation: ${origin} fails with "${messageOf(cause)}"`,
      { cause },
    );
  }
}

/**
 * Picks the chat template of a checkpoint out of the forms that `tokenizer_config.json` has had.
 *
 * @param value The `chat_template` entry: a string, a list of `{name, template}`, or absent.
 * @param origin Where the entry stands, for messages.
 * @returns The source: the string itself, the list's template named `default`, or the list's only
 * one; undefined when there is none.
 * @throws {AssayError} `text/bad-chat-template` when the list has several and none is `default`, or
 * the entry has another form.
 */
export function selectChatTemplate(value: unknown, origin: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  const named = Array.isArray(value) ? value as readonly Record<string, unknown>[] : undefined;
  const isList =
    named?.every((item) =>
      typeof item?.["name"] === "string" && typeof item["template"] === "string"
    ) ?? false;
  if (named === undefined || !isList) {
    throw new AssayError(
      "text/bad-chat-template",
      `Cannot read ${origin}: expected a string or a list of {name, template}, found ${
        JSON.stringify(value).slice(0, 100)
      }`,
    );
  }
  const chosen = named.find((item) => item["name"] === "default") ??
    (named.length === 1 ? named[0] : undefined);
  if (chosen === undefined && named.length > 0) {
    throw new AssayError(
      "text/bad-chat-template",
      `Cannot choose a template of ${origin}: expected one named "default" or a single one, found ${
        named.map((item) => JSON.stringify(item["name"])).join(", ")
      }; put the wanted one into chat_template.jinja`,
    );
  }
  return chosen?.["template"] as string | undefined;
}

/** A message as a template sees it; all but its role, which is checked before, came from outside. */
function messageValue(
  { nullContent, ...message }: Message,
  index: number,
  response: TextValue | undefined,
): Value {
  const fields = nullContent ? { ...message, content: null } : message;
  return new DictValue(
    Object.entries(fields).map(([key, value]) => {
      const source = key === "role" ? ownText : key === "content" ? index : otherText;
      const isResponse = key === "content" && response !== undefined;
      return [new TextValue(key), isResponse ? response : plainValue(value, source)] as const;
    }),
  );
}

/** UTF-16 units of the texts in a value as JSON has it. */
function unitsIn(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + unitsIn(inner), 0);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
