import { bind } from "./arguments.ts";
import { filterNamed } from "./filters.ts";
import type { Frame, Variables } from "./frame.ts";
import type { CallSyntax, Expression } from "./nodes.ts";
import { numberOf } from "./numbers.ts";
import { arithmetic, compare, refuseSafe } from "./operators.ts";
import { percentFormat } from "./percent_format.ts";
import { toText } from "./python_text.ts";
import type { Runtime } from "./runtime.ts";
import { attributeOf, itemOf, sliceOf } from "./subscripts.ts";
import { testNamed } from "./tests.ts";
import { SafeText, TextBuilder, TextValue } from "./text_value.ts";
import {
  type Call,
  DictValue,
  FunctionValue,
  given,
  isTrue,
  iterate,
  ListValue,
  NamespaceValue,
  ObjectValue,
  SliceValue,
  TupleValue,
  typeName,
  UndefinedValue,
  type Value,
} from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

/** Steps of a call beside those of what it calls. */
const callSteps = 4;

/** Evaluates expressions. */
export class Evaluator implements Runtime {
  readonly #constants = new WeakMap<Expression, boolean>();
  #isFolding = false;

  /**
   * @param work Where everything is charged.
   * @param variables What names at the top stand for.
   */
  constructor(readonly work: Work, protected readonly variables: Variables) {}

  /**
   * Evaluates what is printed. An expression without names is one that Jinja works out when it
   * compiles the template; there it looks a slice up like any other key.
   */
  protected evaluateOutput(node: Expression, frame: Frame): Value {
    let isConstant = this.#constants.get(node);
    if (isConstant === undefined) this.#constants.set(node, isConstant = !hasNames(node));
    this.#isFolding = isConstant;
    try {
      return this.evaluate(node, frame);
    } finally {
      this.#isFolding = false;
    }
  }

  /** Evaluates an expression. */
  protected evaluate(node: Expression, frame: Frame): Value {
    this.work.spend(1);
    switch (node.kind) {
      case "text":
        return new TextValue(node.value);
      case "integer":
      case "float":
      case "constant":
        return node.value;
      case "name":
        return this.#name(node.name, frame);
      case "list":
        return new ListValue(node.items.map((item) => this.evaluate(item, frame)));
      case "tuple":
        return new TupleValue(node.items.map((item) => this.evaluate(item, frame)));
      case "dict":
        return new DictValue(
          node.pairs.map(([key, value]) =>
            [this.evaluate(key, frame), this.evaluate(value, frame)] as const
          ),
        );
      case "attribute":
        return attributeOf(this.evaluate(node.of, frame), node.name, this.work);
      case "item":
        return this.#item(node.of, node.key, frame);
      case "slice":
        return this.#slice(node, frame);
      case "call":
        return this.#callNode(node.of, node.call, frame);
      case "filter":
        return this.applyFilter(node, frame);
      case "test":
        return this.test(
          node.name,
          this.evaluate(node.of, frame),
          this.#arguments(node.call, frame),
        );
      default:
        return this.#operation(node, frame);
    }
  }

  #operation(
    node: Extract<
      Expression,
      {
        kind:
          | "condition"
          | "and"
          | "or"
          | "not"
          | "negative"
          | "positive"
          | "concat"
          | "arithmetic"
          | "compare"
          | "namespace";
      }
    >,
    frame: Frame,
  ): Value {
    switch (node.kind) {
      case "condition":
        if (isTrue(this.evaluate(node.test, frame))) return this.evaluate(node.then, frame);
        return node.otherwise === undefined
          ? new UndefinedValue("the inline if-expression evaluated to false and has no else")
          : this.evaluate(node.otherwise, frame);
      case "and":
      case "or": {
        const left = this.evaluate(node.left, frame);
        return isTrue(left) === (node.kind === "and") ? this.evaluate(node.right, frame) : left;
      }
      case "not":
        return !isTrue(this.evaluate(node.of, frame));
      case "negative":
      case "positive":
        return signed(this.evaluate(node.of, frame), node.kind === "negative");
      case "concat":
        return this.#concat(node.parts, frame);
      case "arithmetic": {
        const left = this.evaluate(node.left, frame);
        const right = this.evaluate(node.right, frame);
        if (node.operator !== "%" || !(left instanceof TextValue)) {
          return arithmetic(node.operator, left, right, this.work);
        }
        refuseSafe(left);
        return percentFormat(left, right, this.work);
      }
      case "compare":
        return this.#compare(node.first, node.rest, frame);
      default:
        throw new TemplateRuntimeError("a namespace's attribute stands where a value should");
    }
  }

  #name(name: string, frame: Frame): Value {
    const slot = frame.scope.slotOf(name);
    const value = slot === undefined ? this.variables.get(name) : frame.slots.get(slot);
    return given(value, new UndefinedValue(`'${name}' is undefined`));
  }

  #item(of: Expression, key: Expression, frame: Frame): Value {
    const value = this.evaluate(of, frame);
    const item = this.evaluate(key, frame);
    return item instanceof SliceValue && !this.#isFolding
      ? sliceOf(value, item, this.work)
      : itemOf(value, item, this.work);
  }

  #slice(node: Extract<Expression, { kind: "slice" }>, frame: Frame): SliceValue {
    const part = (bound: Expression | undefined) =>
      bound === undefined ? null : this.evaluate(bound, frame);
    return new SliceValue(part(node.start), part(node.stop), part(node.step));
  }

  #concat(parts: readonly Expression[], frame: Frame): TextValue {
    const builder = new TextBuilder();
    for (const part of parts) builder.add(toText(this.evaluate(part, frame), this.work));
    this.work.touch(builder.length);
    return builder.build();
  }

  #compare(
    first: Expression,
    rest: readonly (readonly [string, Expression])[],
    frame: Frame,
  ): boolean {
    let left = this.evaluate(first, frame);
    for (const [operator, operand] of rest) {
      const right = this.evaluate(operand, frame);
      if (!compare(operator, left, right, this.work)) return false;
      left = right;
    }
    return true;
  }

  #callNode(of: Expression, syntax: CallSyntax, frame: Frame): Value {
    return this.call(this.evaluate(of, frame), this.#arguments(syntax, frame));
  }

  /** Evaluates a call with one more argument by name. */
  protected callWith(
    node: Extract<Expression, { kind: "call" }>,
    frame: Frame,
    name: string,
    value: Value,
  ): Value {
    const called = this.evaluate(node.of, frame);
    const { args, named } = this.#arguments(node.call, frame);
    return this.call(called, { args, named: new Map([...named, [name, value]]) });
  }

  /** Calls a value. */
  protected call(value: Value, call: Call): Value {
    this.work.spend(callSteps);
    if (value instanceof UndefinedValue) value.fail();
    const isCallable = value instanceof FunctionValue || value instanceof ObjectValue;
    if (!isCallable || value.call === undefined) {
      throw new TemplateRuntimeError(`'${typeName(value)}' object is not callable`);
    }
    return this.work.deeper(() => value.call!(call, this.work));
  }

  #arguments(syntax: CallSyntax, frame: Frame): Call {
    const args = syntax.args.map((arg) => this.evaluate(arg, frame));
    const named = new Map<string, Value>();
    for (const [name, value] of syntax.named) {
      if (named.has(name)) throw new TemplateRuntimeError(`keyword argument repeated: ${name}`);
      named.set(name, this.evaluate(value, frame));
    }
    if (syntax.moreArgs !== undefined) {
      args.push(...iterate(this.evaluate(syntax.moreArgs, frame), this.work));
    }
    if (syntax.moreNamed !== undefined) {
      const more = this.evaluate(syntax.moreNamed, frame);
      if (!(more instanceof DictValue)) {
        throw new TemplateRuntimeError("argument after ** must be a mapping");
      }
      for (const [key, value] of more.entries()) {
        if (!(key instanceof TextValue) || named.has(key.text)) {
          throw new TemplateRuntimeError("keywords must be strings, each given once");
        }
        named.set(key.text, value);
      }
    }
    return { args, named };
  }

  /** Applies a filter node; the value stands in for what a block filters. */
  protected applyFilter(
    node: Extract<Expression, { kind: "filter" }>,
    frame: Frame,
    blockText?: Value,
  ): Value {
    let value: Value;
    if (node.of === undefined) value = blockText!;
    else if (node.of.kind === "filter") value = this.applyFilter(node.of, frame, blockText);
    else value = this.evaluate(node.of, frame);
    return this.filter(node.name, value, this.#arguments(node.call, frame));
  }

  /** Applies a filter by its name. */
  filter(name: string, value: Value, call: Call): Value {
    const filter = filterNamed(name);
    if (filter === undefined) throw new TemplateRuntimeError(`No filter named '${name}'.`);
    this.work.spend(callSteps);
    const result = filter(value, call, this);
    const staysMarked = value instanceof SafeText && result instanceof TextValue &&
      markKeepers.includes(name);
    return staysMarked ? SafeText.of(result) : result;
  }

  /** Applies a test by its name. */
  test(name: string, value: Value, call: Call): boolean {
    const test = testNamed(name);
    if (test === undefined) throw new TemplateRuntimeError(`No test named '${name}'.`);
    this.work.spend(callSteps);
    return test(value, call, this);
  }
}

/** Filters whose text is marked as safe where what they are given is. */
const markKeepers = [
  "capitalize",
  "center",
  "indent",
  "lower",
  "reverse",
  "trim",
  "truncate",
  "upper",
];

/** Filters that ask for the template's variables, so that Jinja never applies them beforehand. */
const lateFilters = ["map", "select", "reject", "selectattr", "rejectattr"];

function hasNames(node: object): boolean {
  if ("kind" in node) {
    if (node.kind === "name" || node.kind === "call") return true;
    if (node.kind === "filter" && "name" in node && lateFilters.includes(String(node.name))) {
      return true;
    }
  }
  return Object.values(node).some((value: unknown) =>
    typeof value === "object" && value !== null && hasNames(value)
  );
}

function signed(value: Value, isNegative: boolean): Value {
  const number = numberOf(value);
  if (number !== undefined) return isNegative ? -number : number;
  if (value instanceof UndefinedValue) value.fail();
  throw new TemplateRuntimeError(`bad operand type for unary sign: '${typeName(value)}'`);
}

/** Makes a namespace of the arguments of `namespace(…)`. */
export function makeNamespace(call: Call, work: Work): NamespaceValue {
  const namespace = new NamespaceValue();
  for (const [key, value] of dictOf(call, work).entries()) {
    const { text } = toText(key, work);
    checkNamespaceName(text);
    namespace.attributes.set(text, value);
  }
  return namespace;
}

/** Refuses what `transformers` does not let a namespace hold. */
export function checkNamespaceName(name: string): void {
  if (name.startsWith("_")) {
    throw new TemplateRuntimeError(`a namespace cannot hold '${name}', which begins with "_"`);
  }
}

/** Python's `dict(…)`. */
export function dictOf({ args, named }: Call, work: Work): DictValue {
  const [source] = bind("dict", "/source?", { args, named: new Map() });
  const dict = new DictValue();
  if (source instanceof UndefinedValue) source.fail();
  if (source instanceof DictValue) {
    work.spend(source.size);
    for (const [key, value] of source.entries()) dict.set(key, value);
  } else if (source !== undefined) {
    for (const pair of iterate(source, work)) {
      const [key, value, ...more] = iterate(pair, work);
      if (key === undefined || value === undefined || more.length > 0) {
        throw new TemplateRuntimeError("dictionary update sequence element has not length 2");
      }
      dict.set(key, value);
    }
  }
  for (const [name, value] of named) dict.set(new TextValue(name), value);
  return dict;
}
