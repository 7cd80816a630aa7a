import { bind, numberArgument } from "./arguments.ts";
import { ignoreCase, pathGetter, pathGetters } from "./attribute_paths.ts";
import { arithmetic, chargedKey, equals, order } from "./operators.ts";
import { toText } from "./python_text.ts";
import type { Filter } from "./runtime.ts";
import { join } from "./string_search.ts";
import { TextBuilder, TextValue } from "./text_value.ts";
import {
  DictValue,
  given,
  isTrue,
  iterate,
  IteratorValue,
  lengthOf,
  ListValue,
  TupleValue,
  typeName,
  UndefinedValue,
  type Value,
  ViewValue,
} from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

function isSet(value: Value | undefined): boolean {
  return value !== undefined && isTrue(value);
}

/** Sorts as Python does: stable, also backwards. */
function sorted(
  items: readonly Value[],
  keyOf: (item: Value) => Value,
  isReversed: boolean,
  work: Work,
): Value[] {
  const keyed = items.map((item) => [keyOf(item), item] as const);
  const sign = isReversed ? -1 : 1;
  keyed.sort(([one], [other]) => sign * order(one, other, "<", work));
  return keyed.map(([, item]) => item);
}

const sort: Filter = (value, call, { work }) => {
  const [reverse, caseSensitive, attribute] = bind(
    "sort",
    "reverse? case_sensitive? attribute?",
    call,
  );
  const getters = pathGetters(attribute, work);
  const change = isSet(caseSensitive) ? (item: Value) => item : ignoreCase;
  const keyOf = (item: Value) => new ListValue(getters.map((get) => change(get(item))));
  return new ListValue(sorted([...iterate(value, work)], keyOf, isSet(reverse), work));
};

const dictSort: Filter = (value, call, { work }) => {
  const [caseSensitive, by, reverse] = bind("dictsort", "case_sensitive? by? reverse?", call);
  if (!(value instanceof DictValue)) throw new TemplateRuntimeError("dictsort needs a dict");
  const place = by === undefined ? "key" : toText(by, work).text;
  if (place !== "key" && place !== "value") {
    throw new TemplateRuntimeError('You can only sort by either "key" or "value"');
  }
  const change = isSet(caseSensitive) ? (item: Value) => item : ignoreCase;
  const keyOf = (pair: Value) => change((pair as TupleValue).items[place === "key" ? 0 : 1]!);
  const pairs = [...iterate(new ViewValue(value, "items"), work)];
  return new ListValue(sorted(pairs, keyOf, isSet(reverse), work));
};

const unique: Filter = (value, call, { work }) => {
  const [caseSensitive, attribute] = bind("unique", "case_sensitive? attribute?", call);
  const get = pathGetter(attribute, work);
  const change = isSet(caseSensitive) ? (item: Value) => item : ignoreCase;
  const items = iterate(value, work);
  return new IteratorValue((function* () {
    const seen = new Set<string>();
    for (const item of items) {
      const key = chargedKey(change(get(item)), work);
      if (!seen.has(key)) yield item;
      seen.add(key);
    }
  })());
};

const groupBy: Filter = (value, call, { work }) => {
  const [attribute, standard, caseSensitive] = bind(
    "groupby",
    "attribute default? case_sensitive?",
    call,
  );
  const get = pathGetter(attribute, work, standard);
  const change = isSet(caseSensitive) ? (item: Value) => item : ignoreCase;
  const keyOf = (item: Value) => change(get(item));
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sorted([...iterate(value, work)], keyOf, false, work)) {
    const key = keyOf(item);
    const last = groups.at(-1);
    if (last !== undefined && equals(last.key, key, work)) last.items.push(item);
    else groups.push({ key, items: [item] });
  }
  return new ListValue(groups.map(({ items }) => {
    const key = isSet(caseSensitive) ? keyOf(items[0]!) : get(items[0]!);
    return new TupleValue([key, new ListValue(items)], ["grouper", "list"]);
  }));
};

function extreme(name: string, sign: number): Filter {
  return (value, call, { work }) => {
    const [caseSensitive, attribute] = bind(name, "case_sensitive? attribute?", call);
    const get = pathGetter(attribute, work);
    const change = isSet(caseSensitive) ? (item: Value) => item : ignoreCase;
    let best: Value | undefined;
    for (const item of iterate(value, work)) {
      const isBetter = best === undefined ||
        sign * order(change(get(item)), change(get(best)), sign > 0 ? ">" : "<", work) > 0;
      if (isBetter) best = item;
    }
    return given(best, new UndefinedValue("No aggregated item, sequence was empty."));
  };
}

const joinFilter: Filter = (value, call, { work }) => {
  const [separator, attribute] = bind("join", "d? attribute?", call);
  const get = pathGetter(attribute, work);
  const glue = separator === undefined ? new TextValue("") : toText(separator, work);
  const texts = (function* () {
    for (const item of iterate(value, work)) yield toText(get(item), work);
  })();
  return join(glue, texts, work);
};

const sum: Filter = (value, call, { work }) => {
  const [attribute, start] = bind("sum", "attribute? start?", call);
  const get = pathGetter(attribute, work);
  let total: Value = given(start, 0n);
  if (total instanceof TextValue) throw new TemplateRuntimeError("sum() can't sum strings");
  for (const item of iterate(value, work)) total = arithmetic("+", total, get(item), work);
  return total;
};

const first: Filter = (value, call, { work }) => {
  bind("first", "", call);
  for (const item of iterate(value, work)) return item;
  return new UndefinedValue("No first item, sequence was empty.");
};

const last: Filter = (value, call, { work }) => {
  bind("last", "", call);
  if (value instanceof IteratorValue) {
    throw new TemplateRuntimeError("'generator' object is not reversible");
  }
  const found = [...iterate(value, work)].at(-1);
  return given(found, new UndefinedValue("No last item, sequence was empty."));
};

const reverse: Filter = (value, call, { work }) => {
  bind("reverse", "", call);
  const items = [...iterate(value, work)].reverse();
  if (value instanceof TextValue) {
    const builder = new TextBuilder();
    for (const item of items) builder.add(item as TextValue);
    return builder.build();
  }
  return value instanceof IteratorValue
    ? new ListValue(items)
    : new IteratorValue(items[Symbol.iterator]());
};

const length: Filter = (value, call) => {
  bind("length", "", call);
  const found = lengthOf(value);
  if (found !== undefined) return BigInt(found);
  throw new TemplateRuntimeError(`object of type '${typeName(value)}' has no len()`);
};

const batch: Filter = (value, call, { work }) => {
  const [count, fill] = bind("batch", "linecount fill_with?", call);
  const size = numberArgument(count, 1);
  const items = iterate(value, work);
  return new IteratorValue((function* () {
    let part: Value[] = [];
    for (const item of items) {
      if (part.length === size) {
        yield new ListValue(part);
        part = [];
      }
      part.push(item);
    }
    if (part.length === 0) return;
    if (fill !== undefined && fill !== null) {
      work.spend(Math.max(0, size - part.length));
      while (part.length < size) part.push(fill);
    }
    yield new ListValue(part);
  })());
};

const slice: Filter = (value, call, { work }) => {
  const [count, fill] = bind("slice", "slices fill_with?", call);
  const slices = numberArgument(count, 1);
  const items = [...iterate(value, work)];
  if (slices === 0) throw new TemplateRuntimeError("integer division or modulo by zero");
  return new IteratorValue((function* () {
    const [size, extra] = [Math.floor(items.length / slices), items.length % slices];
    let offset = 0;
    for (let index = 0; index < slices; index++) {
      work.spend(1 + size);
      const start = offset + index * size;
      if (index < extra) offset++;
      const part = items.slice(start, offset + (index + 1) * size);
      if (fill !== undefined && fill !== null && index >= extra) part.push(fill);
      yield new ListValue(part);
    }
  })());
};

const itemsFilter: Filter = (value, call, { work }) => {
  bind("items", "", call);
  if (value instanceof UndefinedValue) return new IteratorValue([][Symbol.iterator]());
  if (!(value instanceof DictValue)) {
    throw new TemplateRuntimeError("Can only get item pairs from a mapping.");
  }
  return new IteratorValue(iterate(new ViewValue(value, "items"), work));
};

/** Filters of lists and other sequences. */
export const sequenceFilters: Readonly<Record<string, Filter>> = {
  batch,
  count: length,
  dictsort: dictSort,
  first,
  groupby: groupBy,
  items: itemsFilter,
  join: joinFilter,
  last,
  length,
  list: (value, call, { work }) => {
    bind("list", "", call);
    return new ListValue([...iterate(value, work)]);
  },
  max: extreme("max", 1),
  min: extreme("min", -1),
  reverse,
  slice,
  sort,
  sum,
  unique,
};
