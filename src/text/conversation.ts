import { AssayError } from "../error.ts";

/** One turn of a conversation. */
export interface Message {
  /** Who speaks: `system`, `user`, `assistant`, or another role that the chat template knows. */
  readonly role: string;
  /** What is said. */
  readonly content: string;
}

/** A list of messages; the last one is the response to score. */
export type Conversation = readonly Message[];

/** Roles that any chat template may meet, whether or not its source names them. */
const standardRoles = ["system", "user", "assistant", "tool", "function", "developer"];

/**
 * Checks a conversation that may come from outside the type system and makes its text well-formed:
 * a lone surrogate, which no tokenizer can encode, becomes U+FFFD. Nothing else is changed; line
 * ends, spaces and unnormalised characters stay as they are.
 *
 * A template that prints whatever role it is given would score a misspelt role in silence, so a
 * role is accepted only if it is a usual one (`system`, `user`, `assistant`, `tool`, `function`,
 * `developer`) or if the template's source names it.
 *
 * @param conversation What the caller calls a conversation.
 * @param templateSource Source of the chat template, searched for names of further roles.
 * @returns A copy with well-formed roles and contents.
 * @throws {AssayError} `text/empty-conversation`, `text/bad-message` (a message is not an object, or
 * its role or content is not a string), `text/unknown-role`.
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
  return conversation.map((message, index) => checkMessage(message, index, templateSource));
}

function checkMessage(message: unknown, index: number, templateSource: string): Message {
  const fields = message as Partial<Record<"role" | "content", unknown>> | null | undefined;
  const role = fields?.role;
  const content = fields?.content;
  const where = `message ${index + 1}`;
  if (typeof role !== "string" || typeof content !== "string") {
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
  return { role: role.toWellFormed(), content: content.toWellFormed() };
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
