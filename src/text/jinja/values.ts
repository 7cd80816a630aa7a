import { SafeText, TextValue } from "./text_value.ts";
import { TemplateBudgetError, TemplateRuntimeError, type Work } from "./work.ts";

/** A value of a template: `bigint` is Python's int, `number` its float, `null` its None. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | TextValue
  | ListValue
  | TupleValue
  | DictValue
  | ViewValue
  | RangeValue
  | SliceValue
  | IteratorValue
  | UndefinedValue
  | NamespaceValue
  | FunctionValue
  | ObjectValue;

/** Arguments of a call. */
export interface Call {
  readonly args: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** Python's list. */
export class ListValue {
  /** @param items Items, never changed once a template has them. */
  constructor(readonly items: readonly Value[]) {}
}

/** Python's tuple; `names` where it is a named one. */
export class TupleValue {
  /** @param items Items. @param names Names of the items, if they have some. */
  constructor(readonly items: readonly Value[], readonly names: readonly string[] = []) {}
}

/** Python's dict, in the order of insertion. */
export class DictValue {
  readonly #entries = new Map<string, readonly [Value, Value]>();

  /** @param entries Keys and values. */
  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  /** Number of keys. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value of a key. */
  get(key: Value): Value | undefined {
    return this.#entries.get(hashKey(key))?.[1];
  }

  /** Sets a key; one that is there keeps its place and form. */
  set(key: Value, value: Value): void {
    const hash = hashKey(key);
    this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value]);
  }

  /** Keys and values. */
  entries(): IterableIterator<readonly [Value, Value]> {
    return this.#entries.values();
  }
}

/** `dict.keys()`, `dict.values()`, `dict.items()`. */
export class ViewValue {
  /** @param dict What is looked at. @param kind Which view. */
  constructor(readonly dict: DictValue, readonly kind: "keys" | "values" | "items") {}

  /** Its items. */
  items(): Value[] {
    return [...this.dict.entries()].map(([key, value]) =>
      this.kind === "keys" ? key : this.kind === "values" ? value : new TupleValue([key, value])
    );
  }
}

/** Python's range. */
export class RangeValue {
  /** @param start First number. @param stop Where it ends. @param step Distance. @param length Items. */
  constructor(
    readonly start: bigint,
    readonly stop: bigint,
    readonly step: bigint,
    readonly length: number,
  ) {}
}

/** A slice between brackets. */
export class SliceValue {
  /** @param start First. @param stop End. @param step Step; `undefined` stands for none. */
  constructor(readonly start: Value, readonly stop: Value, readonly step: Value) {}
}

/** A generator: it can be gone through once, has no length, and is always true. */
export class IteratorValue {
  /** @param iterator What it gives. */
  constructor(readonly iterator: Iterator<Value>) {}
}

/** What a name, key or attribute that is not there gives. */
export class UndefinedValue {
  /** @param message What is not there, for errors. */
  constructor(readonly message: string) {}

  /** The error of using it for anything but printing, looping and asking. */
  fail(): never {
    throw new TemplateRuntimeError(this.message);
  }
}

/** Jinja's namespace, the one thing a template can change. */
export class NamespaceValue {
  readonly attributes = new Map<string, Value>();
}

/** Anything that can be called. */
export class FunctionValue {
  /** @param name For errors. @param call What it does. */
  constructor(readonly name: string, readonly call: (call: Call, work: Work) => Value) {}
}

/** An object with attributes of its own: `loop`, a macro, a cycler. */
export class ObjectValue {
  /**
   * @param name Its type.
   * @param attribute Its attributes; `undefined` for one that it lacks.
   * @param call What calling it does.
   * @param repr How Python writes it, where that does not tell its place in memory.
   */
  constructor(
    readonly name: string,
    readonly attribute: (name: string) => Value | undefined,
    readonly call?: (call: Call, work: Work) => Value,
    readonly repr?: string,
  ) {}
}

/** A value, or another where there is none; `null` is a value, Python's None. */
export function given(value: Value | undefined, standard: Value): Value {
  return value === undefined ? standard : value;
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (value instanceof TextValue) return "str";
  if (value instanceof ListValue) return "list";
  if (value instanceof TupleValue) return "tuple";
  if (value instanceof DictValue) return "dict";
  if (value instanceof ViewValue) return `dict_${value.kind}`;
  if (value instanceof RangeValue) return "range";
  if (value instanceof SliceValue) return "slice";
  if (value instanceof IteratorValue) return "generator";
  if (value instanceof UndefinedValue) return "Undefined";
  if (value instanceof NamespaceValue) return "Namespace";
  return value instanceof ObjectValue ? value.name : "function";
}

/** Items that a dict's key may have. */
const maxKeyItems = 10_000;

/** What stands for a value among a dict's keys: equal values have equal ones. */
export function hashKey(value: Value, count = { left: maxKeyItems }): string {
  if (--count.left < 0) throw new TemplateBudgetError("it made a key of too many items");
  if (value === null) return "N";
  if (value instanceof TextValue) return `s${value.text}`;
  if (typeof value === "boolean") return `n${Number(value)}`;
  if (typeof value === "bigint") return `n${value}`;
  if (typeof value === "number") {
    return Number.isInteger(value) ? `n${BigInt(value)}` : `f${value}`;
  }
  if (value instanceof TupleValue) {
    return `t${
      value.items.map((item) => {
        const key = hashKey(item, count);
        return `${key.length}:${key}`;
      }).join("")
    }`;
  }
  if (value instanceof UndefinedValue) return "u";
  if (value instanceof RangeValue) {
    return `r${value.length === 0 ? "" : `${value.start},${value.step},${value.length}`}`;
  }
  if (
    value instanceof FunctionValue || value instanceof ObjectValue ||
    value instanceof NamespaceValue || value instanceof IteratorValue
  ) {
    return `o${identity(value)}`;
  }
  throw new TemplateRuntimeError(`unhashable type: '${typeName(value)}'`);
}

const identities = new WeakMap<object, number>();
let identityCount = 0;

function identity(value: object): number {
  const known = identities.get(value);
  if (known !== undefined) return known;
  identities.set(value, ++identityCount);
  return identityCount;
}

/** Python's truth. */
export function isTrue(value: Value): boolean {
  if (value === null || value instanceof UndefinedValue) return false;
  if (typeof value === "object") {
    if (value instanceof TextValue) return value.text !== "";
    if (value instanceof ListValue || value instanceof TupleValue) return value.items.length > 0;
    if (value instanceof DictValue) return value.size > 0;
    if (value instanceof ViewValue) return value.dict.size > 0;
    if (value instanceof RangeValue) return value.length > 0;
    return true;
  }
  return typeof value === "bigint" ? value !== 0n : Boolean(value) || Number.isNaN(value);
}

/**
 * Goes through a value as Python's `iter` does, one step an item.
 *
 * @throws {TemplateRuntimeError} When it can't be gone through.
 */
export function* iterate(value: Value, work: Work): Generator<Value> {
  if (value instanceof DictValue || value instanceof ViewValue) work.spend(lengthOf(value)! / 8);
  for (const item of items(value)) {
    work.spend(1);
    yield item;
  }
}

function items(value: Value): Iterable<Value> {
  if (value instanceof ListValue || value instanceof TupleValue) return value.items;
  if (value instanceof TextValue) return characters(value);
  if (value instanceof DictValue) return new ViewValue(value, "keys").items();
  if (value instanceof ViewValue) return value.items();
  if (value instanceof RangeValue) return numbers(value);
  if (value instanceof UndefinedValue) return [];
  if (value instanceof IteratorValue) return { [Symbol.iterator]: () => value.iterator };
  throw new TemplateRuntimeError(`'${typeName(value)}' object is not iterable`);
}

/** Whether {@link iterate} takes a value. */
export function isIterable(value: Value): boolean {
  return value instanceof ListValue || value instanceof TupleValue || value instanceof TextValue ||
    value instanceof DictValue || value instanceof ViewValue || value instanceof RangeValue ||
    value instanceof UndefinedValue || value instanceof IteratorValue;
}

/** Python's `len`; undefined for what has none. */
export function lengthOf(value: Value): number | undefined {
  if (value instanceof TextValue || value instanceof RangeValue) return value.length;
  if (value instanceof ListValue || value instanceof TupleValue) return value.items.length;
  if (value instanceof DictValue) return value.size;
  if (value instanceof ViewValue) return value.dict.size;
  return value instanceof UndefinedValue ? 0 : undefined;
}

function* characters(value: TextValue): Generator<Value> {
  let unit = 0;
  for (const character of value.text) {
    const one = value.slice(unit, unit + character.length);
    yield one instanceof SafeText ? new TextValue(one.text, one.origins) : one;
    unit += character.length;
  }
}

function* numbers({ start, step, length }: RangeValue): Generator<Value> {
  for (let index = 0; index < length; index++) yield start + BigInt(index) * step;
}
