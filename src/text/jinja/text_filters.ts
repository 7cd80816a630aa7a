import { bind, numberArgument, textArgument } from "./arguments.ts";
import { capitalize } from "./letter_case.ts";
import { pad } from "./padding.ts";
import { refuseSafe } from "./operators.ts";
import { percentFormat } from "./percent_format.ts";
import { toText } from "./python_text.ts";
import type { Filter } from "./runtime.ts";
import { stripText } from "./string_methods.ts";
import { replace, splitLines } from "./string_search.ts";
import { SafeText, TextBuilder, TextValue } from "./text_value.ts";
import {
  DictValue,
  isIterable,
  isTrue,
  iterate,
  lengthOf,
  TupleValue,
  type Value,
  ViewValue,
} from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

function change(name: string, map: (text: string) => string): Filter {
  return (value, call, { work }) => {
    bind(name, "", call);
    const text = toText(value, work);
    work.touch(4 * text.text.length);
    return text.map(map);
  };
}

/** Jinja's own `title`: a word begins after whitespace, a dash or an opening bracket. */
function titleWords(text: string): string {
  return text.split(/([-\s({[<]+)/).map((part) => {
    const first = part === "" ? "" : String.fromCodePoint(part.codePointAt(0)!);
    return first.toUpperCase() + part.slice(first.length).toLowerCase();
  }).join("");
}

const indent: Filter = (value, call, { work }) => {
  const [width, first, blank] = bind("indent", "width? first? blank?", call);
  const text = textArgument("indent", value);
  const space = width instanceof TextValue
    ? width
    : new TextValue(" ".repeat(charged(numberArgument(width, 4), work)));
  const isSet = (flag: Value | undefined) => flag !== undefined && isTrue(flag);
  const lines = splitLines(new TextBuilder().add(text).add("\n").build(), false, work);
  const builder = new TextBuilder();
  lines.forEach((line, index) => {
    if (index > 0) builder.add("\n");
    const isIndented = index === 0 ? isSet(first) : isSet(blank) || line.text !== "";
    if (isIndented) {
      work.touch(space.text.length);
      builder.add(space);
    }
    builder.add(line);
  });
  return builder.build();
};

function charged(width: number, work: Work): number {
  work.touch(Math.max(0, width));
  return Math.max(0, width);
}

const truncate: Filter = (value, call, { work }) => {
  const [limit, kill, ending, slack] = bind("truncate", "length? killwords? end? leeway?", call);
  const length = numberArgument(limit, 255);
  const end = ending === undefined ? new TextValue("...") : textArgument("truncate", ending);
  const leeway = slack === undefined || slack === null ? 5 : numberArgument(slack, 5);
  if (length < end.length || leeway < 0) throw new TemplateRuntimeError("expected length >= end");
  const size = lengthOf(value);
  if (size !== undefined && size <= length + leeway) return value;
  const text = textArgument("truncate", value);
  work.touch(text.text.length);
  const cut = text.slice(0, text.unitOf(length - end.length));
  const space = kill !== undefined && isTrue(kill) ? -1 : cut.text.lastIndexOf(" ");
  return new TextBuilder().add(space < 0 ? cut : cut.slice(0, space)).add(end).build();
};

const replaceFilter: Filter = (value, call, { work }) => {
  const [old, by, count] = bind("replace", "old new count?", call);
  const most = count === undefined || count === null ? -1 : numberArgument(count, -1);
  return replace(toText(value, work), toText(old!, work), toText(by!, work), most, work);
};

const format: Filter = (value, { args, named }, { work }) => {
  if (args.length > 0 && named.size > 0) {
    throw new TemplateRuntimeError(
      "can't handle positional and keyword arguments at the same time",
    );
  }
  refuseSafe(value);
  const values = named.size > 0
    ? new DictValue([...named].map(([name, item]) => [new TextValue(name), item]))
    : new TupleValue(args);
  return percentFormat(toText(value, work), values, work);
};

const wordCount: Filter = (value, call, { work }) => {
  bind("wordcount", "", call);
  const { text } = toText(value, work);
  work.touch(4 * text.length);
  return BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0);
};

const escape: Filter = (value, call, { work }) => {
  bind("escape", "", call);
  const text = toText(value, work);
  work.touch(8 * text.text.length);
  return SafeText.escaping(text);
};

const safe: Filter = (value, call, { work }) => {
  bind("safe", "", call);
  return SafeText.of(toText(value, work));
};

const center: Filter = (value, call, { work }) => {
  const [width] = bind("center", "width?", call);
  return pad(toText(value, work), numberArgument(width, 80), " ", "center", work);
};

const trim: Filter = (value, call, { work }) => {
  const [characters] = bind("trim", "chars?", call);
  return stripText(toText(value, work), "strip", characters, work);
};

function quoted(value: Value, isQuery: boolean, work: Work): TextValue {
  const text = toText(value, work);
  work.touch(8 * text.text.length);
  return text.map((part) => {
    const encoded = encodeURIComponent(part.toWellFormed()).replace(
      /[!'()*]/g,
      (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return isQuery ? encoded.replace(/%20/g, "+") : encoded.replace(/%2F/g, "/");
  });
}

const urlEncode: Filter = (value, call, { work }) => {
  bind("urlencode", "", call);
  if (value instanceof TextValue || !isIterable(value)) return quoted(value, false, work);
  const pairs = value instanceof DictValue ? new ViewValue(value, "items") : value;
  const builder = new TextBuilder();
  for (const pair of iterate(pairs, work)) {
    const [key, item, ...more] = iterate(pair, work);
    if (key === undefined || item === undefined || more.length > 0) {
      throw new TemplateRuntimeError("urlencode needs pairs");
    }
    builder.add(builder.length === 0 ? "" : "&").add(quoted(key, true, work)).add("=")
      .add(quoted(item, true, work));
  }
  return builder.build();
};

/** Filters of strings. */
export const textFilters: Readonly<Record<string, Filter>> = {
  capitalize: change("capitalize", capitalize),
  center,
  e: escape,
  escape,
  format,
  indent,
  lower: change("lower", (text) => text.toLowerCase()),
  replace: replaceFilter,
  safe,
  string: (value, call, { work }) => {
    bind("string", "", call);
    return toText(value, work);
  },
  title: change("title", titleWords),
  trim,
  truncate,
  upper: change("upper", (text) => text.toUpperCase()),
  urlencode: urlEncode,
  wordcount: wordCount,
};
