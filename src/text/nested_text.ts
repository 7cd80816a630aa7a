import { AssayError } from "../error.ts";

/** Deepest nesting of a field or variable: more than any tool's schema has. */
const deepest = 64;

/**
 * A value as JSON has it (text, numbers, booleans, null, lists, objects), with its texts changed.
 *
 * @param value The value.
 * @param ofText Changes a text.
 * @param ofKey Changes the name of an object's key.
 * @returns A copy.
 * @throws {AssayError} `text/bad-field` for a value that JSON does not have, a whole number beyond
 * 2⁵³ or nesting of more than 64 levels.
 */
export function mapTexts(
  value: unknown,
  ofText: (text: string) => string,
  ofKey: (key: string) => string = ofText,
  depth = 0,
): unknown {
  if (typeof value === "string") return ofText(value);
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value !== "object" || depth >= deepest) {
    throw new AssayError(
      "text/bad-field",
      "Cannot give a field or variable to the chat template: expected text, numbers that a double " +
        `holds, booleans, null, lists and objects of at most ${deepest} levels, found ${
          typeof value === "object" ? "more levels" : `a ${typeof value}`
        }`,
    );
  }
  const next = (inner: unknown) => mapTexts(inner, ofText, ofKey, depth + 1);
  if (Array.isArray(value)) return value.map(next);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [ofKey(key), next(inner)]),
  );
}
