import { TextValue } from "./text_value.ts";
import { DictValue, ListValue, type Value } from "./values.ts";
import { TemplateBudgetError } from "./work.ts";

/** The source of a string that is the template's or the checkpoint's own. */
export const ownText = -2;
/** The source of a string from outside that is not a message's content. */
export const otherText = -1;
/** Deepest nesting of a value from outside. */
const maxDepth = 100;

/**
 * A value of JSON as a template sees it. A whole number is an integer, as in a JSON file without a
 * point.
 *
 * @param value The value; what JSON has no form for is none.
 * @param source What its strings come from; {@link ownText} for strings that may hold control tokens.
 * @returns The value.
 */
export function plainValue(value: unknown, source: number, depth = 0): Value {
  if (depth > maxDepth) {
    throw new TemplateBudgetError(`a message nests more than ${maxDepth} deep`);
  }
  switch (typeof value) {
    case "string": {
      const text = value.toWellFormed();
      return source === ownText ? new TextValue(text) : TextValue.from(text, source);
    }
    case "boolean":
    case "bigint":
      return value;
    case "number":
      return Number.isInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
    case "object":
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (Array.isArray(value)) {
    return new ListValue(value.map((item) => plainValue(item, source, depth + 1)));
  }
  return new DictValue(
    Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) =>
      [plainValue(key, source) as TextValue, plainValue(item, source, depth + 1)] as const
    ),
  );
}
