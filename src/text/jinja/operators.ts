import { numberOf, toFloat } from "./numbers.ts";
import { SafeText, TextBuilder, TextValue } from "./text_value.ts";
import {
  DictValue,
  FunctionValue,
  hashKey,
  isIterable,
  iterate,
  ListValue,
  ObjectValue,
  RangeValue,
  TupleValue,
  typeName,
  UndefinedValue,
  type Value,
  ViewValue,
} from "./values.ts";
import { TemplateRuntimeError, TemplateUnsupportedError, type Work } from "./work.ts";

/** Bits of the largest integer that a template may make. */
const maxBits = 65_536;

/** Refuses what Python's `Markup` would escape, see {@link SafeText}. */
export function refuseSafe(...values: readonly (Value | undefined)[]): void {
  if (values.some((value) => value instanceof SafeText)) {
    throw new TemplateUnsupportedError(
      "it formats a text that is marked as safe, for which Jinja escapes what it puts in",
    );
  }
}

/** `left operator right` of Python's arithmetic. */
export function arithmetic(operator: string, left: Value, right: Value, work: Work): Value {
  if (left instanceof UndefinedValue) left.fail();
  if (right instanceof UndefinedValue) right.fail();
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) {
    return typeof a === "bigint" && typeof b === "bigint"
      ? integerArithmetic(operator, a, b, work)
      : floatArithmetic(operator, toFloat(a), toFloat(b));
  }
  const joined = operator === "+"
    ? add(left, right, work)
    : operator === "*"
    ? repeat(left, right, work) ?? repeat(right, left, work)
    : undefined;
  if (joined !== undefined) return joined;
  throw new TemplateRuntimeError(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

function add(left: Value, right: Value, work: Work): Value | undefined {
  if (left instanceof TextValue && right instanceof TextValue) {
    work.touch(left.text.length + right.text.length);
    if (left instanceof SafeText || right instanceof SafeText) {
      const parts = new TextBuilder().add(SafeText.escaping(left)).add(SafeText.escaping(right));
      return SafeText.of(parts.build());
    }
    return new TextBuilder().add(left).add(right).build();
  }
  const isPair = (left instanceof ListValue && right instanceof ListValue) ||
    (left instanceof TupleValue && right instanceof TupleValue);
  if (!isPair) return undefined;
  work.spend(left.items.length + right.items.length);
  const items = [...left.items, ...right.items];
  return left instanceof ListValue ? new ListValue(items) : new TupleValue(items);
}

function repeat(value: Value, times: Value, work: Work): Value | undefined {
  const count = typeof times === "boolean" ? BigInt(times) : times;
  if (typeof count !== "bigint") return undefined;
  const length = count < 0n ? 0 : Number(count);
  if (value instanceof TextValue) {
    work.touch(value.text.length * length);
    if (value.text === "") return value;
    if (value.origins.length === 0) return new TextValue(value.text.repeat(length));
    work.spend(length);
    const builder = new TextBuilder();
    for (let index = 0; index < length; index++) builder.add(value);
    return builder.build();
  }
  if (!(value instanceof ListValue || value instanceof TupleValue)) return undefined;
  work.spend(value.items.length * length);
  const items = value.items.length === 0 ? [] : Array.from({ length }, () => value.items).flat();
  return value instanceof ListValue ? new ListValue(items) : new TupleValue(items);
}

function bits(value: bigint): number {
  return value.toString(16).length * 4;
}

function integerArithmetic(operator: string, a: bigint, b: bigint, work: Work): Value {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return bounded(a * b, work);
    case "/":
      if (b === 0n) throw new TemplateRuntimeError("division by zero");
      return toFloat(a) / toFloat(b);
    case "//":
    case "%": {
      if (b === 0n) throw new TemplateRuntimeError("integer division or modulo by zero");
      const rest = a % b;
      const isOff = rest !== 0n && rest < 0n !== b < 0n;
      return operator === "%" ? (isOff ? rest + b : rest) : (a / b) - (isOff ? 1n : 0n);
    }
    default:
      if (b < 0n) return floatArithmetic("**", toFloat(a), toFloat(b));
      if (bits(a) * Number(b) > maxBits && a !== 1n && a !== 0n && a !== -1n) {
        work.spend(Infinity);
      }
      return a ** b;
  }
}

function bounded(value: bigint, work: Work): bigint {
  if (value > -(2n ** 62n) && value < 2n ** 62n) return value;
  const size = bits(value);
  work.spend(size > maxBits ? Infinity : size / 64);
  return value;
}

function floatArithmetic(operator: string, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "**":
      return floatPower(a, b);
    default:
  }
  if (b === 0) throw new TemplateRuntimeError("float division by zero");
  if (operator === "/") return a / b;
  let rest = a % b;
  if (rest !== 0 && rest < 0 !== b < 0) rest += b;
  else if (rest === 0) rest = b < 0 ? -0 : 0;
  if (operator === "%") return rest;
  const quotient = (a - rest) / b;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function floatPower(a: number, b: number): number {
  if (a === 0 && b < 0) throw new TemplateRuntimeError("0.0 cannot be raised to a negative power");
  const power = a === 1 || b === 0 ? 1 : a ** b;
  if (Number.isNaN(power) && !Number.isNaN(a) && !Number.isNaN(b)) {
    throw new TemplateRuntimeError("it makes a complex number");
  }
  if (!Number.isFinite(power) && Number.isFinite(a) && Number.isFinite(b)) {
    throw new TemplateRuntimeError("Numerical result out of range");
  }
  return power;
}

/** Python's `==`. */
export function equals(left: Value, right: Value, work: Work): boolean {
  work.spend(1);
  const [a, b] = [numberOf(left), numberOf(right)];
  // deno-lint-ignore eqeqeq -- `==` compares a bigint with a number exactly.
  if (a !== undefined && b !== undefined) return a == b;
  if (left instanceof TextValue && right instanceof TextValue) {
    if (left.text.length !== right.text.length) return false;
    work.touch(left.text.length);
    return left.text === right.text;
  }
  if (left instanceof UndefinedValue) return right instanceof UndefinedValue;
  if (left instanceof DictValue && right instanceof DictValue) {
    return work.deeper(() => equalDicts(left, right, work));
  }
  if (left instanceof RangeValue && right instanceof RangeValue) {
    return left.length === right.length &&
      (left.length === 0 || (left.start === right.start &&
        (left.length === 1 || left.step === right.step)));
  }
  const isPair = (left instanceof ListValue && right instanceof ListValue) ||
    (left instanceof TupleValue && right instanceof TupleValue);
  if (!isPair) return left === right;
  return left.items.length === right.items.length &&
    work.deeper(() => left.items.every((item, index) => same(item, right.items[index]!, work)));
}

/** Python's comparison of items: identical ones are equal, whatever they are. */
function same(left: Value, right: Value, work: Work): boolean {
  return (typeof left === "object" && left === right && left !== null &&
    !(left instanceof ListValue)) || equals(left, right, work);
}

function equalDicts(left: DictValue, right: DictValue, work: Work): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left.entries()) {
    const other = right.get(key);
    if (other === undefined || !equals(value, other, work)) return false;
  }
  return true;
}

/** Python's order of two values: negative, zero, positive, or NaN where neither is before the other. */
export function order(left: Value, right: Value, operator: string, work: Work): number {
  work.spend(1);
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) {
    // deno-lint-ignore eqeqeq -- `==` compares a bigint with a number exactly.
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : NaN;
  }
  if (left instanceof TextValue && right instanceof TextValue) {
    work.touch(Math.min(left.text.length, right.text.length));
    return compareTexts(left.text, right.text);
  }
  if (left instanceof UndefinedValue) left.fail();
  if (right instanceof UndefinedValue) right.fail();
  const isPair = (left instanceof ListValue && right instanceof ListValue) ||
    (left instanceof TupleValue && right instanceof TupleValue);
  if (!isPair) {
    throw new TemplateRuntimeError(
      `'${operator}' not supported between instances of '${typeName(left)}' and '${
        typeName(right)
      }'`,
    );
  }
  return work.deeper(() => {
    const length = Math.min(left.items.length, right.items.length);
    for (let index = 0; index < length; index++) {
      const [one, other] = [left.items[index]!, right.items[index]!];
      if (!same(one, other, work)) return order(one, other, operator, work);
    }
    return left.items.length - right.items.length;
  });
}

/** By code points; UTF-16 puts characters outside the BMP before some inside. */
function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  let index = 0;
  while (index < left.length && index < right.length && left[index] === right[index]) index++;
  if (index > 0 && /[\ud800-\udbff]/.test(left[index - 1]!)) index--;
  return (left.codePointAt(index) ?? -1) - (right.codePointAt(index) ?? -1);
}

/** `left operator right` of Python's comparisons. */
export function compare(operator: string, left: Value, right: Value, work: Work): boolean {
  switch (operator) {
    case "==":
      return equals(left, right, work);
    case "!=":
      return !equals(left, right, work);
    case "in":
      return contains(right, left, work);
    case "not in":
      return !contains(right, left, work);
    default: {
      const sign = order(left, right, operator, work);
      if (operator === "<") return sign < 0;
      if (operator === "<=") return sign <= 0;
      return operator === ">" ? sign > 0 : sign >= 0;
    }
  }
}

function contains(container: Value, item: Value, work: Work): boolean {
  if (container instanceof TextValue) {
    if (!(item instanceof TextValue)) {
      throw new TemplateRuntimeError(
        `'in <string>' requires string as left operand, not ${typeName(item)}`,
      );
    }
    work.search(container.text.length, item.text.length);
    return container.text.includes(item.text);
  }
  const isKeys = container instanceof ViewValue && container.kind === "keys";
  if (container instanceof DictValue || isKeys) {
    const dict = isKeys ? container.dict : container as DictValue;
    return dict.get(item) !== undefined;
  }
  if (container instanceof RangeValue) {
    const number = numberOf(item);
    if (number === undefined || (typeof number === "number" && !Number.isInteger(number))) {
      return false;
    }
    const distance = BigInt(number) - container.start;
    const index = distance / container.step;
    return distance % container.step === 0n && index >= 0n && index < BigInt(container.length);
  }
  if (!isIterable(container)) {
    throw new TemplateRuntimeError(
      `argument of type '${typeName(container)}' is not a container or iterable`,
    );
  }
  for (const other of iterate(container, work)) if (same(item, other, work)) return true;
  return false;
}

/** Whether a value can be called. */
export function isCallable(value: Value): boolean {
  return value instanceof FunctionValue ||
    (value instanceof ObjectValue && value.call !== undefined);
}

/** The key of a value in a set, charged by its size. */
export function chargedKey(value: Value, work: Work): string {
  const key = hashKey(value);
  work.touch(key.length);
  return key;
}
