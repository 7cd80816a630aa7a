import { pathGetter } from "./attribute_paths.ts";
import { toText } from "./python_text.ts";
import type { Filter, Runtime } from "./runtime.ts";
import { type Call, isTrue, iterate, IteratorValue, type Value } from "./values.ts";
import { TemplateRuntimeError } from "./work.ts";

const map: Filter = (value, call, runtime) => {
  const { work } = runtime;
  return lazily(value, function* () {
    const change = mapper(call, runtime);
    for (const item of iterate(value, work)) yield change(item);
  });
};

/** What is wrong with the arguments is found out when the first item is asked for, as in Jinja. */
function lazily(value: Value, run: () => Generator<Value>): IteratorValue {
  return new IteratorValue((function* () {
    if (isTrue(value)) yield* run();
  })());
}

function mapper({ args, named }: Call, runtime: Runtime): (item: Value) => Value {
  const [name, ...rest] = args;
  if (name === undefined && named.has("attribute")) {
    for (const key of named.keys()) {
      if (key !== "attribute" && key !== "default") {
        throw new TemplateRuntimeError(`Unexpected keyword argument '${key}'`);
      }
    }
    return pathGetter(named.get("attribute"), runtime.work, named.get("default"));
  }
  if (name === undefined) throw new TemplateRuntimeError("map requires a filter argument");
  const filter = toText(name, runtime.work).text;
  return (item) => runtime.filter(filter, item, { args: rest, named });
}

function selection(wanted: boolean, hasAttribute: boolean): Filter {
  return (value, { args, named }, runtime) =>
    lazily(value, function* () {
      if (hasAttribute && args.length === 0) {
        throw new TemplateRuntimeError("Missing parameter for attribute name");
      }
      const get = hasAttribute ? pathGetter(args[0], runtime.work) : (item: Value) => item;
      const [name, ...rest] = hasAttribute ? args.slice(1) : args;
      const test = name === undefined ? undefined : toText(name, runtime.work).text;
      for (const item of iterate(value, runtime.work)) {
        const found = test === undefined
          ? isTrue(get(item))
          : runtime.test(test, get(item), { args: rest, named });
        if (found === wanted) yield item;
      }
    });
}

/** Filters that go through a sequence with another filter or a test. */
export const selectionFilters: Readonly<Record<string, Filter>> = {
  map,
  reject: selection(false, false),
  rejectattr: selection(false, true),
  select: selection(true, false),
  selectattr: selection(true, true),
};
