import { AssayError } from "../error.ts";

/**
 * A value of untrusted JSON. Integers are `bigint`, so that no digit is lost and `1` is told from
 * `1.0`; objects are `Map`s, so that no key can reach a prototype.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | JsonObject;

/** A JSON object, keys in the order of the text. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

const maxDepth = 32;
/** A header of 100 MB, the largest allowed, has room for about this many values. */
const maxValues = 10_000_000;
const maxNumberLength = 400;
const whiteSpace: ReadonlySet<string> = new Set([" ", "\n", "\r", "\t"]);

/**
 * Parses JSON as RFC 8259 has it, and refuses what `JSON.parse` lets pass: duplicate keys, which
 * different readers resolve differently, lone surrogates, and nesting without end.
 *
 * @param text The JSON text.
 * @param what What the text is, as messages say it.
 * @throws {AssayError} `checkpoint/bad-json`, `checkpoint/duplicate-key`, `checkpoint/json-too-deep`,
 * `checkpoint/json-too-large`.
 */
export function parseStrictJson(text: string, what: string): JsonValue {
  const parser = new Parser(text, what);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  readonly #what: string;
  #position = 0;
  #values = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  value(depth: number): JsonValue {
    if (depth > maxDepth) {
      this.#refuse("json-too-deep", `at most ${maxDepth} levels of nesting`, "more");
    }
    if (++this.#values > maxValues) {
      this.#refuse("json-too-large", `at most ${maxValues} values`, "more");
    }
    const start = this.#peek();
    switch (start) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  end(): void {
    if (this.#peek() !== "") this.#unexpected("the end");
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#sequence("}", () => {
      if (this.#peek() !== '"') this.#unexpected("a key in quotes");
      const key = this.#string();
      if (members.has(key)) {
        this.#refuse("duplicate-key", "each key once", `${JSON.stringify(key)} twice`);
      }
      this.#take(":");
      members.set(key, this.value(depth + 1));
    });
    return members;
  }

  #array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.#sequence("]", () => items.push(this.value(depth + 1)));
    return items;
  }

  /** Items with commas between them, from the opening bracket to the closing one. */
  #sequence(close: string, item: () => void): void {
    this.#position++;
    if (this.#peek() === close) {
      this.#position++;
      return;
    }
    for (;;) {
      item();
      if (this.#peek() === close) break;
      this.#take(",");
    }
    this.#position++;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#position;
    let end = start + 1;
    for (; end < text.length && text[end] !== '"'; end++) {
      if (text[end] === "\\") end++;
    }
    const literal = text.slice(start, end + 1);
    try {
      const value: string = JSON.parse(literal); // which checks escapes, control characters, the end
      if (!value.isWellFormed()) throw new SyntaxError("lone surrogate");
      this.#position = end + 1;
      return value;
    } catch {
      return this.#refuse("bad-json", "a string", excerpt(literal));
    }
  }

  #number(): number | bigint {
    const text = this.#text;
    const start = this.#position;
    let end = start;
    while (end < text.length && "+-.0123456789Ee".includes(text[end]!)) end++;
    const literal = text.slice(start, Math.min(end, start + maxNumberLength + 1));
    const valid = literal.length <= maxNumberLength &&
      /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(literal);
    if (!valid) this.#unexpected("a value");
    this.#position = end;
    return /^(0|-?[1-9][0-9]*)$/.test(literal) ? BigInt(literal) : Number(literal);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#position)) this.#unexpected("a value");
    this.#position += word.length;
    return value;
  }

  /** The next character that is not white space, or "" at the end; the position moves to it. */
  #peek(): string {
    const text = this.#text;
    for (;;) {
      const character = text[this.#position] ?? "";
      if (character > " " || !whiteSpace.has(character)) return character;
      this.#position++;
    }
  }

  #take(character: string): void {
    if (this.#peek() !== character) this.#unexpected(`"${character}"`);
    this.#position++;
  }

  #unexpected(expected: string): never {
    const rest = this.#text.slice(this.#position, this.#position + 80);
    this.#refuse("bad-json", expected, rest === "" ? "the end" : excerpt(rest));
  }

  #refuse(code: string, expected: string, found: string): never {
    throw new AssayError(
      `checkpoint/${code}`,
      `Cannot read ${this.#what} as JSON: expected ${expected}, found ${found}, ` +
        `at character ${this.#position}`,
    );
  }
}

/** The start of untrusted text, in quotes and without control characters. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
