import { AssayError } from "../error.ts";
import { mapTexts } from "./nested_text.ts";
import { templateNames } from "./template_names.ts";

/** A message or an object of variables, of which nothing is known yet. */
type Fields = Readonly<Record<string, unknown>>;

/** Words that a field's name has where the field says something: without it another thing is scored. */
const sayingWords: ReadonlySet<string> = new Set(
  ("reason reasoning think thinking thought thoughts tool tools function functions call calls " +
    "image images audio video videos media file files document documents attachment " +
    "attachments prefix refusal plan channel recipient arguments citation citations parts").split(
      " ",
    ),
);

/** Fields that every message may have. */
const ownFields: ReadonlySet<string> = new Set(["role", "content", "nullContent"]);

/** What only a renderer may set. */
const reservedVariables: ReadonlySet<string> = new Set([
  "messages",
  "add_generation_prompt",
  "raise_exception",
  "strftime_now",
  "range",
]);

/**
 * The fields of a message that its template reads, without `role`, `content` and those that are `null`.
 *
 * @param message The message.
 * @param where What error messages call it.
 * @param templateSource Source of the chat template.
 * @throws {AssayError} `text/unknown-field` for a field that says something and that the template does
 * not read; others, such as a time or a number, are left out. `text/bad-field`.
 */
export function checkFields(message: Fields, where: string, templateSource: string): Fields {
  const { fields } = templateNames(templateSource);
  const kept = Object.entries(message).filter(([name, value]) => {
    if (ownFields.has(name) || value === null || value === undefined) return false;
    if (fields === "all" || fields.has(name)) return true;
    if (!isEmpty(value) && saysSomething(name)) {
      throw new AssayError(
        "text/unknown-field",
        `Cannot render ${where}: expected fields that the chat template reads, found ` +
          `${JSON.stringify(name.slice(0, 100))}, which it would drop; put what it says into the ` +
          "content, or leave the field out",
      );
    }
    return false;
  });
  return Object.fromEntries(kept.map(([name, value]) => [name, wellFormed(value)]));
}

/**
 * The variables of a conversation, each of which its template must read.
 *
 * @param variables By name.
 * @param templateSource Source of the chat template.
 * @throws {AssayError} `text/unknown-variable`, `text/bad-field`.
 */
export function checkVariables(variables: Fields, templateSource: string): Fields {
  const known = templateNames(templateSource).variables;
  for (const name of Object.keys(variables)) {
    if (known.has(name) && !reservedVariables.has(name) && !name.endsWith("_token")) continue;
    throw new AssayError(
      "text/unknown-variable",
      `Cannot render the conversation: expected variables that the chat template reads, found ${
        JSON.stringify(name.slice(0, 100))
      }, which it would drop; leave it out, or use a model whose template reads it`,
    );
  }
  return wellFormed(variables) as Fields;
}

function saysSomething(name: string): boolean {
  const words = name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase().split(/[^a-z]+/);
  return name === "name" || words.some((word) => sayingWords.has(word));
}

/** Whether a value says nothing: whatever drops it drops nothing. */
function isEmpty(value: unknown): boolean {
  if (value === "" || value === false) return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function wellFormed(value: unknown): unknown {
  return mapTexts(value, (text) => text.toWellFormed());
}
