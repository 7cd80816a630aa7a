import { floatText, integerText } from "./python_text.ts";
import { order } from "./operators.ts";
import { TextBuilder, TextValue } from "./text_value.ts";
import { DictValue, ListValue, TupleValue, typeName, type Value } from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

/** What `json.dumps` can be asked for. */
export interface JsonOptions {
  readonly ensureAscii: boolean;
  /** What each level is indented by; undefined for one line. */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
}

/** Python's `json.dumps`. */
export function jsonText(value: Value, options: JsonOptions, work: Work): TextValue {
  const builder = new TextBuilder();
  new JsonWriter(builder, options, work).write(value, "\n");
  return builder.build();
}

class JsonWriter {
  constructor(
    private readonly out: TextBuilder,
    private readonly options: JsonOptions,
    private readonly work: Work,
  ) {}

  write(value: Value, line: string): void {
    this.work.spend(1);
    this.work.touch(this.out.length / 64);
    const simple = this.#simple(value);
    if (simple !== undefined) this.out.add(simple);
    else if (value instanceof ListValue || value instanceof TupleValue) {
      this.#writeAll("[", value.items, "]", line, (item, inner) => this.write(item, inner));
    } else if (value instanceof DictValue) {
      const entries = [...value.entries()];
      if (this.options.sortKeys) {
        entries.sort(([one], [other]) => order(one, other, "<", this.work));
      }
      this.#writeAll("{", entries, "}", line, ([key, item], inner) => {
        this.out.add(this.#key(key)).add(this.options.keySeparator);
        this.write(item, inner);
      });
    } else {
      throw new TemplateRuntimeError(
        `Object of type ${typeName(value)} is not JSON serializable`,
      );
    }
  }

  #writeAll<T>(
    open: string,
    items: readonly T[],
    close: string,
    line: string,
    write: (item: T, line: string) => void,
  ): void {
    this.out.add(open);
    const { indent, itemSeparator } = this.options;
    const inner = indent === undefined ? line : line + indent;
    this.work.deeper(() =>
      items.forEach((item, index) => {
        if (index > 0) this.out.add(itemSeparator);
        if (indent !== undefined) this.out.add(inner);
        this.work.touch(inner.length);
        write(item, inner);
      })
    );
    if (indent !== undefined && items.length > 0) this.out.add(line);
    this.out.add(close);
  }

  #simple(value: Value): TextValue | string | undefined {
    if (value === null) return "null";
    if (typeof value === "boolean") return String(value);
    if (typeof value === "bigint") return integerText(value, this.work);
    if (typeof value === "number") {
      if (Number.isNaN(value)) return "NaN";
      return Number.isFinite(value) ? floatText(value) : value > 0 ? "Infinity" : "-Infinity";
    }
    return value instanceof TextValue ? this.#quoted(value) : undefined;
  }

  #quoted(value: TextValue): TextValue {
    this.work.touch(value.text.length);
    // deno-lint-ignore no-control-regex -- JSON escapes them.
    const pattern = this.options.ensureAscii ? /["\\]|[^ -~]/g : /["\\\x00-\x1f]/g;
    const quote = new TextValue('"');
    const inside = value.map((text) => text.replace(pattern, escaped));
    return new TextBuilder().add(quote).add(inside).add(quote).build();
  }

  #key(key: Value): TextValue | string {
    if (key instanceof TextValue) return this.#quoted(key);
    const simple = this.#simple(key);
    if (typeof simple !== "string") {
      throw new TemplateRuntimeError(`keys must be str, int, float, bool or None`);
    }
    return `"${simple}"`;
  }
}

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
};

function escaped(unit: string): string {
  return short[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
