import { formatNumber, formatText, parseSpec } from "./format_spec.ts";
import { toRepr, toText } from "./python_text.ts";
import { TextBuilder, TextValue } from "./text_value.ts";
import { UndefinedValue, type Value } from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

const markers = /\{\{|\}\}|\{|\}/g;

/** How `{field.attribute[item]}` is looked up. */
export interface FieldLookup {
  readonly attributeOf: (value: Value, name: string, work: Work) => Value;
  readonly itemOf: (value: Value, key: Value, work: Work) => Value;
}

/** Python's `str.format`. */
export function braceFormat(
  format: TextValue,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
  lookup: FieldLookup,
  work: Work,
): TextValue {
  return new BraceFormatter(args, named, lookup, work).format(format, 2);
}

class BraceFormatter {
  #next: number | undefined = 0;

  constructor(
    private readonly args: readonly Value[],
    private readonly named: ReadonlyMap<string, Value>,
    private readonly lookup: FieldLookup,
    private readonly work: Work,
  ) {}

  format(format: TextValue, depth: number): TextValue {
    if (depth === 0) throw new TemplateRuntimeError("Max string recursion exceeded");
    const builder = new TextBuilder();
    const { text } = format;
    this.work.touch(text.length);
    let done = 0;
    while (true) {
      markers.lastIndex = done;
      const match = markers.exec(text);
      if (match === null) break;
      builder.add(format.slice(done, match.index));
      if (match[0].length === 2) {
        builder.add(format.slice(match.index, match.index + 1));
        done = match.index + 2;
        continue;
      }
      if (match[0] === "}") {
        throw new TemplateRuntimeError("Single '}' encountered in format string");
      }
      const end = closing(text, match.index + 1);
      builder.add(this.#field(format.slice(match.index + 1, end), depth));
      this.work.touch(builder.length / 16);
      done = end + 1;
    }
    return builder.add(format.slice(done)).build();
  }

  #field(field: TextValue, depth: number): TextValue {
    const match = /^((?:[^[\]!:]|\[[^\]]*\])*)(?:!([\s\S]))?(?::([\s\S]*))?$/.exec(field.text);
    if (match === null) throw new TemplateRuntimeError("expected ':' after conversion specifier");
    const [, path = "", conversion, spec = ""] = match;
    const value = this.#value(path);
    const specText = this.format(field.slice(field.text.length - spec.length), depth - 1).text;
    if (conversion === "r") return formatValue(toRepr(value, this.work), specText, this.work);
    if (conversion === "s") return formatValue(toText(value, this.work), specText, this.work);
    if (conversion !== undefined) throw new TemplateRuntimeError("Unknown conversion specifier");
    return formatValue(value, specText, this.work);
  }

  #value(path: string): Value {
    const [, first = "", rest = ""] = /^([^.[]*)([\s\S]*)$/.exec(path)!;
    let value = this.#argument(first);
    for (const [step, name, key] of rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]|[\s\S]/g)) {
      if (name === undefined && key === undefined) {
        throw new TemplateRuntimeError(`Only '.' or '[' may follow ']', found '${step}'`);
      }
      value = name !== undefined
        ? this.lookup.attributeOf(value, name, this.work)
        : this.lookup.itemOf(
          value,
          /^\d+$/.test(key!) ? BigInt(key!) : new TextValue(key!),
          this.work,
        );
    }
    return value;
  }

  #argument(name: string): Value {
    const isNumber = /^\d+$/.test(name);
    let value: Value | undefined;
    if (name === "") {
      if (this.#next === undefined) this.#mixed();
      value = this.args[this.#next++];
    } else if (isNumber) {
      if (this.#next !== undefined && this.#next > 0) this.#mixed();
      this.#next = undefined;
      value = this.args[Number(name)];
    } else value = this.named.get(name);
    if (value === undefined) throw new TemplateRuntimeError(`no argument for '{${name}}'`);
    return value;
  }

  #mixed(): never {
    throw new TemplateRuntimeError(
      "cannot switch between manual field specification and automatic field numbering",
    );
  }
}

/** Where the brace that opens before `start` is closed. */
function closing(text: string, start: number): number {
  let depth = 1;
  for (let place = start; place < text.length; place++) {
    if (text[place] === "{") depth++;
    else if (text[place] === "}" && --depth === 0) return place;
  }
  throw new TemplateRuntimeError("expected '}' before end of string");
}

/** Python's `format(value, spec)`. */
export function formatValue(value: Value, spec: string, work: Work): TextValue {
  if (value instanceof TextValue) return formatText(value, parseSpec(spec), work);
  if (typeof value === "bigint" || typeof value === "number") {
    return formatNumber(value, parseSpec(spec), work);
  }
  if (spec === "") return toText(value, work);
  if (typeof value === "boolean") return formatNumber(BigInt(value), parseSpec(spec), work);
  if (value instanceof UndefinedValue) value.fail();
  throw new TemplateRuntimeError("unsupported format string");
}
