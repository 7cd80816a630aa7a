import { bind } from "./arguments.ts";
import { braceFormat } from "./brace_format.ts";
import { hasMethod, methodOf } from "./methods.ts";
import { integerOf, numberOf } from "./numbers.ts";
import { refuseSafe } from "./operators.ts";
import { SafeText, TextBuilder, TextValue } from "./text_value.ts";
import {
  DictValue,
  FunctionValue,
  given,
  ListValue,
  NamespaceValue,
  ObjectValue,
  RangeValue,
  SliceValue,
  TupleValue,
  typeName,
  UndefinedValue,
  type Value,
} from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

/** `value.name`: an attribute, else an item. */
export function attributeOf(value: Value, name: string, work: Work): Value {
  if (value instanceof UndefinedValue) value.fail();
  if (name.startsWith("_") && !(value instanceof DictValue)) return missing(value, name);
  const attribute = ownAttribute(value, name);
  if (attribute !== undefined) return attribute;
  return given(itemByKey(value, new TextValue(name), work), missing(value, name));
}

/** `value[key]`: an item, else an attribute. */
export function itemOf(value: Value, key: Value, work: Work): Value {
  if (value instanceof UndefinedValue) value.fail();
  if (key instanceof SliceValue) return sliceOrMissing(value, key, work);
  const item = itemByKey(value, key, work);
  if (item !== undefined) return item;
  if (!(key instanceof TextValue)) return missing(value, "item");
  return given(ownAttribute(value, key.text), missing(value, key.text));
}

function missing(value: Value, name: string): UndefinedValue {
  return new UndefinedValue(`'${typeName(value)}' object has no attribute or item '${name}'`);
}

/** An attribute in the sense of Python, items left out; undefined where there is none. */
export function ownAttribute(value: Value, name: string): Value | undefined {
  if (name.startsWith("_")) return undefined;
  if (value instanceof NamespaceValue) return value.attributes.get(name);
  if (value instanceof ObjectValue) return value.attribute(name);
  if (value instanceof TupleValue) {
    const place = value.names.indexOf(name);
    if (place >= 0) return value.items[place];
  }
  if (value instanceof SafeText) return safeMethod(value, name);
  if (value instanceof TextValue && (name === "format" || name === "format_map")) {
    return formatMethod(value, name);
  }
  return hasMethod(value, name) ? methodOf(value, name) : undefined;
}

/** Methods of a marked text that escape what they are given. */
const escaping = ["join", "replace", "format", "format_map"];

/** A method of a marked text; the texts that it gives are marked, too. */
function safeMethod(value: SafeText, name: string): Value | undefined {
  const plain = new TextValue(value.text, value.origins);
  const method = ownAttribute(plain, name);
  if (!(method instanceof FunctionValue)) return method;
  return new FunctionValue(name, (call, work) => {
    if (escaping.includes(name)) refuseSafe(value);
    return marked(value, method.call(call, work));
  });
}

/** What a marked text gives: texts, or a list of them, marked. */
function marked<T extends Value | undefined>(of: Value, value: T): T | Value {
  if (!(of instanceof SafeText)) return value;
  if (value instanceof TextValue) return SafeText.of(value);
  if (value instanceof ListValue) return new ListValue(value.items.map((item) => marked(of, item)));
  return value instanceof TupleValue
    ? new TupleValue(value.items.map((item) => marked(of, item)))
    : value;
}

function formatMethod(format: TextValue, name: string): FunctionValue {
  return new FunctionValue(name, (call, work) => {
    const lookup = { attributeOf, itemOf };
    if (name === "format") return braceFormat(format, call.args, call.named, lookup, work);
    const [fields] = bind(name, "/mapping", call);
    if (!(fields instanceof DictValue)) throw new TemplateRuntimeError("format_map() needs a dict");
    const named = new Map<string, Value>();
    for (const [key, value] of fields.entries()) {
      if (key instanceof TextValue) named.set(key.text, value);
    }
    return braceFormat(format, [], named, lookup, work);
  });
}

function itemByKey(value: Value, key: Value, work: Work): Value | undefined {
  if (value instanceof DictValue) {
    try {
      return value.get(key);
    } catch (error) {
      if (error instanceof TemplateRuntimeError) return undefined;
      throw error;
    }
  }
  const index = numberOf(key);
  if (typeof index !== "bigint") return undefined;
  if (value instanceof TextValue) {
    const place = within(index, value.length);
    work.touch(value.text.length / 16);
    if (place < 0) return undefined;
    return marked(value, value.slice(value.unitOf(place), value.unitOf(place + 1)));
  }
  if (value instanceof ListValue || value instanceof TupleValue) {
    return value.items[within(index, value.items.length)];
  }
  if (value instanceof RangeValue) {
    const place = within(index, value.length);
    return place < 0 ? undefined : value.start + BigInt(place) * value.step;
  }
  return undefined;
}

/** An index from the front, or -1 outside. */
function within(index: bigint, length: number): number {
  const place = index < 0n ? index + BigInt(length) : index;
  return place >= 0n && place < BigInt(length) ? Number(place) : -1;
}

function sliceOrMissing(value: Value, key: SliceValue, work: Work): Value {
  const isWhole = [key.start, key.stop, key.step].every((bound) =>
    bound === null || typeof numberOf(bound) === "bigint"
  );
  const isSequence = value instanceof TextValue || value instanceof ListValue ||
    value instanceof TupleValue || value instanceof RangeValue;
  return isWhole && isSequence ? sliceOf(value, key, work) : missing(value, "slice");
}

/** `value[start:stop:step]`, which Jinja leaves to Python, errors included. */
export function sliceOf(value: Value, slice: SliceValue, work: Work): Value {
  if (value instanceof UndefinedValue) value.fail();
  if (value instanceof TextValue) return marked(value, sliceText(value, slice, work));
  if (value instanceof ListValue || value instanceof TupleValue) {
    const places = slicePlaces(slice, value.items.length);
    work.spend(places.length);
    const items = Array.from(places, (place) => value.items[place]!);
    return value instanceof ListValue ? new ListValue(items) : new TupleValue(items);
  }
  if (value instanceof RangeValue) {
    const { first, stop, length } = sliceBounds(slice, value.length);
    const at = (place: number) => value.start + BigInt(place) * value.step;
    const step = slice.step === null ? 1n : integerOf(slice.step);
    return new RangeValue(at(first), at(stop), value.step * step, length);
  }
  throw new TemplateRuntimeError(`'${typeName(value)}' object is not subscriptable by a slice`);
}

function sliceText(value: TextValue, slice: SliceValue, work: Work): TextValue {
  const { first, step, length } = sliceBounds(slice, value.length);
  work.touch(value.text.length);
  if (length === 0) return new TextValue("");
  if (step === 1) return value.slice(value.unitOf(first), value.unitOf(first + length));
  work.spend(length);
  const builder = new TextBuilder();
  for (let index = 0; index < length; index++) {
    const place = first + index * step;
    builder.add(value.slice(value.unitOf(place), value.unitOf(place + 1)));
  }
  return builder.build();
}

function slicePlaces(slice: SliceValue, size: number): number[] {
  const { first, step, length } = sliceBounds(slice, size);
  return Array.from({ length }, (_, index) => first + index * step);
}

/** Python's `slice.indices`. */
function sliceBounds(
  slice: SliceValue,
  size: number,
): { first: number; stop: number; step: number; length: number } {
  const step = slice.step === null ? 1 : clamp(integerOf(slice.step), size + 1);
  if (step === 0) throw new TemplateRuntimeError("slice step cannot be zero");
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const bound = (value: Value, standard: number) => {
    if (value === null) return standard;
    const index = clamp(integerOf(value), 2 * size + 2);
    return Math.max(low, Math.min(high, index < 0 ? index + size : index));
  };
  const first = bound(slice.start, step > 0 ? low : high);
  const stop = bound(slice.stop, step > 0 ? high : low);
  const length = Math.max(0, Math.ceil((stop - first) / step));
  return { first, stop, step, length };
}

function clamp(value: bigint, most: number): number {
  const limit = BigInt(most);
  return Number(value > limit ? limit : value < -limit ? -limit : value);
}
