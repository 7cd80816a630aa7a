import { Environment, Template } from "@huggingface/jinja";
import { AssayError } from "../error.ts";
import type { Conversation } from "./conversation.ts";
import { TemplateBudgetError, TemplateInterpreter } from "./template_interpreter.ts";

/** Largest template source that is parsed, in UTF-16 units; the largest published ones have 20,000. */
const maxSource = 512 * 1024;
/** Longest run of whitespace in a source: the library's lexer takes quadratic time on it. */
const maxSpaceRun = 2048;
/** Longest list that `range` makes, as in Jinja's own sandbox. */
const maxRange = 100_000;
const baseSteps = 2_000_000;
const stepsPerMessage = 20_000;

const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Thrown by a template's `raise_exception`; its message is the template's own. */
class TemplateRefusal extends Error {
  override readonly name = "TemplateRefusal";
}

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
 * renders it (`trim_blocks` and `lstrip_blocks` on, `raise_exception`, `strftime_now`, `tojson`,
 * `{% generation %}` ignored).
 *
 * A template is untrusted: it can read nothing but its variables, and a rendering may take
 * 2,000,000 steps plus 20,000 per message, a list from `range` has at most 100,000 items, and a string
 * at most 32 Mi characters.
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
  readonly #parsed: Template["parsed"];
  readonly #options: ChatTemplateOptions;

  private constructor(source: string, parsed: Template["parsed"], options: ChatTemplateOptions) {
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
   * @throws {AssayError} `text/bad-chat-template` when the source is not Jinja that the library reads,
   * or is too large.
   */
  static parse(source: string, options: ChatTemplateOptions = {}): ChatTemplate {
    const origin = options.origin ?? "the chat template";
    if (source.length > maxSource || hasLongSpaceRun(source)) {
      throw new AssayError(
        "text/bad-chat-template",
        `Cannot read ${origin}: expected at most ${maxSource} characters with no run of more than ` +
          `${maxSpaceRun} spaces, found ${source.length} characters`,
      );
    }
    try {
      // As Jinja does: line ends of the source are "\n", whatever the file has.
      const { parsed } = new Template(source.replace(/\r\n?/g, "\n"));
      return new ChatTemplate(source, parsed, options);
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
    const budget = baseSteps + stepsPerMessage * conversation.length;
    try {
      const environment = this.#environment(conversation, options.addGenerationPrompt ?? false);
      const rendered = new TemplateInterpreter(environment, budget).run(this.#parsed);
      return rendered.value as string;
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  #environment(conversation: Conversation, addGenerationPrompt: boolean): Environment {
    const environment = new Environment();
    const now = this.#options.now ?? (() => new Date());
    const variables: Record<string, unknown> = {
      tools: null,
      documents: null,
      ...conversation.variables,
      ...this.#options.specialTokens,
      true: true,
      True: true,
      false: false,
      False: false,
      none: null,
      None: null,
      range,
      raise_exception: (message: unknown) => {
        throw new TemplateRefusal(String(message));
      },
      strftime_now: (format: unknown) => formatDate(now(), String(format)),
      messages: conversation.map(({ nullContent, ...message }) =>
        nullContent ? { ...message, content: null } : message
      ),
      add_generation_prompt: addGenerationPrompt,
    };
    for (const [name, value] of Object.entries(variables)) environment.set(name, value);
    return environment;
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
        }`,
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

function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0) throw new Error("range() step must not be zero");
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (length > maxRange) {
    throw new TemplateBudgetError(`range() was asked for ${length.toLocaleString("en")} items`);
  }
  return Array.from({ length }, (_, index) => from + index * step);
}

/** The directives of Python's `strftime` that templates use, in the C locale and local time. */
function formatDate(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const month = months[date.getMonth()]!;
  const weekday = weekdays[date.getDay()]!;
  const directives: Record<string, string> = {
    "%Y": String(date.getFullYear()),
    "%y": two(date.getFullYear() % 100),
    "%m": two(date.getMonth() + 1),
    "%d": two(date.getDate()),
    "%B": month,
    "%b": month.slice(0, 3),
    "%A": weekday,
    "%a": weekday.slice(0, 3),
    "%H": two(date.getHours()),
    "%I": two((date.getHours() + 11) % 12 + 1),
    "%p": date.getHours() < 12 ? "AM" : "PM",
    "%M": two(date.getMinutes()),
    "%S": two(date.getSeconds()),
    "%%": "%",
  };
  return format.replace(/%./g, (directive) => directives[directive] ?? directive);
}

function hasLongSpaceRun(source: string): boolean {
  let run = 0;
  for (let index = 0; index < source.length; index++) {
    run = source[index]!.trim() === "" ? run + 1 : 0;
    if (run > maxSpaceRun) return true;
  }
  return false;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
