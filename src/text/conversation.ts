import { AssayError } from "../error.ts";
import { checkFields, checkVariables } from "./message_fields.ts";

/**
 * One turn of a conversation. Fields beside `role` and `content` (`tool_calls`, `reasoning_content`,
 * `name`, …) are for the chat template; see {@linkcode checkConversation}.
 */
export interface Message {
  /** Who speaks: `system`, `user`, `assistant`, or another role that the chat template knows. */
  readonly role: string;
  /** What is said. */
  readonly content: string;
  /** Set in a message that only calls tools: `content` is empty here, and `null` for the template. */
  readonly nullContent?: true | undefined;
  /**
   * The response as its steps, for a model that scores each: `content` is empty here. The tokens that the
   * model wants at their ends are put there as it was trained with them.
   */
  readonly steps?: readonly string[] | undefined;
  /** What else a chat template reads: values as JSON has them. */
  readonly [field: string]: unknown;
}

/** What a chat template is given besides the messages: `tools`, `documents`, `enable_thinking`, …. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

/** Text that went through a chat template already, or its tokens. */
export type TemplatedText =
  | {
    /** The whole text, its special tokens written out, which act as such. */
    readonly text: string;
    /** Whether the tokenizer's own first token is put before it where it is missing; default true. */
    readonly addSpecialTokens?: boolean | undefined;
  }
  | {
    /** The tokens, as they are. */
    readonly ids: readonly number[];
  };

/** A list of messages; the last one is the response to score. */
export interface Conversation extends ReadonlyArray<Message> {
  /** What its chat template is given besides them. */
  readonly variables?: TemplateVariables | undefined;
  /** Text that was templated already, in place of messages; see `templatedText`. */
  readonly templated?: TemplatedText | undefined;
  /** Its own bounds, within the tokenizer's; see {@linkcode withLimits}. */
  readonly limits?: ConversationLimits | undefined;
}

/** Bounds of one conversation, which may be closer than those of the tokenizer. */
export interface ConversationLimits {
  /** Most tokens; no more than the tokenizer's own. */
  readonly maxTokens?: number | undefined;
  /** What gives way where it is too long, whatever the tokenizer's own option says. */
  readonly truncate?: "left" | "right" | undefined;
}

/**
 * A conversation that gives its chat template variables.
 *
 * @example
 * ```ts
 * import { withVariables } from "@assay/assay/text";
 * import assert from "node:assert/strict";
 *
 * const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello." }];
 * const conversation = withVariables(messages, { enable_thinking: false });
 * assert.deepEqual(conversation.variables, { enable_thinking: false });
 * ```
 *
 * @param messages The messages.
 * @param variables By name; `undefined` for none.
 * @returns A new list.
 */
export function withVariables(
  messages: readonly Message[],
  variables: TemplateVariables | undefined,
): Conversation {
  return variables === undefined ? [...messages] : Object.assign([...messages], { variables });
}

/**
 * The same conversation with bounds of its own.
 *
 * @example
 * ```ts
 * import { withLimits } from "@assay/assay/text";
 * import assert from "node:assert/strict";
 *
 * const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello." }];
 * assert.equal(withLimits(messages, { truncate: "left" }).limits?.truncate, "left");
 * ```
 *
 * @param conversation The conversation.
 * @param limits Its bounds; `undefined` for none.
 * @returns A new list.
 */
export function withLimits(
  conversation: Conversation,
  limits: ConversationLimits | undefined,
): Conversation {
  const { variables, templated } = conversation;
  return Object.assign([...conversation], {
    ...(variables && { variables }),
    ...(templated && { templated }),
    ...(limits && { limits }),
  });
}

/**
 * The same conversation without what its response says: its last message has a role, no text and no
 * further fields.
 *
 * @param conversation At least one message.
 */
export function withoutResponse(conversation: Conversation): Conversation {
  const { role } = conversation.at(-1)!;
  return withVariables(
    [...conversation.slice(0, -1), { role, content: "" }],
    conversation.variables,
  );
}

/** Roles that any chat template may meet, whether or not its source names them. */
const standardRoles = ["system", "user", "assistant", "tool", "function", "developer"];

/**
 * Checks a conversation that may come from outside the type system and makes its text well-formed:
 * a lone surrogate, which no tokenizer can encode, becomes U+FFFD. Nothing else is changed; line
 * ends, spaces and unnormalised characters stay as they are.
 *
 * A template that prints whatever role it is given would score a misspelt role in silence, so a
 * role is accepted only if it is a usual one (`system`, `user`, `assistant`, `tool`, `function`,
 * `developer`) or if the template's source names it. Fields and variables are kept where the source
 * names them; a field that says something and that the template does not read is refused, and so is
 * every other variable.
 *
 * @param conversation What the caller calls a conversation.
 * @param templateSource Source of the chat template, searched for names.
 * @returns A copy with well-formed texts, and with the fields that the template reads.
 * @throws {AssayError} `text/empty-conversation`, `text/bad-message` (a message is not an object, or
 * its role or content is not a string), `text/unknown-role`, `text/unknown-field`,
 * `text/unknown-variable`, `text/bad-field`.
 */
export function checkConversation(conversation: unknown, templateSource: string): Conversation {
  if (!Array.isArray(conversation)) {
    throw new AssayError(
      "text/bad-message",
      `Cannot read a conversation: expected a list of {role, content} messages, found ${
        describe(conversation)
      }`,
    );
  }
  if (conversation.length === 0) {
    throw new AssayError(
      "text/empty-conversation",
      "Cannot score an empty conversation: expected at least one message, the last one being the response",
    );
  }
  const messages = conversation.map((message, index) =>
    checkMessage(message, index, templateSource)
  );
  const { variables } = conversation as Conversation;
  return withVariables(messages, variables && checkVariables(variables, templateSource));
}

function checkMessage(message: unknown, index: number, templateSource: string): Message {
  const fields = message as Partial<Record<string, unknown>> | null | undefined;
  const role = fields?.role;
  const content = fields?.content;
  const where = `message ${index + 1}`;
  const isCall = (content === null || fields?.nullContent === true) &&
    ["tool_calls", "function_call"].some((name) => fields?.[name]);
  if (typeof role !== "string" || (typeof content !== "string" && !isCall)) {
    const wrong = typeof role !== "string" ? "role" : "content";
    const found = typeof message !== "object" || message === null
      ? `${describe(message)} in place of the message`
      : describe(fields?.[wrong]);
    throw new AssayError(
      "text/bad-message",
      `Cannot read ${where}: expected its ${wrong} to be a string, found ${found}`,
    );
  }
  if (!isKnownRole(role, templateSource)) {
    throw new AssayError(
      "text/unknown-role",
      `Cannot render ${where}: expected a role such as "system", "user" or "assistant", or one that ` +
        `the chat template names, found ${JSON.stringify(role.slice(0, 100))}`,
    );
  }
  const own: Message = {
    role: role.toWellFormed(),
    content: isCall ? "" : (content as string).toWellFormed(),
    ...(isCall ? { nullContent: true } : {}),
  };
  if (Object.keys(fields!).length === 2) return own;
  const { steps, ...others } = fields!;
  const kept = checkFields(content === "" ? others : fields!, where, templateSource);
  return content === "" && steps !== undefined
    ? { ...kept, ...own, steps: checkSteps(steps, where) }
    : { ...kept, ...own };
}

function checkSteps(steps: unknown, where: string): readonly string[] {
  const isText = (step: unknown): step is string => typeof step === "string";
  if (Array.isArray(steps) && steps.length > 0 && steps.every(isText)) {
    return steps.map((step) => step.toWellFormed());
  }
  throw new AssayError(
    "text/bad-message",
    `Cannot read ${where}: expected its steps to be a list of texts, at least one, found ${
      Array.isArray(steps) ? steps.length === 0 ? "none" : "others among them" : describe(steps)
    }`,
  );
}

function isKnownRole(role: string, templateSource: string): boolean {
  if (standardRoles.includes(role)) return true;
  // Only a plain word: a template also names its control tokens.
  return /^\w[\w.-]*$/.test(role) &&
    (templateSource.includes(`'${role}'`) || templateSource.includes(`"${role}"`));
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
