import type { CallSyntax, Expression } from "./nodes.ts";
import type { TokenStream } from "./token_stream.ts";

const comparisons = ["==", "!=", "<", "<=", ">", ">="];
const noCall: CallSyntax = { args: [], named: [], moreArgs: undefined, moreNamed: undefined };
const constants = new Map<string, boolean | null>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);

/** How a tuple without parentheses is read. */
export interface TupleOptions {
  /** Only names and literals: the target of an assignment. */
  readonly isSimple?: boolean;
  /** Whether `a if b else c` may stand in it. */
  readonly hasConditions?: boolean;
  /** A name that ends it. */
  readonly end?: string;
  readonly isInParentheses?: boolean;
  /** Whether `name.attribute` may be a target. */
  readonly hasNamespaces?: boolean;
}

/** Reads expressions. Source: `Parser` of Jinja 3.1. */
export class ExpressionParser {
  /** @param stream The template's tokens. */
  constructor(protected readonly stream: TokenStream) {}

  /** One expression. */
  protected expression(hasConditions = true): Expression {
    if (!hasConditions) return this.#or();
    let value = this.#or();
    while (this.stream.skipIf("name", "if")) {
      const test = this.#or();
      const otherwise = this.stream.skipIf("name", "else") ? this.expression() : undefined;
      value = { kind: "condition", test, then: value, otherwise };
    }
    return value;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.stream.skipIf("name", "or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.stream.skipIf("name", "and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (this.stream.skipIf("name", "not")) return { kind: "not", of: this.#not() };
    return this.#comparison();
  }

  #comparison(): Expression {
    const first = this.#sum();
    const rest: [string, Expression][] = [];
    while (true) {
      if (this.stream.isOperator(...comparisons)) {
        rest.push([this.stream.next().value, this.#sum()]);
      } else if (this.stream.skipIf("name", "in")) {
        rest.push(["in", this.#sum()]);
      } else if (
        this.stream.is("name", "not") && this.stream.following.type === "name" &&
        this.stream.following.value === "in"
      ) {
        this.stream.next();
        this.stream.next();
        rest.push(["not in", this.#sum()]);
      } else break;
    }
    return rest.length === 0 ? first : { kind: "compare", first, rest };
  }

  #sum(): Expression {
    return this.#arithmetic(["+", "-"], () => this.#concat());
  }

  #concat(): Expression {
    const parts = [this.#product()];
    while (this.stream.skipIf("operator", "~")) parts.push(this.#product());
    return parts.length === 1 ? parts[0]! : { kind: "concat", parts };
  }

  #product(): Expression {
    return this.#arithmetic(
      ["*", "/", "//", "%"],
      () => this.#arithmetic(["**"], () => this.#unary(true)),
    );
  }

  #arithmetic(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand();
    while (this.stream.isOperator(...operators)) {
      const operator = this.stream.next().value;
      left = { kind: "arithmetic", operator, left, right: operand() };
    }
    return left;
  }

  #unary(hasFilters: boolean): Expression {
    const value = this.stream.skipIf("operator", "-")
      ? { kind: "negative", of: this.#unary(false) } as const
      : this.stream.skipIf("operator", "+")
      ? { kind: "positive", of: this.#unary(false) } as const
      : this.primary();
    const postfixed = this.#postfix(value);
    return hasFilters ? this.#filtersAndTests(postfixed) : postfixed;
  }

  /** A name, a literal, or something in brackets. */
  protected primary(hasNamespaces = false): Expression {
    const token = this.stream.current;
    switch (token.type) {
      case "name":
        return this.#name(hasNamespaces);
      case "string": {
        let value = "";
        while (this.stream.is("string")) value += this.stream.next().value;
        return { kind: "text", value };
      }
      case "integer":
      case "float":
        return numberLiteral(this.stream.next());
      default:
    }
    if (this.stream.skipIf("operator", "(")) {
      const tuple = this.tuple({ isInParentheses: true });
      this.stream.expect("operator", ")");
      return tuple;
    }
    if (this.stream.isOperator("[")) return this.#list();
    if (this.stream.isOperator("{")) return this.#dict();
    return this.stream.fail("expected an expression");
  }

  #name(hasNamespaces: boolean): Expression {
    const { value: name } = this.stream.next();
    const constant = constants.get(name);
    if (constant !== undefined) return { kind: "constant", value: constant };
    if (hasNamespaces && this.stream.skipIf("operator", ".")) {
      return { kind: "namespace", name, attribute: this.stream.expect("name").value };
    }
    return { kind: "name", name };
  }

  #list(): Expression {
    this.stream.expect("operator", "[");
    const items: Expression[] = [];
    while (!this.stream.isOperator("]")) {
      if (items.length > 0) this.stream.expect("operator", ",");
      if (this.stream.isOperator("]")) break;
      items.push(this.expression());
    }
    this.stream.expect("operator", "]");
    return { kind: "list", items };
  }

  #dict(): Expression {
    this.stream.expect("operator", "{");
    const pairs: [Expression, Expression][] = [];
    while (!this.stream.isOperator("}")) {
      if (pairs.length > 0) this.stream.expect("operator", ",");
      if (this.stream.isOperator("}")) break;
      const key = this.expression();
      this.stream.expect("operator", ":");
      pairs.push([key, this.expression()]);
    }
    this.stream.expect("operator", "}");
    return { kind: "dict", pairs };
  }

  /** Expressions with commas between; without a comma the one expression. */
  protected tuple(options: TupleOptions = {}): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    while (true) {
      if (items.length > 0) this.stream.expect("operator", ",");
      if (this.#isTupleEnd(options.end)) break;
      items.push(
        options.isSimple
          ? this.primary(options.hasNamespaces)
          : this.expression(options.hasConditions ?? true),
      );
      if (!this.stream.isOperator(",")) break;
      isTuple = true;
    }
    if (!isTuple) {
      if (items[0] !== undefined) return items[0];
      if (!options.isInParentheses) this.stream.fail("expected an expression");
    }
    return { kind: "tuple", items };
  }

  #isTupleEnd(end: string | undefined): boolean {
    return this.stream.is("variable_end") || this.stream.is("block_end") ||
      this.stream.isOperator(")") || (end !== undefined && this.stream.is("name", end));
  }

  #postfix(start: Expression): Expression {
    let value = start;
    while (true) {
      if (this.stream.isOperator(".", "[")) value = this.#subscript(value);
      else if (this.stream.isOperator("(")) {
        value = { kind: "call", of: value, call: this.#callArguments() };
      } else return value;
    }
  }

  #filtersAndTests(start: Expression): Expression {
    let value = start;
    while (true) {
      if (this.stream.isOperator("|")) value = this.filters(value)!;
      else if (this.stream.is("name", "is")) value = this.#test(value);
      else if (this.stream.isOperator("(")) {
        value = { kind: "call", of: value, call: this.#callArguments() };
      } else return value;
    }
  }

  #subscript(of: Expression): Expression {
    if (this.stream.skipIf("operator", ".")) {
      if (this.stream.is("name")) {
        return { kind: "attribute", of, name: this.stream.next().value };
      }
      return { kind: "item", of, key: numberLiteral(this.stream.expect("integer")) };
    }
    this.stream.expect("operator", "[");
    const keys: Expression[] = [];
    while (!this.stream.isOperator("]")) {
      if (keys.length > 0) this.stream.expect("operator", ",");
      keys.push(this.#subscribed());
    }
    this.stream.expect("operator", "]");
    return { kind: "item", of, key: keys.length === 1 ? keys[0]! : { kind: "tuple", items: keys } };
  }

  #subscribed(): Expression {
    const start = this.stream.isOperator(":") ? undefined : this.expression();
    if (!this.stream.skipIf("operator", ":")) return start!;
    const isEnd = () => this.stream.isOperator("]", ",");
    const stop = this.stream.isOperator(":") || isEnd() ? undefined : this.expression();
    const step = this.stream.skipIf("operator", ":") && !isEnd() ? this.expression() : undefined;
    return { kind: "slice", start, stop, step };
  }

  #callArguments(): CallSyntax {
    this.stream.expect("operator", "(");
    const args: Expression[] = [];
    const named: [string, Expression][] = [];
    let moreArgs: Expression | undefined;
    let moreNamed: Expression | undefined;
    const ensure = (isRight: boolean) => {
      if (!isRight) this.stream.fail("expected another order of arguments");
    };
    for (let count = 0; !this.stream.isOperator(")"); count++) {
      if (count > 0) this.stream.expect("operator", ",");
      if (this.stream.isOperator(")")) break;
      if (this.stream.skipIf("operator", "*")) {
        ensure(moreArgs === undefined && moreNamed === undefined);
        moreArgs = this.expression();
      } else if (this.stream.skipIf("operator", "**")) {
        ensure(moreNamed === undefined);
        moreNamed = this.expression();
      } else if (this.#isNamedArgument()) {
        ensure(moreNamed === undefined);
        const name = this.stream.next().value;
        this.stream.next();
        named.push([name, this.expression()]);
      } else {
        ensure(moreArgs === undefined && moreNamed === undefined && named.length === 0);
        args.push(this.expression());
      }
    }
    this.stream.expect("operator", ")");
    return { args, named, moreArgs, moreNamed };
  }

  #isNamedArgument(): boolean {
    const { following } = this.stream;
    return this.stream.is("name") && following.type === "operator" && following.value === "=";
  }

  /** The filters after a value, or those of a block; undefined where there is none. */
  protected filters(start: Expression | undefined, isInline = false): Expression | undefined {
    let value = start;
    let startsInline = isInline;
    while (startsInline || this.stream.isOperator("|")) {
      if (!startsInline) this.stream.next();
      startsInline = false;
      const name = this.#dottedName();
      const call = this.stream.isOperator("(") ? this.#callArguments() : noCall;
      value = { kind: "filter", of: value, name, call };
    }
    return value;
  }

  #dottedName(): string {
    let name = this.stream.expect("name").value;
    while (this.stream.skipIf("operator", ".")) name += `.${this.stream.expect("name").value}`;
    return name;
  }

  #test(of: Expression): Expression {
    this.stream.expect("name", "is");
    const isNegated = this.stream.skipIf("name", "not");
    const name = this.#dottedName();
    let call = noCall;
    if (this.stream.isOperator("(")) call = this.#callArguments();
    else if (this.#beginsArgument()) {
      if (this.stream.is("name", "is")) this.stream.fail("expected one test, not a chain of them");
      call = { ...noCall, args: [this.#postfix(this.primary())] };
    }
    const test: Expression = { kind: "test", of, name, call };
    return isNegated ? { kind: "not", of: test } : test;
  }

  #beginsArgument(): boolean {
    const { type } = this.stream.current;
    if (type === "name") return !this.stream.isName("else", "or", "and");
    return type === "string" || type === "integer" || type === "float" ||
      this.stream.isOperator("[", "{");
  }
}

function numberLiteral({ type, value }: { type: string; value: string }): Expression {
  const digits = value.replaceAll("_", "").toLowerCase();
  return type === "float"
    ? { kind: "float", value: Number(digits) }
    : { kind: "integer", value: BigInt(/^0+$/.test(digits) ? "0" : digits) };
}
