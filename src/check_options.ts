import { AssayError } from "./error.ts";

/** What an option may be. */
export interface OptionKind {
  /** In words, as in `expected … to be <expected>`. */
  readonly expected: string;
  /** Whether a value that was given is one of those. */
  readonly accepts: (value: unknown) => boolean;
}

/** The options of a call by name; every one may be `undefined`. */
export type OptionKinds<Options> = Readonly<Record<keyof Options & string, OptionKind>>;

const isNumber = (value: unknown): value is number => typeof value === "number";

/** One of some texts. */
export function oneOf(...texts: readonly string[]): OptionKind {
  const expected = texts.map((text) => JSON.stringify(text)).join(" or ");
  return { expected, accepts: (value) => texts.some((text) => text === value) };
}

/** A whole number from `least` on. */
export function wholeFrom(least: number): OptionKind {
  return {
    expected: `a whole number of at least ${least}`,
    accepts: (value) => Number.isSafeInteger(value) && Number(value) >= least,
  };
}

/** A number in a range, which needs no end. */
export function numberIn(
  expected: string,
  isIn: (value: number) => boolean,
): OptionKind {
  return { expected, accepts: (value) => isNumber(value) && isIn(value) };
}

/** Either of two kinds. */
export function either(first: OptionKind, second: OptionKind): OptionKind {
  return {
    expected: `${first.expected}, or ${second.expected}`,
    accepts: (value) => first.accepts(value) || second.accepts(value),
  };
}

/** A finite number. */
export const finite = numberIn("a finite number", Number.isFinite);
/** A finite number above 0. */
export const positive = numberIn("a finite number above 0", (x) => x > 0 && x < Infinity);
/** A finite number of at least 0. */
export const amount = numberIn("a finite number of at least 0", (x) => x >= 0 && x < Infinity);
/** A number from 0 to 1. */
export const share = numberIn("a number from 0 to 1", (x) => x >= 0 && x <= 1);
/** A share that is neither none nor all. */
export const openShare = numberIn("a number between 0 and 1", (x) => x > 0 && x < 1);
/** `Infinity`, for a bound that is none. */
export const noBound = numberIn("Infinity", (x) => x === Infinity);
/** `true` or `false`. */
export const flag: OptionKind = {
  expected: "true or false",
  accepts: (value) => typeof value === "boolean",
};
/** A function. */
export const callback: OptionKind = {
  expected: "a function",
  accepts: (value) => typeof value === "function",
};
/** A text that is not empty. */
export const text: OptionKind = {
  expected: "a text that is not empty",
  accepts: (value) => typeof value === "string" && value !== "",
};
/** A list of texts. */
export const texts: OptionKind = {
  expected: "a list of texts",
  accepts: (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
};
/** An object, whose content is checked where it is used. */
export const object: OptionKind = {
  expected: "an object",
  accepts: (value) => typeof value === "object" && value !== null,
};
/** An `AbortSignal`; by what it does, since it may come from another realm. */
export const abortSignal: OptionKind = {
  expected: "an AbortSignal",
  accepts: (value) =>
    object.accepts(value) && typeof (value as AbortSignal).aborted === "boolean" &&
    typeof (value as AbortSignal).addEventListener === "function",
};

/**
 * Checks options at the door, so that a wrong one is refused by name instead of meaning something
 * else: TypeScript's types don't reach programs in JavaScript, or values from files.
 *
 * @param code The error's code.
 * @param doing What can't be done, as in `Cannot <doing>`.
 * @param options What was given.
 * @param kinds What each may be.
 * @param others Whether other keys may stand beside them; else they are refused: a misspelt option
 *   would be ignored in silence.
 * @throws {AssayError} With the code, naming the option, what was expected and what was found.
 */
export function checkOptions(
  code: string,
  doing: string,
  options: unknown,
  kinds: Readonly<Record<string, OptionKind>>,
  others: "refused" | "allowed" = "allowed",
): void {
  let problem: readonly [expected: string, found: string] | undefined;
  if (!object.accepts(options)) problem = ["options to be an object", valueText(options)];
  for (const [name, value] of Object.entries(options ?? {})) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (value === undefined || problem !== undefined) continue;
    if (kind === undefined) {
      const known = `options to be of ${Object.keys(kinds).join(", ")}`;
      if (others === "refused") problem = [known, `the option ${JSON.stringify(name)}`];
    } else if (!kind.accepts(value)) {
      problem = [`the option ${name} to be ${kind.expected}`, valueText(value)];
    }
  }
  if (problem === undefined) return;
  const [expected, found] = problem;
  throw new AssayError(code, `Cannot ${doing}: expected ${expected}, found ${found}`);
}

function valueText(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60));
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "a list";
  return object.accepts(value) ? "an object" : String(value);
}
