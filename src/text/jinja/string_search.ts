import { bind, numberArgument, textArgument } from "./arguments.ts";
import { isPythonSpace } from "./python_space.ts";
import { TextBuilder, TextValue } from "./text_value.ts";
import { type Call, ListValue, TupleValue, typeName, type Value } from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

/** What Python counts as the end of a line. */
// deno-lint-ignore no-control-regex -- Python counts three of them.
const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** The units `[start, end)` that optional code point bounds of a search stand for. */
function bounds(
  self: TextValue,
  start: Value | undefined,
  end: Value | undefined,
): [start: number, end: number, isInside: boolean] {
  const { length } = self;
  const place = (value: Value | undefined, standard: number) => {
    const index = numberArgument(value ?? undefined, standard);
    return index < 0 ? Math.max(0, index + length) : index;
  };
  const from = place(start === null ? undefined : start, 0);
  const to = Math.min(length, place(end === null ? undefined : end, length));
  return [self.unitOf(Math.min(from, length)), self.unitOf(Math.max(to, 0)), from <= to];
}

/** `find`, `rfind`: the code point where a text occurs, or -1. */
export function find(self: TextValue, call: Call, work: Work, isLast: boolean): bigint {
  const [needle, from, to] = bind("find", "/sub start? end?", call);
  const { text } = textArgument("find", needle);
  const [start, end, isInside] = bounds(self, from, to);
  if (!isInside) return -1n;
  work.search(self.text.length, text.length);
  const place = isLast
    ? self.text.slice(0, end).lastIndexOf(text)
    : self.text.slice(0, end).indexOf(text, start);
  return place < start ? -1n : BigInt(self.pointOf(place));
}

/** `count`. */
export function count(self: TextValue, call: Call, work: Work): bigint {
  const [needle, from, to] = bind("count", "/sub start? end?", call);
  const { text } = textArgument("count", needle);
  const [start, end, isInside] = bounds(self, from, to);
  if (!isInside) return 0n;
  work.search(self.text.length, text.length);
  const part = self.slice(start, end);
  if (text === "") return BigInt(part.length + 1);
  return BigInt(placesOf(part.text, text, work).length);
}

/** `startswith`, `endswith`, with a text or a tuple of them. */
export function isAtEdge(self: TextValue, call: Call, work: Work, isEnd: boolean): boolean {
  const [wanted, from, to] = bind("startswith", "/prefix start? end?", call);
  const candidates = wanted instanceof TupleValue ? wanted.items : [wanted!];
  const [start, end, isInside] = bounds(self, from, to);
  const part = self.text.slice(start, end);
  return candidates.some((candidate) => {
    const { text } = textArgument("startswith", candidate);
    work.touch(text.length);
    if (!isInside) return false;
    return isEnd ? part.endsWith(text) : part.startsWith(text);
  });
}

/** Units at which a text occurs, without overlap. */
export function placesOf(text: string, needle: string, work: Work, most = Infinity): number[] {
  work.search(text.length, needle.length);
  const places: number[] = [];
  for (let at = text.indexOf(needle); at >= 0 && places.length < most;) {
    work.spend(1);
    places.push(at);
    at = text.indexOf(needle, at + needle.length);
  }
  return places;
}

/** `replace`. */
export function replace(
  self: TextValue,
  old: TextValue,
  by: TextValue,
  count: number,
  work: Work,
): TextValue {
  const most = count < 0 ? Infinity : count;
  const places = old.text === ""
    ? betweenCharacters(self, most, work)
    : placesOf(self.text, old.text, work, most);
  if (places.length === 0) return self;
  work.touch(self.text.length + by.text.length * places.length);
  const builder = new TextBuilder();
  let done = 0;
  for (const place of places) {
    builder.add(self.slice(done, place)).add(by);
    done = place + old.text.length;
  }
  return builder.add(self.slice(done)).build();
}

function betweenCharacters(self: TextValue, most: number, work: Work): number[] {
  const length = Math.min(self.length + 1, most);
  work.spend(length);
  return Array.from({ length }, (_, index) => self.unitOf(index));
}

/** `split`, `rsplit`. */
export function split(self: TextValue, call: Call, work: Work, isLast: boolean): ListValue {
  const [separator, maximum] = bind("split", "sep? maxsplit?", call);
  const limit = numberArgument(maximum, -1);
  const most = limit < 0 ? Infinity : limit;
  work.touch(self.text.length);
  if (separator === undefined || separator === null) {
    return new ListValue(isLast ? wordsFromEnd(self, most, work) : words(self, most, work));
  }
  const { text } = textArgument("split", separator);
  if (text === "") throw new TemplateRuntimeError("empty separator");
  const places = isLast
    ? placesFromEnd(self.text, text, work, most)
    : placesOf(self.text, text, work, most);
  const items: Value[] = [];
  let done = 0;
  for (const place of places) {
    items.push(self.slice(done, place));
    done = place + text.length;
  }
  items.push(self.slice(done));
  return new ListValue(items);
}

function placesFromEnd(text: string, needle: string, work: Work, most: number): number[] {
  work.search(text.length, needle.length);
  const places: number[] = [];
  let end = text.length;
  while (places.length < most && end >= needle.length) {
    const at = text.lastIndexOf(needle, end - needle.length);
    if (at < 0) break;
    work.spend(1);
    places.push(at);
    end = at;
  }
  return places.reverse();
}

function words(self: TextValue, most: number, work: Work): Value[] {
  const { text } = self;
  const items: Value[] = [];
  let place = 0;
  while (true) {
    while (place < text.length && isPythonSpace(text[place]!)) place++;
    if (place >= text.length) return items;
    work.spend(1);
    if (items.length >= most) {
      items.push(self.slice(place));
      return items;
    }
    const start = place;
    while (place < text.length && !isPythonSpace(text[place]!)) place++;
    items.push(self.slice(start, place));
  }
}

function wordsFromEnd(self: TextValue, most: number, work: Work): Value[] {
  const { text } = self;
  const items: Value[] = [];
  let place = text.length;
  while (true) {
    while (place > 0 && isPythonSpace(text[place - 1]!)) place--;
    if (place === 0) return items.reverse();
    work.spend(1);
    if (items.length >= most) {
      items.push(self.slice(0, place));
      return items.reverse();
    }
    const end = place;
    while (place > 0 && !isPythonSpace(text[place - 1]!)) place--;
    items.push(self.slice(place, end));
  }
}

/** `splitlines`. */
export function splitLines(self: TextValue, keepsEnds: boolean, work: Work): TextValue[] {
  work.touch(self.text.length);
  const lines: TextValue[] = [];
  let done = 0;
  for (const { index, 0: end } of self.text.matchAll(lineEnd)) {
    work.spend(1);
    lines.push(self.slice(done, keepsEnds ? index + end.length : index));
    done = index + end.length;
  }
  if (done < self.text.length) lines.push(self.slice(done));
  return lines;
}

/** `partition`, `rpartition`. */
export function partition(self: TextValue, call: Call, work: Work, isLast: boolean): TupleValue {
  const [separator] = bind("partition", "/sep", call);
  const wanted = textArgument("partition", separator);
  if (wanted.text === "") throw new TemplateRuntimeError("empty separator");
  work.search(self.text.length, wanted.text.length);
  const place = isLast ? self.text.lastIndexOf(wanted.text) : self.text.indexOf(wanted.text);
  const nothing = new TextValue("");
  if (place < 0) {
    return new TupleValue(isLast ? [nothing, nothing, self] : [self, nothing, nothing]);
  }
  const end = place + wanted.text.length;
  return new TupleValue([self.slice(0, place), wanted, self.slice(end)]);
}

/** `join`. */
export function join(self: TextValue, items: Iterable<Value>, work: Work): TextValue {
  const builder = new TextBuilder();
  let isFirst = true;
  for (const item of items) {
    if (!(item instanceof TextValue)) {
      throw new TemplateRuntimeError(
        `sequence item: expected str instance, ${typeName(item)} found`,
      );
    }
    if (!isFirst) builder.add(self);
    isFirst = false;
    builder.add(item);
    work.touch(self.text.length + item.text.length);
  }
  work.touch(builder.length);
  return builder.build();
}
