import { formatNumber, parseSpec } from "./format_spec.ts";
import { numberOf } from "./numbers.ts";
import { pad } from "./padding.ts";
import { toRepr, toText } from "./python_text.ts";
import { TextBuilder, TextValue } from "./text_value.ts";
import {
  DictValue,
  ListValue,
  RangeValue,
  TupleValue,
  typeName,
  UndefinedValue,
  type Value,
} from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

const directive = /%(?:\(([^)]*)\))?([-#0 +]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?([\s\S])/g;

/** Python's `format % values`. */
export function percentFormat(format: TextValue, values: Value, work: Work): TextValue {
  const { text } = format;
  work.touch(text.length);
  const args = values instanceof TupleValue ? values.items : [values];
  const builder = new TextBuilder();
  let next = 0;
  let usesNames = false;
  const take = (): Value => {
    const value = args[next++];
    if (value === undefined) {
      throw new TemplateRuntimeError("not enough arguments for format string");
    }
    return value;
  };
  let done = 0;
  while (true) {
    const start = text.indexOf("%", done);
    if (start < 0) break;
    directive.lastIndex = start;
    const match = directive.exec(text);
    if (match === null || match.index !== start) {
      throw new TemplateRuntimeError("incomplete format");
    }
    builder.add(format.slice(done, start));
    done = start + match[0].length;
    const [, name, flags = "", width, precision, type = ""] = match;
    if (type === "%") {
      builder.add("%");
      continue;
    }
    const named = name === undefined ? undefined : namedValue(values, name);
    usesNames ||= name !== undefined;
    const size = width === "*" ? String(take() as bigint) : width ?? "";
    const digits = precision === "*" ? String(take() as bigint) : precision;
    builder.add(formatOne(named === undefined ? take() : named, flags, size, digits, type, work));
    work.touch(builder.length / 16);
  }
  if (!usesNames && next < args.length && !isMapping(values)) {
    throw new TemplateRuntimeError("not all arguments converted during string formatting");
  }
  return builder.add(format.slice(done)).build();
}

/** What Python takes for a mapping here, and so does not miss in the format. */
function isMapping(values: Value): boolean {
  return values instanceof DictValue || values instanceof ListValue ||
    values instanceof RangeValue || values instanceof UndefinedValue;
}

function namedValue(values: Value, name: string): Value {
  if (!(values instanceof DictValue)) throw new TemplateRuntimeError("format requires a mapping");
  const value = values.get(new TextValue(name));
  if (value === undefined) throw new TemplateRuntimeError(`KeyError: '${name}'`);
  return value;
}

function formatOne(
  value: Value,
  flags: string,
  width: string,
  precision: string | undefined,
  type: string,
  work: Work,
): TextValue {
  const isLeft = flags.includes("-");
  if (type === "s" || type === "r" || type === "a") {
    const text = type === "s" ? toText(value, work) : toRepr(value, work);
    const cut = precision === undefined ? text : text.slice(0, text.unitOf(Number(precision)));
    return pad(cut, Number(width || 0), " ", isLeft ? "end" : "start", work);
  }
  if (type === "c" && value instanceof TextValue && value.length === 1) {
    return pad(value, Number(width || 0), " ", isLeft ? "end" : "start", work);
  }
  const number = numberOf(value);
  if (number === undefined) {
    if (value instanceof UndefinedValue) value.fail();
    throw new TemplateRuntimeError(`%${type} format: a number is required, not ${typeName(value)}`);
  }
  const sign = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const align = isLeft ? "<" : flags.includes("0") ? "0=" : ">";
  const alternate = flags.includes("#") ? "#" : "";
  const digits = precision === undefined ? "" : `.${precision}`;
  if (/^[diu]$/.test(type)) {
    const whole = typeof number === "number" ? BigInt(Math.trunc(number)) : number;
    return formatNumber(whole, parseSpec(`${align}${sign}${width}d`), work);
  }
  if (/^[oxX]$/.test(type) && typeof number === "bigint") {
    return formatNumber(number, parseSpec(`${align}${sign}${alternate}${width}${type}`), work);
  }
  if (!/^[eEfFgG]$/.test(type)) {
    throw new TemplateRuntimeError(`unsupported format character '${type}'`);
  }
  return formatNumber(
    number,
    parseSpec(`${align}${sign}${alternate}${width}${digits}${type}`),
    work,
  );
}
