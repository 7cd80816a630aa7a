/**
 * Finds every error code in the sources, with the messages that go with it.
 *
 * A code is the first argument of `new AssayError(…)`: a text, one of several texts, or a parameter of
 * the function around it; then the function's calls are looked at, and its message is told with what
 * they pass.
 *
 * @module
 */
import {
  argumentsAt,
  type Call,
  callsIn,
  type Definition,
  definitionsIn,
  splitOutside,
  withoutComments,
} from "./source_text.ts";

/** One place where an error comes from. */
export interface ErrorPlace {
  readonly code: string;
  /** The message, with `<name>` for what is filled in. */
  readonly message: string;
  readonly path: string;
}

/** A file to look through. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

interface ReadSource {
  readonly path: string;
  readonly text: string;
  readonly calls: readonly Call[];
  readonly definitions: readonly Definition[];
}

/** What a function's parameters stand for, as written in a call of it. */
type Bindings = ReadonlyMap<string, string>;

const codeText = /"([a-z]+\/[a-z0-9-]+)"/g;

/** Every place of every code, in the order of the files. */
export function errorPlaces(sources: readonly Source[]): ErrorPlace[] {
  const read = sources.map(({ path, text }): ReadSource => {
    const code = withoutComments(text);
    return { path, text: code, calls: callsIn(code), definitions: definitionsIn(code) };
  });
  return read.flatMap((source) =>
    source.calls.filter(({ callee }) => callee === "new AssayError").flatMap(({ open }) => {
      const [code = "", message = ""] = argumentsAt(source.text, open);
      const codes = [...code.matchAll(codeText)].map((match) => match[1]!);
      if (codes.length === 0) return placesOfCalls(source, open, code, message, read);
      return pairCodes(codes, message).map((place) => ({ ...place, path: source.path }));
    })
  );
}

/** A code that is chosen in place goes with the message that is chosen in place, where both are. */
function pairCodes(codes: readonly string[], message: string): { code: string; message: string }[] {
  const choice = choiceOf(message);
  return codes.map((code, index) => ({
    code,
    message: tell(choice?.length === codes.length ? choice[index]! : message, new Map()),
  }));
}

/** The places that call the function around an error whose code is a parameter of that function. */
function placesOfCalls(
  source: ReadSource,
  open: number,
  code: string,
  message: string,
  sources: readonly ReadSource[],
): ErrorPlace[] {
  const parts = /^(?:`([a-z]+\/)\$\{(\w+)\}`|(\w+))$/.exec(code);
  const around = source.definitions.findLast(({ body }) => body[0] < open && open < body[1]);
  const [room, parameter] = [parts?.[1] ?? "", parts?.[2] ?? parts?.[3] ?? ""];
  const place = around?.parameters.indexOf(parameter) ?? -1;
  if (around === undefined || place < 0) return []; // passes on another error's code
  // A whole code may be passed from anywhere; a part of one is passed within its file.
  const callers = room === "" ? sources : [source];
  return callers.flatMap(({ path, text, calls }) =>
    calls.filter(({ callee }) => callee.split(".").at(-1) === around.name).flatMap((call) => {
      const passed = argumentsAt(text, call.open);
      const bindings: Bindings = new Map(
        around.parameters.map((name, index) => [name, passed[index] ?? ""]),
      );
      const pattern = room === "" ? codeText : /"([a-z0-9-]+)"/g;
      return [...(passed[place] ?? "").matchAll(pattern)].map((match) => ({
        code: room + match[1]!,
        message: tell(message, bindings),
        path,
      }));
    })
  );
}

/** Both sides of `condition ? one : other`, outermost. */
function choiceOf(expression: string): [string, string] | undefined {
  const [condition, rest] = splitOnce(expression, "?");
  if (rest === undefined || condition === "") return undefined;
  const sides = splitOutside(rest, ":");
  return sides.length === 2 ? [sides[0]!, sides[1]!] : undefined;
}

function splitOnce(expression: string, separator: string): [string, string | undefined] {
  const parts = splitOutside(expression, separator);
  return [parts[0] ?? "", parts.length === 2 ? parts[1] : undefined];
}

/** An expression of texts as a reader sees it: `<name>` where a value is filled in. */
function tell(expression: string, bindings: Bindings): string {
  const parts = splitOutside(expression, "+");
  const isText = parts.some((part) => /^["`]/.test(part) || bindings.has(part));
  // A sum of numbers is told by what it begins with.
  return (isText ? parts : parts.slice(0, 1)).map((part) => tellPart(part, bindings)).join("")
    .replaceAll(/\s+/g, " ").trim();
}

function tellPart(written: string, bindings: Bindings): string {
  const part = written.replace(/\.trimEnd\(\)$/, "");
  if (/^"[^]*"$/.test(part)) return JSON.parse(part.replaceAll("\\`", "`"));
  if (/^`[^]*`$/.test(part)) return tellTemplate(part.slice(1, -1), bindings);
  const bound = bindings.get(part);
  if (bound !== undefined && bound !== part) return tell(bound, new Map());
  const called = /^(?:JSON\.stringify|excerpt|String|shown|listed)\(([\w.#!]+)\)$/.exec(part);
  const name = /^(?:[\w#]+(?:[.!?]|\[\w+\])*\.)?#?(\w+)!?$/.exec(called?.[1] ?? part);
  return name ? `<${name[1]}>` : "…";
}

function tellTemplate(inner: string, bindings: Bindings): string {
  let told = "";
  for (let at = 0; at < inner.length;) {
    if (inner.startsWith("${", at)) {
      const end = holeEnd(inner, at);
      told += tell(inner.slice(at + 2, end), bindings);
      at = end + 1;
    } else {
      told += inner[at] === "\\" ? inner[++at] : inner[at];
      at++;
    }
  }
  return told;
}

function holeEnd(inner: string, at: number): number {
  let depth = 0;
  for (let end = at + 1; end < inner.length; end++) {
    if (inner[end] === "{") depth++;
    else if (inner[end] === "}" && --depth === 0) return end;
  }
  return inner.length;
}

/**
 * The codes that stand in the sources but belong to no place: what {@link errorPlaces} did not
 * understand. Codes that are only compared with are in some place too.
 */
export function strayCodes(sources: readonly Source[]): string[] {
  const places = errorPlaces(sources);
  const known = new Set(places.map(({ code }) => code));
  const rooms = new Set(places.map(({ code }) => code.split("/")[0]));
  const found = sources.flatMap(({ text }) =>
    [...withoutComments(text).matchAll(codeText)].map((match) => match[1]!)
  );
  return [...new Set(found)].filter((code) => !known.has(code) && rooms.has(code.split("/")[0]));
}
