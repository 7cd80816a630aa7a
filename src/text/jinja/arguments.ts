import { integerOf } from "./numbers.ts";
import { TextValue } from "./text_value.ts";
import { type Call, typeName, UndefinedValue, type Value } from "./values.ts";
import { TemplateRuntimeError } from "./work.ts";

/**
 * Puts the arguments of a call to their parameters.
 *
 * @param name The function, for errors.
 * @param parameters Names with a space between; `?` after those that may be left out, `/` before the
 * first where none may be given by name.
 * @param call The arguments.
 * @returns A value for each parameter; undefined where it was left out.
 * @throws {TemplateRuntimeError} When there are too many, too few or unknown ones.
 */
export function bind(name: string, parameters: string, call: Call): (Value | undefined)[] {
  const isPositional = parameters.startsWith("/");
  const names = parameters.replace("/", "").split(" ").filter((part) => part !== "");
  if (call.args.length > names.length) {
    throw new TemplateRuntimeError(`${name}() takes at most ${names.length} arguments`);
  }
  const bare = names.map((part) => part.replace("?", ""));
  const values: (Value | undefined)[] = bare.map((_, index) => call.args[index]);
  for (const [key, value] of call.named) {
    const place = isPositional ? -1 : bare.indexOf(key);
    if (place < 0 || values[place] !== undefined) {
      throw new TemplateRuntimeError(`${name}() got an unexpected argument '${key}'`);
    }
    values[place] = value;
  }
  values.forEach((value, index) => {
    if (value === undefined && !names[index]!.endsWith("?")) {
      throw new TemplateRuntimeError(`${name}() missing argument '${bare[index]}'`);
    }
  });
  return values;
}

/** A string argument, or the error of something else. */
export function textArgument(name: string, value: Value | undefined): TextValue {
  if (value instanceof TextValue) return value;
  if (value instanceof UndefinedValue) value.fail();
  throw new TemplateRuntimeError(
    `${name}() needs a string, not ${value === undefined ? "nothing" : typeName(value)}`,
  );
}

/** An integer argument as a number, within what a string or list can have. */
export function numberArgument(value: Value | undefined, standard: number): number {
  if (value === undefined) return standard;
  const number = Number(integerOf(value));
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
}
