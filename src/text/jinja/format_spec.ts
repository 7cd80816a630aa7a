import { toFloat } from "./numbers.ts";
import { pad } from "./padding.ts";
import { floatText, integerText } from "./python_text.ts";
import { TextBuilder, TextValue } from "./text_value.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

/** Python's format specification. */
export interface FormatSpec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly isAlternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const pattern = /^(?:([\s\S])?([<>=^]))?([-+ ]?)(z?)(#?)(0?)(\d*)([,_]?)(?:\.(\d+))?([a-zA-Z%]?)$/u;
/** Digits after the point that a template may ask for. */
const maxPrecision = 100;

/** Reads a format specification. */
export function parseSpec(spec: string): FormatSpec {
  const match = pattern.exec(spec);
  if (match === null || match[4] !== "") {
    throw new TemplateRuntimeError(`Invalid format specifier '${spec}'`);
  }
  const [, fill, align, sign, , alternate, zero, width, grouping, precision, type] = match;
  const isZero = zero === "0" && align === undefined;
  return {
    fill: fill ?? (zero === "0" ? "0" : " "),
    align: align ?? (isZero ? "=" : ""),
    sign: sign!,
    isAlternate: alternate === "#",
    width: Number(width || 0),
    grouping: grouping!,
    precision: precision === undefined ? undefined : Number(precision),
    type: type!,
  };
}

/** Formats a string. */
export function formatText(value: TextValue, spec: FormatSpec, work: Work): TextValue {
  if ((spec.type !== "" && spec.type !== "s") || spec.sign || spec.isAlternate || spec.grouping) {
    throw new TemplateRuntimeError(`Unknown format code '${spec.type}' for a string`);
  }
  if (spec.align === "=") throw new TemplateRuntimeError("'=' alignment not allowed in string");
  const cut = spec.precision === undefined || spec.precision >= value.length
    ? value
    : value.slice(0, value.unitOf(spec.precision));
  return aligned(cut, { ...spec, align: spec.align || "<" }, work);
}

function aligned(value: TextValue, { fill, align, width }: FormatSpec, work: Work): TextValue {
  if (align !== "^") return pad(value, width, fill, align === "<" ? "end" : "start", work);
  const missing = width - value.length;
  if (missing <= 0) return value;
  work.touch(width);
  const left = Math.floor(missing / 2);
  return new TextBuilder().add(fill.repeat(left)).add(value).add(fill.repeat(missing - left))
    .build();
}

/** Formats a number. */
export function formatNumber(
  value: bigint | number,
  spec: FormatSpec,
  work: Work,
): TextValue {
  const isFloat = typeof value === "number" || /^[eEfFgG%]$/.test(spec.type);
  const [sign, digits] = isFloat
    ? floatDigits(toFloat(value), spec)
    : integerDigits(value as bigint, spec, work);
  const signed = sign === "-" ? "-" : spec.sign === "-" ? "" : spec.sign;
  const text = grouped(digits, spec, signed.length);
  if (spec.align === "=") {
    const missing = spec.width - [...text].length - signed.length;
    work.touch(spec.width);
    return new TextValue(signed + spec.fill.repeat(Math.max(0, missing)) + text);
  }
  return aligned(new TextValue(signed + text), { ...spec, align: spec.align || ">" }, work);
}

/** The digits with separators between; zeros that fill up are separated, too. */
function grouped(digits: string, spec: FormatSpec, signLength: number): string {
  if (spec.grouping === "") return digits;
  const [, whole = "", rest = ""] = /^([0-9a-fA-F]*)([\s\S]*)$/.exec(digits)!;
  const size = /^[boxX]$/.test(spec.type) ? 4 : 3;
  if (spec.fill !== "0" || spec.align !== "=") return separate(whole, size, spec.grouping) + rest;
  let filled = whole;
  const length = () => separate(filled, size, spec.grouping).length + rest.length + signLength;
  while (length() < Math.min(spec.width, 1000)) filled = `0${filled}`;
  const text = separate(filled, size, spec.grouping);
  return text + rest;
}

function separate(digits: string, size: number, separator: string): string {
  const groups: string[] = [];
  for (let end = digits.length; end > 0; end -= size) {
    groups.unshift(digits.slice(Math.max(0, end - size), end));
  }
  return groups.join(separator);
}

function integerDigits(value: bigint, spec: FormatSpec, work: Work): [string, string] {
  if (spec.precision !== undefined) {
    throw new TemplateRuntimeError("Precision not allowed in integer format specifier");
  }
  const sign = value < 0n ? "-" : "";
  const size = value < 0n ? -value : value;
  const radix = ({ b: 2, o: 8, x: 16, X: 16 } as Record<string, number>)[spec.type];
  if (spec.type === "c") return ["", String.fromCodePoint(Number(value))];
  if (radix !== undefined) {
    const prefix = spec.isAlternate ? `0${spec.type}` : "";
    const digits = size.toString(radix);
    return [sign, prefix + (spec.type === "X" ? digits.toUpperCase() : digits)];
  }
  if (!["", "d", "n"].includes(spec.type)) {
    throw new TemplateRuntimeError(`Unknown format code '${spec.type}' for object of type 'int'`);
  }
  return [sign, integerText(size, work)];
}

function floatDigits(value: number, spec: FormatSpec): [string, string] {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  const { type } = spec;
  const isUpper = /[A-Z]/.test(type);
  if (!Number.isFinite(size)) {
    const name = Number.isNaN(size) ? "nan" : "inf";
    return [sign, (isUpper ? name.toUpperCase() : name) + (type === "%" ? "%" : "")];
  }
  const precision = spec.precision ?? 6;
  if (precision > maxPrecision) throw new TemplateRuntimeError("precision too big");
  if (type === "" && spec.precision === undefined) return [sign, floatText(size)];
  if (type === "%") return [sign, `${fixed(size * 100, precision)}%`];
  if (type === "f" || type === "F") {
    const text = fixed(size, precision);
    return [sign, spec.isAlternate && precision === 0 ? `${text}.` : text];
  }
  const lower = type.toLowerCase();
  if (!["e", "g", "n", ""].includes(lower)) {
    throw new TemplateRuntimeError(`Unknown format code '${type}' for object of type 'float'`);
  }
  const text = lower === "e" ? exponential(size, precision) : general(size, precision, spec);
  return [sign, isUpper ? text.toUpperCase() : text];
}

/** JavaScript's `toFixed` gives up at 1e21 and rounds exactly as Python does below. */
export function fixed(size: number, precision: number): string {
  if (size < 1e21) return size.toFixed(precision);
  return BigInt(size).toString() + (precision === 0 ? "" : `.${"0".repeat(precision)}`);
}

function exponential(size: number, precision: number): string {
  return size.toExponential(precision).replace(
    /e([+-])(\d)$/,
    (_, sign, digit) => `e${sign}0${digit}`,
  );
}

function general(size: number, asked: number, spec: FormatSpec): string {
  const precision = Math.max(1, asked);
  const power = size === 0 ? 0 : Number(size.toExponential(precision - 1).split("e")[1]);
  // Without a type, a whole number keeps one digit after the point.
  const isBare = spec.type === "";
  const isShort = power >= -4 && power < precision - (isBare ? 1 : 0);
  const text = isShort
    ? size.toFixed(Math.max(0, Math.min(100, precision - 1 - power)))
    : exponential(size, precision - 1);
  if (spec.isAlternate || !text.includes(".")) {
    return isBare && isShort && !text.includes(".") ? `${text}.0` : text;
  }
  const [mantissa, exponent] = text.split("e") as [string, string?];
  const short = mantissa.replace(/0+$/, "").replace(/\.$/, isBare && isShort ? ".0" : "");
  return exponent === undefined ? short : `${short}e${exponent}`;
}
