import { bind, textArgument } from "./arguments.ts";
import { formatDate } from "./date_format.ts";
import { dictOf, makeNamespace } from "./expressions.ts";
import { integerOf } from "./numbers.ts";
import { toText } from "./python_text.ts";
import { TextValue } from "./text_value.ts";
import { type Call, FunctionValue, given, ObjectValue, RangeValue, type Value } from "./values.ts";
import { TemplateBudgetError, TemplateRuntimeError, TemplateUnsupportedError } from "./work.ts";

/** Longest list that `range` makes, as in Jinja's own sandbox. */
const maxRange = 100_000n;

/** Thrown by a template's `raise_exception`; its message is the template's own. */
export class TemplateRefusal extends Error {
  override readonly name = "TemplateRefusal";
}

function range(call: Call): Value {
  const [one, two, three] = bind("range", "/start stop? step?", call);
  const [start, stop] = two === undefined
    ? [0n, integerOf(one!)]
    : [integerOf(one!), integerOf(two)];
  const step = three === undefined ? 1n : integerOf(three);
  if (step === 0n) throw new TemplateRuntimeError("range() arg 3 must not be zero");
  const span = step > 0n ? stop - start : start - stop;
  const size = step > 0n ? step : -step;
  const length = span <= 0n ? 0n : (span + size - 1n) / size;
  if (length > maxRange) {
    throw new TemplateBudgetError(`range() was asked for ${length} items`);
  }
  return new RangeValue(start, stop, step, Number(length));
}

function cycler({ args }: Call): Value {
  if (args.length === 0) throw new TemplateRuntimeError("at least one item has to be provided");
  let place = 0;
  const next = () => {
    const item = args[place]!;
    place = (place + 1) % args.length;
    return item;
  };
  const reset = () => {
    place = 0;
    return null;
  };
  const attributes: Readonly<Record<string, () => Value>> = {
    current: () => args[place]!,
    next: () => new FunctionValue("next", next),
    reset: () => new FunctionValue("reset", reset),
    pos: () => BigInt(place),
  };
  return new ObjectValue(
    "Cycler",
    (name) => Object.hasOwn(attributes, name) ? attributes[name]!() : undefined,
  );
}

function joiner(call: Call): Value {
  const [separator] = bind("joiner", "sep?", call);
  let isUsed = false;
  return new ObjectValue("Joiner", () => undefined, () => {
    const text = isUsed ? given(separator, new TextValue(", ")) : new TextValue("");
    isUsed = true;
    return text;
  });
}

/** The functions that every chat template has. */
export function templateGlobals(now: () => Date): [name: string, value: Value][] {
  const functions: Record<string, FunctionValue["call"]> = {
    range,
    cycler,
    joiner,
    dict: dictOf,
    namespace: makeNamespace,
    lipsum: () => {
      throw new TemplateUnsupportedError("it makes a random text");
    },
    raise_exception: (call, work) => {
      const [message] = bind("raise_exception", "message", call);
      throw new TemplateRefusal(toText(message!, work).text);
    },
    strftime_now: (call) => {
      const [format] = bind("strftime_now", "format", call);
      return new TextValue(formatDate(now(), textArgument("strftime_now", format).text));
    },
  };
  return Object.entries(functions).map(([name, call]) => [name, new FunctionValue(name, call)]);
}
