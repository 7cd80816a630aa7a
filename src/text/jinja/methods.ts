import { bind, numberArgument } from "./arguments.ts";
import { numberOf } from "./numbers.ts";
import { chargedKey, equals } from "./operators.ts";
import { stringMethods } from "./string_methods.ts";
import { stringTests } from "./string_tests.ts";
import { TextValue } from "./text_value.ts";
import {
  type Call,
  DictValue,
  FunctionValue,
  given,
  iterate,
  ListValue,
  RangeValue,
  TupleValue,
  UndefinedValue,
  type Value,
  ViewValue,
} from "./values.ts";
import { TemplateRuntimeError, TemplateUnsupportedError, type Work } from "./work.ts";

type Method = (self: never, call: Call, work: Work) => Value;

/** Methods that change their object: the sandbox has none of them. */
const forbidden = new Set([
  ..."append clear extend insert pop remove reverse sort popitem setdefault update".split(" "),
]);
/** Methods that Python has and this interpreter has not. */
const unsupported = new Set(
  ("encode maketrans translate bit_length bit_count conjugate as_integer_ratio to_bytes " +
    "from_bytes hex fromhex fromkeys mapping isdisjoint").split(" "),
);

const dictMethods: Readonly<Record<string, Method>> = {
  keys: (self: DictValue) => new ViewValue(self, "keys"),
  values: (self: DictValue) => new ViewValue(self, "values"),
  items: (self: DictValue) => new ViewValue(self, "items"),
  copy: (self: DictValue, _: Call, work: Work) => {
    work.spend(self.size);
    return new DictValue(self.entries());
  },
  get: (self: DictValue, call: Call, work: Work) => {
    const [key, standard] = bind("get", "/key default?", call);
    chargedKey(key!, work);
    return given(self.get(key!), given(standard, null));
  },
};

const sequenceMethods: Readonly<Record<string, Method>> = {
  count: (self: ListValue | TupleValue | RangeValue, call: Call, work: Work) => {
    const [item] = bind("count", "/value", call);
    let count = 0n;
    for (const other of iterate(self, work)) if (equals(item!, other, work)) count++;
    return count;
  },
  index: (self: ListValue | TupleValue | RangeValue, call: Call, work: Work) => {
    const [item, from, to] = bind("index", "/value start? stop?", call);
    const items = [...iterate(self, work)];
    const bound = (value: Value | undefined, standard: number) => {
      const place = numberArgument(value, standard);
      return place < 0 ? Math.max(0, place + items.length) : place;
    };
    const end = Math.min(bound(to, items.length), items.length);
    for (let place = bound(from, 0); place < end; place++) {
      if (equals(item!, items[place]!, work)) return BigInt(place);
    }
    throw new TemplateRuntimeError("value is not in list");
  },
  copy: (self: ListValue) => self,
};

const floatMethods: Readonly<Record<string, Method>> = {
  is_integer: (self: number | bigint) => typeof self === "bigint" || Number.isInteger(self),
};

function methodsOf(value: Value): Readonly<Record<string, Method>> {
  if (value instanceof TextValue) return { ...stringMethods, ...stringTests };
  if (value instanceof DictValue) return dictMethods;
  if (value instanceof ListValue) return sequenceMethods;
  if (value instanceof TupleValue || value instanceof RangeValue) {
    const { count, index } = sequenceMethods;
    return { count: count!, index: index! };
  }
  return numberOf(value) === undefined ? {} : floatMethods;
}

const allStringMethods: ReadonlyMap<string, Method> = new Map(
  Object.entries({ ...stringMethods, ...stringTests }),
);
const numberFields = ["real", "imag", "numerator", "denominator"];

function lookUp(value: Value, name: string): Method | undefined {
  if (value instanceof TextValue) return allStringMethods.get(name);
  const methods = methodsOf(value);
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}

/** Whether Python has a method or field of this name; a forbidden one is there and gives nothing. */
export function hasMethod(value: Value, name: string): boolean {
  if (lookUp(value, name) !== undefined) return true;
  if (numberOf(value) !== undefined && numberFields.includes(name)) return true;
  if (value instanceof TextValue || numberOf(value) !== undefined) return unsupported.has(name);
  if (value instanceof DictValue) return forbidden.has(name) || name === "fromkeys";
  return value instanceof ListValue && forbidden.has(name);
}

/** The bound method or field that {@link hasMethod} tells of. */
export function methodOf(value: Value, name: string): Value {
  const method = lookUp(value, name);
  if (method !== undefined) {
    return new FunctionValue(name, (call, work) => method(value as never, call, work));
  }
  const number = numberOf(value);
  if (number !== undefined && numberFields.includes(name)) {
    if (typeof number === "number" && name.endsWith("ator")) return new UndefinedValue(name);
    return name === "imag"
      ? (typeof number === "bigint" ? 0n : 0)
      : name === "denominator"
      ? 1n
      : number;
  }
  if (unsupported.has(name)) {
    return new FunctionValue(name, () => {
      throw new TemplateUnsupportedError(`it calls ${name}(), which Assay does not follow`);
    });
  }
  return new UndefinedValue(`access to attribute '${name}' is unsafe`);
}
