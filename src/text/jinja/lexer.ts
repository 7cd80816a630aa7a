import { isPythonSpace } from "./python_space.ts";

/** A token of a template. */
export interface Token {
  /** `data`, `name`, `string`, `integer`, `float`, `operator`, a delimiter, or `eof`. */
  readonly type:
    | "data"
    | "name"
    | "string"
    | "integer"
    | "float"
    | "operator"
    | "variable_begin"
    | "variable_end"
    | "block_begin"
    | "block_end"
    | "eof";
  readonly value: string;
  readonly line: number;
}

/** A template that is not Jinja. */
export class TemplateSyntaxError extends Error {
  override readonly name = "TemplateSyntaxError";
}

const tagStart = /\{%([-+]?)\s*raw\s*(?:-%\}\s*|%\})|(\{%|\{\{|\{#)([-+]?)/g;
const number = /(?:0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*)/iy;
const float = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const name = /[\p{L}\p{Nl}_\p{M}\p{Nd}\p{Pc}]+/uy;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+*/%~[\](){}><=.:|,;]/y;
const closers: Readonly<Record<string, string>> = { "{": "}", "(": ")", "[": "]" };

/**
 * Cuts a template into tokens as Jinja does with `trim_blocks` and `lstrip_blocks`.
 * Source: `Lexer` of Jinja 3.1.
 *
 * @param source The template.
 * @returns Its tokens, `eof` last.
 * @throws {TemplateSyntaxError} When it is not Jinja.
 */
export function tokenize(source: string): Token[] {
  return new Lexer(source).run();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #place = 0;
  #line = 1;
  #counted = 0;
  /** Whether the text at hand begins a line of the source. */
  #startsLine = true;

  constructor(source: string) {
    const lines = source.replace(/\r\n?/g, "\n");
    this.#source = lines.endsWith("\n") ? lines.slice(0, -1) : lines;
  }

  run(): Token[] {
    while (this.#place < this.#source.length) this.#readData();
    this.#push("eof", "");
    return this.#tokens;
  }

  #push(type: Token["type"], value: string): void {
    this.#tokens.push({ type, value, line: this.#lineAt(this.#place) });
  }

  #lineAt(place: number): number {
    for (; this.#counted < place; this.#counted++) {
      if (this.#source.charCodeAt(this.#counted) === 10) this.#line++;
    }
    return this.#line;
  }

  #fail(message: string): never {
    throw new TemplateSyntaxError(`${message} on line ${this.#lineAt(this.#place)}`);
  }

  #readData(): void {
    tagStart.lastIndex = this.#place;
    const match = tagStart.exec(this.#source);
    if (match === null) {
      this.#addData(this.#source.slice(this.#place));
      this.#place = this.#source.length;
      return;
    }
    const text = this.#source.slice(this.#place, match.index);
    const isRaw = match[2] === undefined;
    const sign = (isRaw ? match[1] : match[3])!;
    this.#addData(this.#stripBefore(text, sign, match[2] !== "{{"));
    this.#moveTo(match.index + match[0].length);
    if (isRaw) this.#readRaw();
    else if (match[2] === "{#") this.#readComment();
    else this.#readTag(match[2] === "{%" ? "block" : "variable");
  }

  #moveTo(place: number): void {
    this.#place = place;
    this.#startsLine = this.#source[place - 1] === "\n";
  }

  #addData(text: string): void {
    if (text !== "") this.#push("data", text);
  }

  /** `-` strips all whitespace before a tag, `lstrip_blocks` that of a line with nothing before it. */
  #stripBefore(text: string, sign: string, isBlock: boolean): string {
    if (sign === "-") return text.slice(0, trimmedEnd(text));
    if (sign === "+" || !isBlock) return text;
    const line = text.lastIndexOf("\n") + 1;
    if (line === 0 && !this.#startsLine) return text;
    const end = trimmedEnd(text);
    return end <= line && line < text.length ? text.slice(0, line) : text;
  }

  #readComment(): void {
    const end = this.#source.indexOf("#}", this.#place);
    if (end < 0) this.#fail("Missing end of comment tag");
    const sign = end > this.#place ? this.#source[end - 1]! : "";
    this.#leaveTag(end + 2, sign === "-" || sign === "+" ? sign : "");
  }

  #readRaw(): void {
    const end = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
    end.lastIndex = this.#place;
    const match = end.exec(this.#source);
    if (match === null) this.#fail("Missing end of raw directive");
    const text = this.#source.slice(this.#place, match.index);
    this.#addData(this.#stripBefore(text, match[1]!, true));
    this.#leaveTag(match.index + match[0].length, match[2]!);
  }

  /** After a block's end: `-` strips all whitespace, `trim_blocks` one newline unless `+` forbids it. */
  #leaveTag(place: number, sign: string, trims = true): void {
    let end = place;
    if (sign === "-") {
      while (end < this.#source.length && isPythonSpace(this.#source[end]!)) end++;
    } else if (sign !== "+" && trims && this.#source[end] === "\n") end++;
    this.#moveTo(end);
  }

  #readTag(kind: "block" | "variable"): void {
    this.#push(`${kind}_begin`, "");
    const end = kind === "block" ? /[-+]?%\}/y : /-?\}\}/y;
    const open: string[] = [];
    while (true) {
      if (this.#place >= this.#source.length) this.#fail(`Missing end of ${kind} tag`);
      end.lastIndex = this.#place;
      const match = open.length === 0 ? end.exec(this.#source) : null;
      if (match !== null) {
        this.#push(`${kind}_end`, "");
        const sign = match[0].length > 2 ? match[0][0]! : "";
        this.#leaveTag(this.#place + match[0].length, sign, kind === "block");
        return;
      }
      this.#readToken(open);
    }
  }

  #readToken(open: string[]): void {
    const first = this.#source[this.#place]!;
    if (isPythonSpace(first)) {
      this.#place++;
      return;
    }
    if (this.#take("float", float) || this.#take("integer", number)) return;
    if (this.#take("name", name)) {
      if (!/^[\p{L}\p{Nl}_]/u.test(this.#tokens.at(-1)!.value)) {
        this.#fail("Invalid character in identifier");
      }
      return;
    }
    if (first === "'" || first === '"') {
      this.#readString(first);
      return;
    }
    if (!this.#take("operator", operator)) this.#fail(`unexpected char ${JSON.stringify(first)}`);
    const found = this.#tokens.at(-1)!.value;
    if (closers[found] !== undefined) open.push(closers[found]);
    else if (/^[\])}]$/.test(found)) {
      const expected = open.pop();
      if (expected !== found) {
        this.#fail(
          `unexpected '${found}'${expected === undefined ? "" : `, expected '${expected}'`}`,
        );
      }
    }
  }

  #take(type: Token["type"], pattern: RegExp): boolean {
    pattern.lastIndex = this.#place;
    const match = pattern.exec(this.#source);
    if (match === null) return false;
    this.#push(type, match[0]);
    this.#place += match[0].length;
    return true;
  }

  #readString(quote: string): void {
    let end = this.#place + 1;
    while (end < this.#source.length && this.#source[end] !== quote) {
      end += this.#source[end] === "\\" ? 2 : 1;
    }
    if (end >= this.#source.length) this.#fail(`unexpected char ${JSON.stringify(quote)}`);
    this.#push("string", this.#unescape(this.#source.slice(this.#place + 1, end)));
    this.#place = end + 1;
  }

  /** Python's `unicode-escape`. */
  #unescape(text: string): string {
    return text.replace(
      /\\(?:(\n)|([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g,
      (whole, line, octal, byte, short, long, other) => {
        if (line !== undefined) return "";
        if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
        const hex = byte ?? short ?? long;
        if (hex !== undefined) return this.#codePoint(Number.parseInt(hex, 16));
        if (/[xuUN]/.test(other)) this.#fail(`truncated escape ${whole}`);
        return simpleEscapes[other as string] ?? whole;
      },
    );
  }

  #codePoint(code: number): string {
    if (code > 0x10ffff) this.#fail("illegal Unicode character");
    return String.fromCodePoint(code);
  }
}

const simpleEscapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function trimmedEnd(text: string): number {
  let end = text.length;
  while (end > 0 && isPythonSpace(text[end - 1]!)) end--;
  return end;
}
