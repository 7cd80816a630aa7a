import { bind, numberArgument } from "./arguments.ts";
import { fixed } from "./format_spec.ts";
import { numberOf, toFloat } from "./numbers.ts";
import { pythonStrip } from "./python_space.ts";
import { toText } from "./python_text.ts";
import type { Filter } from "./runtime.ts";
import { TextValue } from "./text_value.ts";
import { given, typeName, UndefinedValue, type Value } from "./values.ts";
import { TemplateRuntimeError, TemplateUnsupportedError, type Work } from "./work.ts";

/** Python's `int` of a string; undefined for what it refuses. */
export function parseInteger(source: string, base: number, work: Work): bigint | undefined {
  const text = pythonStrip(source, "strip").toLowerCase();
  work.touch(text.length);
  work.spend(text.length * text.length / 4096);
  const match = /^([-+]?)(0[box])?([\p{Nd}a-z]+(?:_[\p{Nd}a-z]+)*)$/u.exec(text);
  if (match === null) return undefined;
  const [, sign, prefix, body = ""] = match;
  const digits = decimalDigits(body.replaceAll("_", ""));
  const bases: Readonly<Record<string, number>> = { "0b": 2, "0o": 8, "0x": 16 };
  const named = prefix === undefined ? undefined : bases[prefix];
  if (named !== undefined && base !== 0 && base !== named) return undefined;
  const radix = named ?? (base === 0 ? 10 : base);
  if (digits.length > 4300) return undefined;
  let value = 0n;
  for (const digit of digits) {
    const number = Number.parseInt(digit, 36);
    if (!(number < radix)) return undefined;
    value = value * BigInt(radix) + BigInt(number);
  }
  return sign === "-" ? -value : value;
}

/** Digits of any script as ASCII; Unicode has them in rows of ten. */
function decimalDigits(text: string): string {
  return text.replace(/[^\p{ASCII}]/gu, (digit) => {
    let zero = digit.codePointAt(0)!;
    while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && digit.codePointAt(0)! - zero < 9) {
      zero--;
    }
    return String(digit.codePointAt(0)! - zero);
  });
}

/** Python's `float` of a string; undefined for what it refuses. */
export function parseFloatText(source: string, work: Work): number | undefined {
  work.touch(source.length);
  const text = pythonStrip(source, "strip");
  const special = /^([-+]?)(inf|infinity|nan)$/i.exec(text);
  if (special !== null) {
    if (/nan/i.test(special[2]!)) return NaN;
    return special[1] === "-" ? -Infinity : Infinity;
  }
  const pattern =
    /^[-+]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+(?:_\d+)*)?$/i;
  return pattern.test(text) ? Number(text.replaceAll("_", "")) : undefined;
}

function truncated(value: number): bigint {
  if (Number.isFinite(value)) return BigInt(Math.trunc(value));
  throw new TemplateRuntimeError("cannot convert float infinity to integer");
}

const int: Filter = (value, call, { work }) => {
  const [standard, base] = bind("int", "default? base?", call);
  if (value instanceof UndefinedValue) value.fail();
  const number = numberOf(value);
  if (typeof number === "bigint") return number;
  if (typeof number === "number") {
    return Number.isNaN(number) ? given(standard, 0n) : truncated(number);
  }
  if (!(value instanceof TextValue)) return given(standard, 0n);
  const whole = parseInteger(value.text, numberArgument(base, 10), work);
  if (whole !== undefined) return whole;
  const float = parseFloatText(value.text, work);
  return float === undefined || !Number.isFinite(float) ? given(standard, 0n) : truncated(float);
};

const float: Filter = (value, call, { work }) => {
  const [standard] = bind("float", "default?", call);
  if (value instanceof UndefinedValue) value.fail();
  const number = numberOf(value);
  if (number !== undefined) return toFloat(number);
  const parsed = value instanceof TextValue ? parseFloatText(value.text, work) : undefined;
  return given(parsed, given(standard, 0));
};

const abs: Filter = (value, call) => {
  bind("abs", "", call);
  const number = requireNumber("abs", value);
  return number < 0 ? -number : typeof number === "number" ? Math.abs(number) : number;
};

function requireNumber(name: string, value: Value): bigint | number {
  const number = numberOf(value);
  if (number !== undefined) return number;
  if (value instanceof UndefinedValue) value.fail();
  throw new TemplateRuntimeError(`bad operand type for ${name}: '${typeName(value)}'`);
}

const round: Filter = (value, call, { work }) => {
  const [digits, how] = bind("round", "precision? method?", call);
  const method = how === undefined ? "common" : toText(how, work).text;
  const precision = numberArgument(digits, 0);
  if (!["common", "ceil", "floor"].includes(method)) {
    throw new TemplateRuntimeError("method must be common, ceil or floor");
  }
  const number = requireNumber("round", value);
  if (precision < 0 || precision > 60) {
    throw new TemplateUnsupportedError("it rounds to another number of digits than 0 to 60");
  }
  if (method !== "common") {
    const scaled = typeof number === "bigint"
      ? toFloat(number * 10n ** BigInt(precision))
      : Math[method as "ceil" | "floor"](number * 10 ** precision);
    return scaled / 10 ** precision;
  }
  return typeof number === "bigint" ? number : roundFloat(number, precision);
};

/** Python's `round`: to the nearest decimal, of two as near the even one. */
function roundFloat(value: number, precision: number): number {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e21) return value;
  const exact = Math.abs(value).toFixed(Math.min(100, precision + 30));
  const point = exact.indexOf(".");
  const rest = exact.slice(point + 1 + precision);
  const down = exact.slice(0, point + 1 + precision).replace(/\.$/, "");
  const isTie = /^50*$/.test(rest);
  const isEven = /[02468]$/.test(down);
  const rounded = isTie && isEven ? Number(down) : Number(fixed(Math.abs(value), precision));
  return Math.sign(value) * rounded || (Object.is(Math.sign(value), -1) ? -0 : rounded);
}

const fileSize: Filter = (value, call, { work }) => {
  const [binary] = bind("filesizeformat", "binary?", call);
  const number = value instanceof TextValue
    ? parseFloatText(value.text, work)
    : toFloat(requireNumber("filesizeformat", value));
  if (number === undefined || !Number.isFinite(number)) {
    throw new TemplateRuntimeError("filesizeformat needs a number");
  }
  const isBinary = binary === true;
  const base = isBinary ? 1024 : 1000;
  if (number === 1) return new TextValue("1 Byte");
  if (number < base) return new TextValue(`${Math.trunc(number)} Bytes`);
  const names = [..."kMGTPEZY"].map((letter) =>
    isBinary ? `${letter.toUpperCase()}iB` : `${letter}B`
  );
  const index = names.findIndex((_, place) => number < base ** (place + 2));
  const place = index < 0 ? names.length - 1 : index;
  return new TextValue(`${fixed(base * number / base ** (place + 2), 1)} ${names[place]}`);
};

/** Filters of numbers. */
export const numberFilters: Readonly<Record<string, Filter>> = {
  abs,
  filesizeformat: fileSize,
  float,
  int,
  round,
};
