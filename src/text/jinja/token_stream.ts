import { TemplateSyntaxError, type Token } from "./lexer.ts";

/** The tokens of a template, with what a parser asks of them. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #place = 0;

  /** @param tokens Tokens, `eof` last. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The token at hand. */
  get current(): Token {
    return this.#tokens[this.#place]!;
  }

  /** The token after the one at hand. */
  get following(): Token {
    return this.#tokens[Math.min(this.#place + 1, this.#tokens.length - 1)]!;
  }

  /** Takes the token at hand. */
  next(): Token {
    const token = this.current;
    if (token.type !== "eof") this.#place++;
    return token;
  }

  /** Whether the token at hand is of a type, and has a value if one is given. */
  is(type: Token["type"], value?: string): boolean {
    const { current } = this;
    return current.type === type && (value === undefined || current.value === value);
  }

  /** Whether the token at hand is one of several operators. */
  isOperator(...values: readonly string[]): boolean {
    return this.current.type === "operator" && values.includes(this.current.value);
  }

  /** Whether the token at hand is one of several names. */
  isName(...values: readonly string[]): boolean {
    return this.current.type === "name" && values.includes(this.current.value);
  }

  /** Takes the token at hand if it is of a type and value. */
  skipIf(type: Token["type"], value: string): boolean {
    const isIt = this.is(type, value);
    if (isIt) this.next();
    return isIt;
  }

  /** Takes the token at hand, which must be of a type, and of a value if one is given. */
  expect(type: Token["type"], value?: string): Token {
    if (!this.is(type, value)) this.fail(`expected ${value ?? type}`);
    return this.next();
  }

  /** The error of a token that can't stand where it does. */
  fail(message: string): never {
    const { type, value, line } = this.current;
    const found = type === "eof" ? "the end of the template" : JSON.stringify(value || type);
    throw new TemplateSyntaxError(`${message}, found ${found} on line ${line}`);
  }
}
