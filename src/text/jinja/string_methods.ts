import { bind, numberArgument, textArgument } from "./arguments.ts";
import { capitalize, caseFold, swapCase, title } from "./letter_case.ts";
import { pad } from "./padding.ts";
import { type StripName, strippedRange } from "./python_space.ts";
import {
  count,
  find,
  isAtEdge,
  join,
  partition,
  replace,
  split,
  splitLines,
} from "./string_search.ts";
import { TextBuilder, type TextValue } from "./text_value.ts";
import { type Call, isTrue, iterate, ListValue, type Value } from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

type Method = (self: TextValue, call: Call, work: Work) => Value;

/** A method without arguments that changes characters. */
function change(map: (text: string) => string): Method {
  return (self, call, work) => {
    bind("method", "/", call);
    work.touch(4 * self.text.length);
    return self.map(map);
  };
}

/** Python's strip family; also the filter `trim`. */
export function stripText(
  self: TextValue,
  name: StripName,
  characters: Value | undefined,
  work: Work,
): TextValue {
  const set = characters === undefined || characters === null
    ? undefined
    : textArgument(name, characters).text;
  const [start, end] = strippedRange(self.text, name, set);
  work.touch(4 * (self.text.length - end + start) + (set?.length ?? 0));
  return self.slice(start, end);
}

function strip(name: StripName): Method {
  return (self, call, work) => stripText(self, name, bind(name, "/chars?", call)[0], work);
}

function padded(place: "start" | "end" | "center"): Method {
  return (self, call, work) => {
    const [width, fill] = bind("padding", "/width fillchar?", call);
    const character = fill === undefined ? " " : textArgument("padding", fill).text;
    if ([...character].length !== 1) {
      throw new TemplateRuntimeError("The fill character must be exactly one character long");
    }
    return pad(self, numberArgument(width, 0), character, place, work);
  };
}

function without(name: string, isEnd: boolean): Method {
  return (self, call, work) => {
    const { text } = textArgument(name, bind(name, "/affix", call)[0]);
    work.touch(text.length);
    const isThere = isEnd ? self.text.endsWith(text) : self.text.startsWith(text);
    if (!isThere || text === "") return self;
    return isEnd ? self.slice(0, self.text.length - text.length) : self.slice(text.length);
  };
}

/** `index`, `rindex`: as `find`, but what is not there is an error. */
function indexOf(isLast: boolean): Method {
  return (self, call, work) => {
    const place = find(self, call, work, isLast);
    if (place < 0n) throw new TemplateRuntimeError("substring not found");
    return place;
  };
}

function zeroFill(self: TextValue, call: Call, work: Work): Value {
  const width = numberArgument(bind("zfill", "/width", call)[0], 0);
  const missing = width - self.length;
  if (missing <= 0) return self;
  work.touch(width);
  const sign = /^[-+]/.test(self.text) ? 1 : 0;
  return new TextBuilder().add(self.slice(0, sign)).add("0".repeat(missing)).add(self.slice(sign))
    .build();
}

function expandTabs(self: TextValue, call: Call, work: Work): Value {
  const size = numberArgument(bind("expandtabs", "tabsize?", call)[0], 8);
  work.touch(self.text.length);
  const builder = new TextBuilder();
  let column = 0;
  let done = 0;
  let unit = 0;
  for (const character of self.text) {
    if (character === "\t") {
      const width = size > 0 ? size - column % size : 0;
      work.touch(width);
      builder.add(self.slice(done, unit)).add(" ".repeat(width));
      done = unit + 1;
      column += width;
    } else column = character === "\n" || character === "\r" ? 0 : column + 1;
    unit += character.length;
  }
  return builder.add(self.slice(done)).build();
}

/** Python's methods of strings, except those that ask a yes or no of it. */
export const stringMethods: Readonly<Record<string, Method>> = {
  capitalize: change(capitalize),
  casefold: change(caseFold),
  center: padded("center"),
  count,
  endswith: (self, call, work) => isAtEdge(self, call, work, true),
  expandtabs: expandTabs,
  find: (self, call, work) => find(self, call, work, false),
  index: indexOf(false),
  join: (self, call, work) => join(self, iterate(bind("join", "/iterable", call)[0]!, work), work),
  ljust: padded("end"),
  lower: change((text) => text.toLowerCase()),
  lstrip: strip("lstrip"),
  partition: (self, call, work) => partition(self, call, work, false),
  removeprefix: without("removeprefix", false),
  removesuffix: without("removesuffix", true),
  replace: (self, call, work) => {
    const [old, by, most] = bind("replace", "/old new count?", {
      args: [...call.args, ...call.named.has("count") ? [call.named.get("count")!] : []],
      named: new Map([...call.named].filter(([name]) => name !== "count")),
    });
    const [from, to] = [textArgument("replace", old), textArgument("replace", by)];
    return replace(self, from, to, numberArgument(most, -1), work);
  },
  rfind: (self, call, work) => find(self, call, work, true),
  rindex: indexOf(true),
  rjust: padded("start"),
  rpartition: (self, call, work) => partition(self, call, work, true),
  rsplit: (self, call, work) => split(self, call, work, true),
  rstrip: strip("rstrip"),
  split: (self, call, work) => split(self, call, work, false),
  splitlines: (self, call, work) => {
    const [keepsEnds] = bind("splitlines", "keepends?", call);
    return new ListValue(splitLines(self, keepsEnds !== undefined && isTrue(keepsEnds), work));
  },
  startswith: (self, call, work) => isAtEdge(self, call, work, false),
  strip: strip("strip"),
  swapcase: change(swapCase),
  title: change(title),
  upper: change((text) => text.toUpperCase()),
  zfill: zeroFill,
};
