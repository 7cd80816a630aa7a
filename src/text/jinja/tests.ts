import { bind } from "./arguments.ts";
import { filterNamed } from "./filters.ts";
import { arithmetic, compare, equals, isCallable } from "./operators.ts";
import { toText } from "./python_text.ts";
import type { Test } from "./runtime.ts";
import { stringTests } from "./string_tests.ts";
import { SafeText, TextValue } from "./text_value.ts";
import {
  DictValue,
  hashKey,
  isIterable,
  lengthOf,
  ObjectValue,
  UndefinedValue,
  type Value,
  ViewValue,
} from "./values.ts";

function simple(name: string, holds: (value: Value) => boolean): Test {
  return (value, call) => {
    bind(name, "", call);
    return holds(value);
  };
}

function comparison(operator: string): Test {
  return (value, call, { work }) => {
    const [other] = bind(operator, "other", call);
    return compare(operator, value, other!, work);
  };
}

function remainder(rest: bigint): Test {
  return (value, call, { work }) => {
    bind("odd", "", call);
    return equals(arithmetic("%", value, 2n, work), rest, work);
  };
}

/** `str(value).islower()` and the like. */
function ofText(name: "islower" | "isupper"): Test {
  return (value, call, { work }) => stringTests[name]!(toText(value, work), call, work);
}

const isSequence = (value: Value) =>
  lengthOf(value) !== undefined && !(value instanceof ViewValue) ||
  value instanceof DictValue;

const same: Test = (value, call) => {
  const [other] = bind("sameas", "other", call);
  if (value instanceof TextValue && other instanceof TextValue) return value.text === other.text;
  return value === other;
};

const divisible: Test = (value, call, { work }) => {
  const [by] = bind("divisibleby", "num", call);
  return equals(arithmetic("%", value, by!, work), 0n, work);
};

const isNumber = (value: Value) =>
  typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";

const isIn: Test = (value, call, { work }) => {
  const [container] = bind("in", "seq", call);
  return compare("in", value, container!, work);
};

const names = (holds: (name: string) => boolean): Test => (value, call) => {
  bind("filter", "", call);
  if (value instanceof TextValue) return holds(value.text);
  hashKey(value); // What can't be a key can't be looked up.
  return false;
};

const allTests: Readonly<Record<string, Test>> = {
  boolean: simple("boolean", (value) => typeof value === "boolean"),
  callable: simple("callable", (value) => isCallable(value) || value instanceof UndefinedValue),
  defined: simple("defined", (value) => !(value instanceof UndefinedValue)),
  divisibleby: divisible,
  escaped: simple("escaped", (value) => value instanceof SafeText),
  even: remainder(0n),
  false: simple("false", (value) => value === false),
  filter: names((name) => filterNamed(name) !== undefined),
  float: simple("float", (value) => typeof value === "number"),
  in: isIn,
  integer: simple("integer", (value) => typeof value === "bigint"),
  iterable: simple(
    "iterable",
    (value) => isIterable(value) || (value instanceof ObjectValue && value.name === "LoopContext"),
  ),
  lower: ofText("islower"),
  mapping: simple("mapping", (value) => value instanceof DictValue),
  none: simple("none", (value) => value === null),
  number: simple("number", isNumber),
  odd: remainder(1n),
  sameas: same,
  sequence: simple("sequence", isSequence),
  string: simple("string", (value) => value instanceof TextValue),
  test: names((name) => tests.has(name)),
  true: simple("true", (value) => value === true),
  undefined: simple("undefined", (value) => value instanceof UndefinedValue),
  upper: ofText("isupper"),
};

const comparisons: Readonly<Record<string, readonly string[]>> = {
  "==": ["==", "eq", "equalto"],
  "!=": ["!=", "ne"],
  ">": [">", "gt", "greaterthan"],
  ">=": [">=", "ge"],
  "<": ["<", "lt", "lessthan"],
  "<=": ["<=", "le"],
};

const tests: ReadonlyMap<string, Test> = new Map([
  ...Object.entries(allTests),
  ...Object.entries(comparisons).flatMap(([operator, aliases]) =>
    aliases.map((name) => [name, comparison(operator)] as const)
  ),
]);

/** The test of a name; undefined where Jinja has none. */
export function testNamed(name: string): Test | undefined {
  return tests.get(name);
}
