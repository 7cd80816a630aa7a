import { SafeText, TextBuilder, TextValue } from "./text_value.ts";
import {
  DictValue,
  iterate,
  IteratorValue,
  ListValue,
  NamespaceValue,
  ObjectValue,
  RangeValue,
  TupleValue,
  typeName,
  UndefinedValue,
  type Value,
  ViewValue,
} from "./values.ts";
import { TemplateUnsupportedError, type Work } from "./work.ts";

/** Python's `str`. */
export function toText(value: Value, work: Work): TextValue {
  if (value instanceof TextValue) return value;
  if (value instanceof UndefinedValue) return new TextValue("");
  const builder = new TextBuilder();
  writeRepr(value, builder, work);
  return builder.build();
}

/** Python's `repr`. */
export function toRepr(value: Value, work: Work): TextValue {
  const builder = new TextBuilder();
  writeRepr(value, builder, work);
  return builder.build();
}

function writeRepr(value: Value, out: TextBuilder, work: Work): void {
  work.spend(1);
  if (value === null) out.add("None");
  else if (value === true) out.add("True");
  else if (value === false) out.add("False");
  else if (typeof value === "bigint") out.add(integerText(value, work));
  else if (typeof value === "number") out.add(floatText(value));
  else if (value instanceof TextValue) {
    work.touch(value.text.length);
    const repr = textRepr(value.text);
    out.add(value.replacedBy(value instanceof SafeText ? `Markup(${repr})` : repr));
  } else if (value instanceof UndefinedValue) out.add("Undefined");
  else if (value instanceof RangeValue) out.add(rangeRepr(value));
  else work.deeper(() => writeContainer(value, out, work));
  work.touch(out.length / 64);
}

function writeContainer(value: Value, out: TextBuilder, work: Work): void {
  if (value instanceof ListValue) writeItems("[", value.items, "]", out, work);
  else if (value instanceof TupleValue) {
    if (value.names.length > 0) {
      writeItems("(", value.items, ")", out, work);
    } else writeItems("(", value.items, value.items.length === 1 ? ",)" : ")", out, work);
  } else if (value instanceof DictValue) writeDict(value, out, work);
  else if (value instanceof ViewValue) {
    writeItems(`dict_${value.kind}([`, iterate(value, work), "])", out, work);
  } else if (value instanceof NamespaceValue) {
    out.add("<Namespace ");
    writeDict(
      new DictValue([...value.attributes].map(([name, item]) => [new TextValue(name), item])),
      out,
      work,
    );
    out.add(">");
  } else if (value instanceof ObjectValue && value.repr !== undefined) {
    out.add(value.repr);
  } else {
    const what = value instanceof IteratorValue
      ? "a generator (`| list` makes a list of it)"
      : "an object";
    throw new TemplateUnsupportedError(
      `it prints ${what} of type ${typeName(value)}, which Python writes with its place in memory`,
    );
  }
}

function writeItems(
  open: string,
  items: Iterable<Value>,
  close: string,
  out: TextBuilder,
  work: Work,
): void {
  out.add(open);
  let isFirst = true;
  for (const item of items) {
    if (!isFirst) out.add(", ");
    isFirst = false;
    writeRepr(item, out, work);
  }
  out.add(close);
}

function writeDict(dict: DictValue, out: TextBuilder, work: Work): void {
  out.add("{");
  let isFirst = true;
  for (const [key, value] of dict.entries()) {
    if (!isFirst) out.add(", ");
    isFirst = false;
    writeRepr(key, out, work);
    out.add(": ");
    writeRepr(value, out, work);
  }
  out.add("}");
}

function rangeRepr({ start, stop, step }: RangeValue): string {
  return `range(${start}, ${stop}${step === 1n ? "" : `, ${step}`})`;
}

/** An integer in decimal; charged, because that takes the square of its length. */
export function integerText(value: bigint, work: Work): string {
  if (value > -1_000_000_000_000n && value < 1_000_000_000_000n) return value.toString();
  const digits = value.toString(16).length;
  work.spend(digits * digits / 256);
  if (digits > 3570) {
    // Python refuses more than 4,300 decimal digits, too.
    throw new TemplateUnsupportedError("it prints an integer of more than 4300 digits");
  }
  return value.toString();
}

/** Python's `repr` of a float: the shortest digits, an exponent from 1e16 and below 1e-4. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    const digits = String(Math.abs(power)).padStart(2, "0");
    return `${mantissa}e${power < 0 ? "-" : "+"}${digits}`;
  }
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, "0");
  return `${sign}${whole}.${digits.slice(power + 1) || "0"}`;
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** Python's `repr` of a string. */
export function textRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\p{C}\p{Z}]|'/gu, (character) => {
    if (character === " ") return character;
    if (character === "'") return quote === "'" ? "\\'" : character;
    const simple = escapes[character];
    if (simple !== undefined) return simple;
    const code = character.codePointAt(0)!;
    const [mark, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
    return `\\${mark}${code.toString(16).padStart(width as number, "0")}`;
  });
  return quote + escaped + quote;
}
