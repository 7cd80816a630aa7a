import { itemOf } from "./subscripts.ts";
import { TextValue } from "./text_value.ts";
import { UndefinedValue, type Value } from "./values.ts";
import type { Work } from "./work.ts";

/** Reads a part of an item. */
export type Getter = (item: Value) => Value;

/** `lower` of strings, anything else as it is: how Jinja sorts and groups unless told otherwise. */
export function ignoreCase(value: Value): Value {
  return value instanceof TextValue ? value.map((text) => text.toLowerCase()) : value;
}

/**
 * The getter of `attribute=`: a name with dots, an index, or nothing for the item itself.
 *
 * @param attribute What the template gave.
 * @param work Where it is charged.
 * @param standard What stands for a part that is not there.
 */
export function pathGetter(
  attribute: Value | undefined,
  work: Work,
  standard?: Value,
): Getter {
  const keys = keysOf(attribute);
  return (item) => {
    let value = item;
    for (const key of keys) {
      work.spend(1);
      value = itemOf(value, key, work);
      if (value instanceof UndefinedValue && standard !== undefined && standard !== null) {
        value = standard;
      }
    }
    return value;
  };
}

function keysOf(attribute: Value | undefined): Value[] {
  if (attribute === undefined || attribute === null) return [];
  if (!(attribute instanceof TextValue)) return [attribute];
  return attribute.text.split(".").map((part) =>
    /^\d+$/.test(part) ? BigInt(part) : new TextValue(part)
  );
}

/** The getters of `attribute="one,other"`. */
export function pathGetters(attribute: Value | undefined, work: Work): Getter[] {
  if (!(attribute instanceof TextValue)) return [pathGetter(attribute, work)];
  return attribute.text.split(",").map((path) => pathGetter(new TextValue(path), work));
}
