import { ExpressionParser } from "./expression_parser.ts";
import { TemplateSyntaxError, tokenize } from "./lexer.ts";
import type { Expression, Signature, Statement } from "./nodes.ts";
import { TokenStream } from "./token_stream.ts";

/** Tags of Jinja that need other templates, or that no chat template has. */
const otherTags = ["block", "extends", "include", "import", "from", "autoescape"];

/**
 * Parses a template as `transformers` does: Jinja with `break`, `continue` and `generation`.
 *
 * @param source The template.
 * @returns Its statements.
 * @throws {TemplateSyntaxError} When it is not Jinja, or has a tag for several templates.
 */
export function parseTemplate(source: string): readonly Statement[] {
  return new StatementParser(new TokenStream(tokenize(source))).template();
}

class StatementParser extends ExpressionParser {
  #loops = 0;

  template(): Statement[] {
    return this.#statements([]);
  }

  /** Statements up to a tag that ends them; its name is the token at hand. */
  #statements(ends: readonly string[]): Statement[] {
    const body: Statement[] = [];
    let parts: (string | Expression)[] = [];
    const flush = () => {
      if (parts.length > 0) body.push({ kind: "output", parts });
      parts = [];
    };
    while (!this.stream.is("eof")) {
      const { type, value } = this.stream.next();
      if (type === "data") parts.push(value);
      else if (type === "variable_begin") {
        parts.push(this.tuple());
        this.stream.expect("variable_end");
      } else {
        flush();
        if (this.stream.isName(...ends)) return body;
        body.push(this.#statement());
        this.stream.expect("block_end");
      }
    }
    if (ends.length > 0) this.stream.fail(`expected ${ends.join(" or ")}`);
    flush();
    return body;
  }

  /** The body of a tag, from the end of its opening; the name that ends it is taken. */
  #body(...ends: readonly string[]): readonly [body: Statement[], end: string] {
    this.stream.skipIf("operator", ":");
    this.stream.expect("block_end");
    const body = this.#statements(ends);
    return [body, this.stream.next().value];
  }

  #statement(): Statement {
    const { value: tag } = this.stream.expect("name");
    switch (tag) {
      case "for":
        return this.#for();
      case "if":
        return this.#if();
      case "set":
        return this.#set();
      case "macro": {
        const name = this.stream.expect("name").value;
        const signature = this.#signature();
        return this.#outsideLoops(() => {
          const [body] = this.#body("endmacro");
          return { kind: "macro", name, signature, body };
        });
      }
      case "call":
        return this.#callBlock();
      case "filter": {
        const filter = this.filters(undefined, true)!;
        const [body] = this.#body("endfilter");
        return { kind: "filter-block", filter, body };
      }
      case "with":
        return this.#with();
      case "print":
        return this.#print();
      case "generation":
        return this.#outsideLoops(() => {
          const [body] = this.#body("endgeneration");
          return { kind: "generation", body };
        });
      case "break":
      case "continue":
        if (this.#loops === 0) this.stream.fail(`expected ${tag} inside a loop`);
        return { kind: tag };
      default:
        return this.#unknown(tag);
    }
  }

  #unknown(tag: string): never {
    const what = otherTags.includes(tag) ? "a tag for a template by itself" : "a tag of Jinja";
    throw new TemplateSyntaxError(
      `expected ${what}, found ${JSON.stringify(tag)} on line ${this.stream.current.line}`,
    );
  }

  /** A `break` in a macro has no loop, even if the macro stands in one. */
  #outsideLoops<T>(parse: () => T): T {
    const loops = this.#loops;
    this.#loops = 0;
    const parsed = parse();
    this.#loops = loops;
    return parsed;
  }

  #for(): Statement {
    const target = this.#target({ end: "in" });
    this.stream.expect("name", "in");
    const iterable = this.tuple({ hasConditions: false, end: "recursive" });
    const test = this.stream.skipIf("name", "if") ? this.expression() : undefined;
    const isRecursive = this.stream.skipIf("name", "recursive");
    this.#loops++;
    const [body, end] = this.#body("endfor", "else");
    this.#loops--;
    const otherwise = end === "else" ? this.#body("endfor")[0] : [];
    return { kind: "for", target, iterable, test, isRecursive, body, otherwise };
  }

  #if(): Statement {
    const branches: [Expression, Statement[]][] = [];
    while (true) {
      const test = this.tuple({ hasConditions: false });
      const [body, end] = this.#body("elif", "else", "endif");
      branches.push([test, body]);
      if (end === "elif") continue;
      const otherwise = end === "else" ? this.#body("endif")[0] : [];
      return { kind: "if", branches, otherwise };
    }
  }

  #set(): Statement {
    const target = this.#target({ hasNamespaces: true });
    if (this.stream.skipIf("operator", "=")) {
      return { kind: "set", target, value: this.tuple() };
    }
    const filter = this.filters(undefined);
    const [body] = this.#body("endset");
    return { kind: "set-block", target, filter, body };
  }

  #target(options: { end?: string; hasNamespaces?: boolean }): Expression {
    const target = this.tuple({ isSimple: true, ...options });
    if (!isTarget(target)) this.stream.fail("expected something that can be assigned to");
    return target;
  }

  #signature(): Signature {
    const names: string[] = [];
    const defaults: Expression[] = [];
    this.stream.expect("operator", "(");
    while (!this.stream.isOperator(")")) {
      if (names.length > 0) this.stream.expect("operator", ",");
      names.push(this.stream.expect("name").value);
      if (this.stream.skipIf("operator", "=")) defaults.push(this.expression());
      else if (defaults.length > 0) this.stream.fail("expected a default after a default");
    }
    this.stream.expect("operator", ")");
    return { names, defaults };
  }

  #callBlock(): Statement {
    const signature = this.stream.isOperator("(") ? this.#signature() : { names: [], defaults: [] };
    const call = this.expression();
    if (call.kind !== "call") this.stream.fail("expected a call");
    return this.#outsideLoops(() => {
      const [body] = this.#body("endcall");
      return { kind: "call-block", signature, call, body };
    });
  }

  #with(): Statement {
    const targets: Expression[] = [];
    const values: Expression[] = [];
    while (!this.stream.is("block_end")) {
      if (targets.length > 0) this.stream.expect("operator", ",");
      targets.push(this.#target({}));
      this.stream.expect("operator", "=");
      values.push(this.expression());
    }
    const [body] = this.#body("endwith");
    return { kind: "with", targets, values, body };
  }

  #print(): Statement {
    const parts: Expression[] = [];
    while (!this.stream.is("block_end")) {
      if (parts.length > 0) this.stream.expect("operator", ",");
      parts.push(this.expression());
    }
    return { kind: "output", parts };
  }
}

/** A name, a namespace's attribute, or a tuple of such; `loop` is no one's to set. */
function isTarget(target: Expression): boolean {
  if (target.kind === "tuple") return target.items.every(isTarget);
  return target.kind === "name" || target.kind === "namespace";
}
