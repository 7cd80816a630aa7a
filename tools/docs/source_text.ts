/**
 * Just enough of TypeScript's grammar to find calls and read their arguments: comments, strings,
 * templates and regular expressions are stepped over, brackets are matched. It reads code that
 * `deno fmt` has laid out.
 *
 * @module
 */

/** A call in a source text. */
export interface Call {
  /** What is called, as written: `new AssayError`, `this.#refuse`. */
  readonly callee: string;
  /** Where its opening bracket stands. */
  readonly open: number;
}

/** A function or method that is defined in a source text. */
export interface Definition {
  readonly name: string;
  /** The names of its parameters; an empty text for one that is taken apart. */
  readonly parameters: readonly string[];
  /** Where its body begins and ends. */
  readonly body: readonly [number, number];
}

/** The end of the comment, string, template or regular expression at `at`; `at` where there is none. */
export function literalEnd(source: string, at: number): number {
  const two = source.slice(at, at + 2);
  if (two === "//") return endAfter(source, "\n", at);
  if (two === "/*") return endAfter(source, "*/", at + 2);
  const first = source[at];
  if (first === '"' || first === "'") return quotedEnd(source, at);
  if (first === "`") return templateEnd(source, at);
  if (first === "/" && /(^|[(,=:[!&|?{};])\s*$|\breturn\s+$/.test(source.slice(at - 40, at))) {
    return regularExpressionEnd(source, at);
  }
  return at;
}

function endAfter(source: string, mark: string, from: number): number {
  const found = source.indexOf(mark, from);
  return found < 0 ? source.length : found + mark.length;
}

function quotedEnd(source: string, at: number): number {
  let end = at + 1;
  while (end < source.length && source[end] !== source[at]) end += source[end] === "\\" ? 2 : 1;
  return end + 1;
}

function templateEnd(source: string, at: number): number {
  let end = at + 1;
  while (end < source.length && source[end] !== "`") {
    if (source[end] === "\\") end += 2;
    else if (source.startsWith("${", end)) end = bracketEnd(source, end + 1) + 1;
    else end++;
  }
  return end + 1;
}

function regularExpressionEnd(source: string, at: number): number {
  let inClass = false;
  for (let end = at + 1; end < source.length; end++) {
    if (source[end] === "\\") end++;
    else if (source[end] === "[") inClass = true;
    else if (source[end] === "]") inClass = false;
    else if (source[end] === "/" && !inClass) return end + 1;
  }
  return source.length;
}

/** Where the bracket that opens at `open` is closed. */
export function bracketEnd(source: string, open: number): number {
  let depth = 0;
  for (let at = open; at < source.length;) {
    const end = literalEnd(source, at);
    if (end > at) {
      at = end;
      continue;
    }
    if ("([{".includes(source[at]!)) depth++;
    else if (")]}".includes(source[at]!) && --depth === 0) return at;
    at++;
  }
  return source.length;
}

/** Cuts `source` at each `separator` that stands outside of literals and brackets. */
export function splitOutside(source: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < source.length;) {
    const end = literalEnd(source, at);
    if (end > at) at = end;
    else if ("([{".includes(source[at]!)) at = bracketEnd(source, at) + 1;
    else if (source[at] === separator) {
      parts.push(source.slice(start, at).trim());
      start = ++at;
    } else at++;
  }
  parts.push(source.slice(start).trim());
  return parts.filter((part) => part !== "");
}

/** The arguments between the brackets that open at `open`, as written. */
export function argumentsAt(source: string, open: number): string[] {
  return splitOutside(source.slice(open + 1, bracketEnd(source, open)), ",");
}

/** Every opening bracket that follows a name, in order: calls, and definitions with them. */
export function callsIn(source: string): Call[] {
  const calls: Call[] = [];
  visitCode(source, 0, source.length, (at) => {
    if (source[at] !== "(") return;
    const callee = /(?:\bnew\s+)?[\w.#$!?]+(?:<[^<>()]*>)?$/.exec(source.slice(0, at).slice(-120));
    if (callee) calls.push({ callee: callee[0].replace(/<.*$/, ""), open: at });
  });
  return calls;
}

/** Visits every character of the code from `start` to `end`, those in templates' holes too. */
function visitCode(source: string, start: number, end: number, visit: (at: number) => void): void {
  for (let at = start; at < end;) {
    const literal = literalEnd(source, at);
    if (literal === at) visit(at++);
    else {
      if (source[at] === "`") visitHoles(source, at, literal, visit);
      at = literal;
    }
  }
}

function visitHoles(source: string, at: number, end: number, visit: (at: number) => void): void {
  for (let hole = at + 1; hole < end; hole++) {
    if (source[hole] === "\\") hole++;
    else if (source.startsWith("${", hole)) {
      const close = bracketEnd(source, hole + 1);
      visitCode(source, hole + 2, close, visit);
      hole = close;
    }
  }
}

const header =
  /^[ \t]*(?:export |default |static |async |override |function |function\* |\*)*(#?[\w$]+)(?:<[^\n(]*>)?\(/gm;
const statements = ["if", "for", "while", "switch", "catch", "return", "throw", "super"];

/** The functions and methods that a source text defines with a name of their own. */
export function definitionsIn(source: string): Definition[] {
  return [...source.matchAll(header)].flatMap((match) => {
    const name = match[1]!;
    if (statements.includes(name)) return [];
    const open = match.index + match[0].length - 1;
    const close = bracketEnd(source, open);
    const result = /^\s*(?::[^{;=]*)?\{/.exec(source.slice(close + 1));
    if (!result) return [];
    const start = close + result[0].length;
    return [{
      name,
      parameters: argumentsAt(source, open).map((parameter) => /^\w+/.exec(parameter)?.[0] ?? ""),
      body: [start, bracketEnd(source, start)] as const,
    }];
  });
}

/** A source text without its comments, with every line where it was. */
export function withoutComments(source: string): string {
  let text = "";
  for (let at = 0; at < source.length;) {
    const end = literalEnd(source, at);
    const piece = source.slice(at, Math.max(end, at + 1));
    text += /^\/[/*]/.test(piece) && end > at ? piece.replaceAll(/[^\n]/g, " ") : piece;
    at = Math.max(end, at + 1);
  }
  return text;
}
