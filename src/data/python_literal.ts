/** Deepest nesting that is read: more than any row has. */
const deepest = 200;

/** Names that stand for values in Python's and NumPy's text. */
const names: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["None", null],
  ["True", true],
  ["False", false],
  ["nan", NaN],
  ["NaN", NaN],
  ["inf", Infinity],
  ["np.nan", NaN],
  ["np.inf", Infinity],
  ["np.True_", true],
  ["np.False_", false],
]);

/** What wraps a value in Python's text without changing what it means here. */
const wrappers = /^(?:(?:np|numpy)\.)?(?:array|list|tuple|float\d*|u?int\d*|str_|bool_?)$/;

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * Reads what Python's `repr` or `str` makes of lists, dictionaries and plain values, and NumPy of
 * arrays (whose items have only space between them, without commas): what pandas writes for such
 * a value in a cell.
 *
 * @param text The text.
 * @throws {SyntaxError} Where the text is no such value as a whole, or is shortened (`...`).
 */
export function parsePythonLiteral(text: string): unknown {
  const reader = new LiteralReader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class LiteralReader {
  #at = 0;

  constructor(private readonly text: string) {}

  value(depth: number): unknown {
    if (depth > deepest) this.#fail("fewer levels");
    this.#skipSpace();
    const character = this.text[this.#at];
    if (character === "[") return this.#items("]", depth);
    if (character === "(") return this.#items(")", depth);
    if (character === "{") return this.#dictionary(depth);
    if (character === "'" || character === '"') return this.#string(character);
    return this.#word(depth);
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.text.length) this.#fail("the end");
  }

  #items(close: string, depth: number): unknown[] {
    this.#at++;
    const items: unknown[] = [];
    let separator: "," | " " | undefined;
    while (true) {
      const before = this.#at;
      this.#skipSpace();
      if (this.#take(close)) return items;
      if (items.length > 0) {
        const found = this.#take(",") ? "," : this.#at > before ? " " : this.#fail("a comma");
        this.#skipSpace();
        if (found === "," && this.#take(close)) return items;
        // NumPy's list has no commas; where both are, it is neither's.
        if ((separator ??= found) !== found || (found === " " && close === ")")) {
          this.#fail("commas between all items or none");
        }
      }
      items.push(this.value(depth + 1));
    }
  }

  #dictionary(depth: number): Record<string, unknown> {
    this.#at++;
    const entries: [string, unknown][] = [];
    while (true) {
      this.#skipSpace();
      if (this.#take("}")) return Object.fromEntries(entries);
      if (entries.length > 0) {
        if (!this.#take(",")) this.#fail("a comma");
        this.#skipSpace();
        if (this.#take("}")) return Object.fromEntries(entries);
      }
      const key = this.value(depth + 1);
      if (typeof key !== "string" && typeof key !== "number") this.#fail("a key");
      this.#skipSpace();
      if (!this.#take(":")) this.#fail("a colon");
      entries.push([String(key), this.value(depth + 1)]);
    }
  }

  #string(quote: string): string {
    let text = "";
    let start = ++this.#at;
    for (; this.#at < this.text.length; this.#at++) {
      const character = this.text[this.#at]!;
      if (character === quote) {
        text += this.text.slice(start, this.#at++);
        return text;
      }
      if (character === "\n") break; // repr never leaves one
      if (character === "\\") {
        text += this.text.slice(start, this.#at) + this.#escape();
        start = this.#at + 1;
      }
    }
    return this.#fail("a closing quote");
  }

  /** An escape at `#at`; leaves it at its last character. */
  #escape(): string {
    const character = this.text[++this.#at] ?? "";
    const plain = escapes[character];
    if (plain !== undefined) return plain;
    const digits = { x: 2, u: 4, U: 8 }[character] ?? this.#fail("an escape of repr");
    const code = this.text.slice(this.#at + 1, this.#at + 1 + digits);
    const point = /^[0-9a-f]+$/i.test(code) && code.length === digits ? parseInt(code, 16) : NaN;
    if (!(point <= 0x10ffff)) this.#fail("the digits of an escape");
    this.#at += digits;
    return String.fromCodePoint(point);
  }

  #word(depth: number): unknown {
    const pattern = /[-+]?(?:\d[\d.]*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[A-Za-z_][\w.]*)/y;
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.text)?.[0];
    if (word === undefined) return this.#fail("a value");
    this.#at += word.length;
    if (/^[-+]?[\d.]/.test(word)) return this.#number(word);
    const isNegative = word.startsWith("-");
    const name = word.replace(/^[-+]/, "");
    if (names.has(name)) return isNegative ? -Number(names.get(name)) : names.get(name);
    if (!wrappers.test(name) || !this.#take("(")) return this.#fail("a value");
    const value = this.value(depth + 1);
    this.#skipArguments(depth);
    return value;
  }

  #number(word: string): number | bigint {
    const number = Number(word);
    if (Number.isNaN(number)) this.#fail("a number");
    return /^[-+]?\d+$/.test(word) && !Number.isSafeInteger(number) ? BigInt(word) : number;
  }

  /** `, dtype=object)` and the like. */
  #skipArguments(depth: number): void {
    this.#skipSpace();
    while (!this.#take(")")) {
      const pattern = /,\s*(?:dtype=[\w.'<>|]+|shape=)/y;
      pattern.lastIndex = this.#at;
      const argument = pattern.exec(this.text)?.[0];
      if (argument === undefined) return this.#fail("a closing parenthesis");
      this.#at += argument.length;
      if (argument.endsWith("shape=")) this.value(depth + 1);
      this.#skipSpace();
    }
  }

  #take(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    while (/\s/.test(this.text[this.#at] ?? "")) this.#at++;
  }

  #fail(expected: string): never {
    throw new SyntaxError(
      `expected ${expected} at character ${this.#at + 1}, found ${
        JSON.stringify(this.text.slice(this.#at, this.#at + 12)) || "the end"
      }`,
    );
  }
}
