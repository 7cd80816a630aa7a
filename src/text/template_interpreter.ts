import { Environment, Interpreter } from "@huggingface/jinja";

/** A statement or expression of a parsed template. */
type Node = Parameters<Interpreter["evaluate"]>[0];
type Scope = Parameters<Interpreter["evaluate"]>[1];
type Value = ReturnType<Interpreter["evaluate"]>;

/** The parts of a template's syntax tree that {@link TemplateInterpreter} looks into. */
interface Syntax {
  readonly type: string;
  readonly value?: unknown;
  readonly callee?: Syntax;
  readonly object?: Syntax;
  readonly property?: Syntax;
  readonly computed?: boolean;
  readonly args?: readonly Syntax[];
  readonly operand?: Syntax;
  readonly operator?: Syntax;
  readonly left?: Syntax;
  readonly right?: Syntax;
  readonly filter?: Syntax;
  readonly iterable?: Syntax;
  readonly body?: unknown;
  readonly lhs?: Syntax;
}

/** Longest string that a template may make, in UTF-16 units. */
const maxString = 32 * 1024 * 1024;
/** How many units of a new string count as one step of the budget. */
const stringUnitsPerStep = 256;

/** What a pass of a loop costs, at least: it takes about as long as this many plain nodes. */
const stepsPerPass = 8;

/** What Python's `str.isspace` accepts; JavaScript's `trim` differs in U+001C–1F, U+0085 and U+FEFF. */
const pythonSpace =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** `break` or `continue`, with the text that its loop's body had made until then. */
class LoopControl extends Error {
  partial = "";
  /** @param kind Which of the two. */
  constructor(readonly kind: "Break" | "Continue") {
    super();
  }
}

/** A loop that is running: its body, and whether it has met a `break`. */
interface Loop {
  readonly body: unknown;
  isBroken: boolean;
}

/** The one internal method of the library that is replaced; it renders a list of statements. */
interface Internals {
  evaluateBlock: (statements: readonly Node[], scope: Scope) => Value;
}

/** Thrown when a template spends its budget; carries what it spent it on. */
export class TemplateBudgetError extends Error {
  override readonly name = "TemplateBudgetError";
}

/**
 * The Jinja interpreter of `@huggingface/jinja` with four changes: a budget, because a template comes
 * with the checkpoint and may loop for ever; `strip`, `lstrip`, `rstrip` and `trim` as Python has them
 * (with their argument, and with Python's notion of whitespace); `==` as Python has it (`"" == false`
 * is false); and `break` and `continue` that keep what the body has written before them. The library
 * differs in these, and a differing space is a differing score.
 *
 * Every evaluated node costs one step, every pass of a loop eight more, every item of a new list and
 * every 256 units of a new string one more. The budget counts work, not time, so that the same row
 * fails or passes everywhere.
 */
export class TemplateInterpreter extends Interpreter {
  #stepsLeft: number;
  readonly #budget: number;
  readonly #iterables = new Set<unknown>();
  readonly #loops: Loop[] = [];

  /**
   * @param environment Variables of the template.
   * @param budget Steps that one rendering may take.
   */
  constructor(environment: Environment, budget: number) {
    super(environment);
    this.#budget = budget;
    this.#stepsLeft = budget;
    (this as unknown as Internals).evaluateBlock = (statements, scope) =>
      this.#evaluateBlock(statements, scope);
  }

  /**
   * Evaluates one node of the template.
   *
   * @throws {TemplateBudgetError} When the budget is spent or a string grows over 32 Mi units.
   */
  override evaluate(node: Node, scope: Scope): Value {
    this.#spend(1);
    const syntax = node as unknown as Syntax | undefined;
    if (syntax?.type === "Break" || syntax?.type === "Continue") {
      throw new LoopControl(syntax.type);
    }
    const value = syntax?.type === "For"
      ? this.#evaluateLoop(syntax, () => super.evaluate(node, scope))
      : this.#evaluateStrip(syntax, scope) ?? this.#evaluateEquality(syntax, scope) ??
        super.evaluate(node, scope);
    this.#charge(syntax, value);
    return value;
  }

  #evaluateLoop(syntax: Syntax, evaluate: () => Value): Value {
    this.#iterables.add(syntax.iterable?.lhs ?? syntax.iterable);
    this.#loops.push({ body: syntax.body, isBroken: false });
    try {
      return evaluate();
    } finally {
      this.#loops.pop();
    }
  }

  #evaluateBlock(statements: readonly Node[], scope: Scope): Value {
    const loop = this.#loops.at(-1);
    const isLoopBody = loop?.body === statements;
    if (isLoopBody && loop.isBroken) return runtimeValue("");
    let text = "";
    try {
      for (const statement of statements) {
        const value = this.evaluate(statement, scope);
        const isNothing = value.type === "NullValue" || value.type === "UndefinedValue";
        if (!isNothing) text += value.toString();
      }
    } catch (error) {
      if (!(error instanceof LoopControl)) throw error;
      error.partial = text + error.partial;
      if (!isLoopBody) throw error;
      loop.isBroken = error.kind === "Break";
      text = error.partial;
    }
    return runtimeValue(text);
  }

  #spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) {
      throw new TemplateBudgetError(
        `it took more than ${this.#budget.toLocaleString("en")} steps`,
      );
    }
  }

  #charge(syntax: Syntax | undefined, value: Value): void {
    if (value.type === "ArrayValue") {
      const { length } = value.value as readonly unknown[];
      if (this.#iterables.has(syntax)) this.#spend(stepsPerPass * length);
      else if (syntax?.type !== "Identifier") this.#spend(length);
    } else if (value.type === "StringValue" && syntax?.type !== "Identifier") {
      const length = (value.value as string).length;
      if (length > maxString) {
        throw new TemplateBudgetError(
          `it made a string of ${length.toLocaleString("en")} characters`,
        );
      }
      this.#spend(Math.floor(length / stringUnitsPerStep));
    }
  }

  /** Evaluates `x.strip(…)` and `x | trim(…)`; undefined for every other node. */
  #evaluateStrip(syntax: Syntax | undefined, scope: Scope): Value | undefined {
    const call = stripCall(syntax);
    if (call === undefined) return undefined;
    const subject = this.evaluate(call.subject as unknown as Node, scope);
    if (subject.type === "UndefinedValue") return runtimeValue("");
    if (subject.type !== "StringValue") {
      throw new Error(`${call.name}() needs a string: got ${subject.type}`);
    }
    const argument = call.args.length === 0
      ? undefined
      : this.evaluate(call.args[0] as unknown as Node, scope);
    const characters = argument?.type === "StringValue" ? argument.value as string : undefined;
    return runtimeValue(pythonStrip(subject.value as string, call.name, characters));
  }

  /** Evaluates `a == b` and `a != b`; undefined for every other node. */
  #evaluateEquality(syntax: Syntax | undefined, scope: Scope): Value | undefined {
    if (syntax?.type !== "BinaryExpression") return undefined;
    const operator = syntax.operator?.value;
    if (operator !== "==" && operator !== "!=") return undefined;
    const left = this.evaluate(syntax.left as unknown as Node, scope);
    const right = this.evaluate(syntax.right as unknown as Node, scope);
    return runtimeValue(pythonEquals(left, right) === (operator === "=="));
  }
}

const numberTypes = ["IntegerValue", "FloatValue", "BooleanValue"];

/** Python's `==`: numbers and booleans by value, lists by items, anything else of one type by value. */
function pythonEquals(left: Value, right: Value): boolean {
  if (numberTypes.includes(left.type) && numberTypes.includes(right.type)) {
    return Number(left.value) === Number(right.value);
  }
  if (left.type !== right.type) return false;
  if (left.type !== "ArrayValue") return left.value === right.value;
  const [items, others] = [left.value as readonly Value[], right.value as readonly Value[]];
  return items.length === others.length &&
    items.every((item, index) => pythonEquals(item, others[index]!));
}

type StripName = "strip" | "lstrip" | "rstrip";

function stripCall(
  syntax: Syntax | undefined,
): { name: StripName; subject: Syntax; args: readonly Syntax[] } | undefined {
  if (syntax?.type === "CallExpression" && syntax.callee?.type === "MemberExpression") {
    const { object, property, computed } = syntax.callee;
    const name = property?.value;
    if (computed === true || object === undefined) return undefined;
    if (name !== "strip" && name !== "lstrip" && name !== "rstrip") return undefined;
    return { name, subject: object, args: syntax.args ?? [] };
  }
  if (syntax?.type === "FilterExpression" && syntax.operand !== undefined) {
    const filter = syntax.filter;
    const isTrim = filter?.value === "trim" || filter?.callee?.value === "trim";
    if (isTrim) return { name: "strip", subject: syntax.operand, args: filter?.args ?? [] };
  }
  return undefined;
}

/**
 * Python's `str.strip`, `lstrip` and `rstrip`.
 *
 * @param text Text to strip.
 * @param name Which ends.
 * @param characters Set of characters to remove; whitespace as Python defines it when absent.
 * @returns The stripped text.
 */
export function pythonStrip(text: string, name: StripName, characters?: string): string {
  const isStripped = characters === undefined
    ? (character: string) => whiteSpace.test(character)
    : (character: string) => characters.includes(character);
  let start = 0;
  let end = text.length;
  if (name !== "rstrip") {
    while (start < end) {
      const character = String.fromCodePoint(text.codePointAt(start)!);
      if (!isStripped(character)) break;
      start += character.length;
    }
  }
  if (name !== "lstrip") {
    while (end > start) {
      const isPair = end - start >= 2 && text.charCodeAt(end - 1) >> 10 === 0x37 &&
        text.charCodeAt(end - 2) >> 10 === 0x36;
      const character = text.slice(end - (isPair ? 2 : 1), end);
      if (!isStripped(character)) break;
      end -= character.length;
    }
  }
  return text.slice(start, end);
}

const whiteSpace = new RegExp(`^[${pythonSpace}]$`);

/** The library does not export its value classes; an environment makes them. */
function runtimeValue(value: string | boolean): Value {
  return new Environment().set("value", value);
}
