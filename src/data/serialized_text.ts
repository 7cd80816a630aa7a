import { AssayError } from "../error.ts";
import { parseJson } from "./json_text.ts";
import { parsePythonLiteral } from "./python_literal.ts";

/** What a value that was written as text begins with. */
const opening = /^\s*(?:[[{("']|(?:np\.|numpy\.)?(?:array|list)\()/;

/** Keys of a message, as written in JSON or by Python, also where quotes were doubled or escaped. */
const roleKey = /(?:\\?["']){1,2}(?:role|from)(?:\\?["']){1,2}\s*:/;
const contentKey = /(?:\\?["']){1,2}(?:content|value)(?:\\?["']){1,2}\s*:/;

/** A list whose items are objects, or objects of a class, by its first characters. */
const listOfObjects = /^\s*(?:\w[\w.]*\()?["']?\s*[[(]\s*(?:\{|\w[\w.]*\(\s*(?:role|content)=)/;
const singleMessage = /^\s*\{\s*(?:\\?["']){1,2}role(?:\\?["']){1,2}\s*:/;

/** What JavaScript makes of objects where text was wanted. */
const objectText = /^\s*\[object Object\](?:\s*,\s*\[object Object\])*\s*$/;

/**
 * Reads the value that a text was made of: JSON, or what Python and NumPy write for lists and
 * dictionaries (as pandas writes them into a cell).
 *
 * @param text The text.
 * @returns The value in an object of its own; `undefined` where the text is not such a value.
 */
export function valueOfText(text: string): { readonly value: unknown } | undefined {
  if (!opening.test(text)) return undefined;
  for (const parse of [parseJson, parsePythonLiteral]) {
    try {
      return { value: parse(text) };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}

/**
 * The list of messages that a text was made of, where it unmistakably is one: a list of objects, each
 * with a role and a content.
 *
 * @param column What error messages call the text.
 * @param text The text.
 * @returns The list; `undefined` where the text is only that.
 * @throws {AssayError} `data/unclear-text` where the text only looks like messages.
 */
export function messageListOfText(column: string, text: string): readonly unknown[] | undefined {
  if (objectText.test(text)) throw unclear(column, "what JavaScript makes of an object");
  const parsed = valueOfText(text);
  if (parsed !== undefined) return messageListOf(column, parsed.value);
  const isList = listOfObjects.test(text) && (roleKey.test(text) || /\b(role|content)=/.test(text));
  if (isList && (contentKey.test(text) || /\bcontent=/.test(text))) {
    throw unclear(column, "a list of messages that is cut short or written in no known way");
  }
  if (singleMessage.test(text) && contentKey.test(text)) {
    throw unclear(column, "a message that is cut short or written in no known way");
  }
  return undefined;
}

function messageListOf(column: string, value: unknown): readonly unknown[] | undefined {
  if (typeof value === "string") {
    const inner = valueOfText(value)?.value;
    if (typeof inner === "object" && messageListOf(column, inner) !== undefined) {
      throw unclear(column, "a list of messages that was written as text twice");
    }
    return undefined;
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return undefined;
    if (value.every((item) => has(item, "role") && (has(item, "content") || hasCall(item)))) {
      return value;
    }
    if (value.every((item) => has(item, "from") && has(item, "value"))) {
      throw unclear(column, "a list of {from, value}; rename them to role and content");
    }
    if (value.some((item) => has(item, "role") || has(item, "content"))) {
      throw unclear(column, "a list some of whose items are messages");
    }
    return value.some((item) => Array.isArray(item) && messageListOf(column, item) !== undefined)
      ? refuse(column, "a list of lists of messages")
      : undefined;
  }
  if (has(value, "role") && has(value, "content")) throw unclear(column, "one message, not a list");
  const wrapped = ["messages", "conversation", "conversations"].find((key) => has(value, key));
  const inner = wrapped && (value as Record<string, unknown>)[wrapped];
  if (Array.isArray(inner) && messageListOf(column, inner) !== undefined) {
    throw unclear(column, `an object with "${wrapped}"; give the list itself`);
  }
  return undefined;
}

function has(value: unknown, key: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key);
}

function hasCall(value: unknown): boolean {
  return has(value, "tool_calls") || has(value, "function_call");
}

function refuse(column: string, found: string): never {
  throw unclear(column, found);
}

/**
 * The error of text that may be itself or may stand for something else.
 *
 * @param column The column.
 * @param found What the text looks like.
 */
export function unclear(column: string, found: string): AssayError {
  return new AssayError(
    "data/unclear-text",
    `Cannot tell what column "${column}" holds: expected text, or a whole list of {role, content} as ` +
      `JSON, found what looks like ${found}; write the list as JSON, or text that is meant as it stands ` +
      'as [{"role": …, "content": "the text"}]',
  );
}
