import { TextValue } from "./text_value.ts";
import { type Call, DictValue, given, TupleValue, UndefinedValue, type Value } from "./values.ts";
import { TemplateRuntimeError } from "./work.ts";

/**
 * Puts the arguments of a call to a macro's parameters and to the special names that it uses.
 * Source: `Macro.__call__` of Jinja 3.1.
 *
 * @param name The macro.
 * @param names Its parameters.
 * @param special Which of `caller`, `kwargs` and `varargs` its body uses.
 * @param call The arguments.
 * @returns The values; a parameter that was not given has none.
 */
export function bindMacro(
  name: string,
  names: readonly string[],
  special: ReadonlySet<string>,
  call: Call,
): Map<string, Value> {
  const values = new Map<string, Value>();
  const named = new Map(call.named);
  names.forEach((parameter, index) => {
    const value = index < call.args.length ? call.args[index] : named.get(parameter);
    if (value === undefined) return;
    values.set(parameter, value);
    if (index >= call.args.length) named.delete(parameter);
  });
  if (special.has("caller") && !names.includes("caller")) {
    values.set("caller", given(named.get("caller"), new UndefinedValue("No caller defined")));
    named.delete("caller");
  }
  if (special.has("kwargs") && !names.includes("kwargs")) {
    values.set(
      "kwargs",
      new DictValue([...named].map(([key, value]) => [new TextValue(key), value])),
    );
  } else if (named.size > 0) {
    throw new TemplateRuntimeError(
      `macro '${name}' takes no keyword argument '${[...named.keys()][0]}'`,
    );
  }
  const more = call.args.slice(names.length);
  if (special.has("varargs") && !names.includes("varargs")) {
    values.set("varargs", new TupleValue(more));
  } else if (more.length > 0) {
    throw new TemplateRuntimeError(
      `macro '${name}' takes not more than ${names.length} argument(s)`,
    );
  }
  return values;
}

/** What a template can ask of a macro. */
export function macroAttribute(
  attribute: string,
  name: string,
  names: readonly string[],
  special: ReadonlySet<string>,
): Value | undefined {
  switch (attribute) {
    case "name":
      return new TextValue(name);
    case "arguments":
      return new TupleValue(names.map((parameter) => new TextValue(parameter)));
    case "catch_kwargs":
      return special.has("kwargs");
    case "catch_varargs":
      return special.has("varargs");
    case "caller":
      return special.has("caller");
    default:
      return undefined;
  }
}
