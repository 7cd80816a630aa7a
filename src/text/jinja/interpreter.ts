import { checkNamespaceName, Evaluator } from "./expressions.ts";
import { type Frame, Slots, type Variables } from "./frame.ts";
import { Loop } from "./loop.ts";
import { bindMacro, macroAttribute } from "./macro.ts";
import type {
  CallStatement,
  Expression,
  ForStatement,
  MacroStatement,
  Statement,
} from "./nodes.ts";
import { toText } from "./python_text.ts";
import {
  type LoopScopes,
  loopScopes,
  type MacroScope,
  macroScope,
  Scope,
  ScopeReader,
} from "./scopes.ts";
import { TextBuilder, type TextValue } from "./text_value.ts";
import {
  isTrue,
  iterate,
  IteratorValue,
  NamespaceValue,
  ObjectValue,
  UndefinedValue,
  type Value,
} from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

/** What ends a loop's pass early. */
type Signal = "break" | "continue" | undefined;

/**
 * Runs a parsed template as Jinja does in `transformers`' sandbox.
 *
 * @param template Its statements.
 * @param variables What names at the top stand for.
 * @param work What it may do.
 * @returns What it wrote.
 * @throws {TemplateRuntimeError} Where Jinja refuses, and where it is not followed.
 * @throws {TemplateBudgetError} When the work is spent.
 */
export function renderTemplate(
  template: readonly Statement[],
  variables: Variables,
  work: Work,
): TextValue {
  return new Interpreter(work, variables).render(template);
}

class Interpreter extends Evaluator {
  readonly #loops = new WeakMap<ForStatement, LoopScopes>();
  readonly #macros = new WeakMap<object, MacroScope>();
  readonly #blocks = new WeakMap<object, Scope>();

  constructor(work: Work, variables: Variables) {
    super(work, variables);
  }

  render(template: readonly Statement[]): TextValue {
    const scope = new Scope();
    new ScopeReader(scope, this.work).body(template);
    const frame = { scope, slots: new Slots(), out: new TextBuilder(), isTop: true };
    this.#enter(frame);
    this.#run(template, frame);
    return frame.out.build();
  }

  #enter({ scope, slots }: Frame): void {
    for (const [slot, load] of scope.loads) {
      this.work.spend(1);
      if (load.from === "nothing") slots.set(slot, undefined);
      else if (load.from === "outer") slots.set(slot, slots.get(load.slot));
      else if (load.from === "context") slots.set(slot, this.variables.get(load.name));
    }
  }

  #leave({ scope, slots }: Frame): void {
    for (const slot of scope.loads.keys()) slots.set(slot, undefined);
  }

  #run(statements: readonly Statement[], frame: Frame): Signal {
    for (const statement of statements) {
      this.work.spend(1);
      const signal = this.#statement(statement, frame);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  #statement(statement: Statement, frame: Frame): Signal {
    switch (statement.kind) {
      case "output":
        for (const part of statement.parts) {
          this.#write(
            typeof part === "string" ? part : toText(this.evaluateOutput(part, frame), this.work),
            frame,
          );
        }
        return undefined;
      case "for":
        return this.#for(statement, frame);
      case "if":
        return this.#if(statement, frame);
      case "macro":
        this.#assign(
          { kind: "name", name: statement.name },
          this.#macro(statement, statement.name, frame),
          frame,
        );
        return undefined;
      case "set":
        this.#set(statement.target, statement.value, frame);
        return undefined;
      case "break":
      case "continue":
        return statement.kind;
      default:
        return this.#block(statement, frame);
    }
  }

  #block(
    statement: Exclude<Statement, { kind: "output" | "for" | "if" | "macro" | "set" }>,
    frame: Frame,
  ): Signal {
    switch (statement.kind) {
      case "call-block":
        this.#callBlock(statement, frame);
        return undefined;
      case "generation": {
        const signature = { names: [], defaults: [] };
        const body = { kind: "call-block" as const, signature, body: statement.body };
        const caller = this.#macro({ ...body, key: statement }, "caller", frame);
        this.#write(toText(this.call(caller, { args: [], named: new Map() }), this.work), frame);
        return undefined;
      }
      case "filter-block": {
        const inner = this.#inner(frame, statement, (reader) => {
          reader.body(statement.body).reads(statement.filter);
        });
        const signal = this.#run(statement.body, inner);
        if (signal !== undefined) return signal;
        const text = inner.out.build();
        this.#write(toText(this.#filtered(statement.filter, inner, text), this.work), frame);
        this.#leave(inner);
        return undefined;
      }
      case "set-block": {
        const inner = this.#inner(frame, statement, (reader) => reader.body(statement.body));
        const signal = this.#run(statement.body, inner);
        if (signal !== undefined) return signal;
        const text = inner.out.build();
        const value = statement.filter === undefined
          ? text
          : this.#filtered(statement.filter, inner, text);
        this.#checkNamespaces(statement.target, frame);
        this.#assign(statement.target, value, frame);
        this.#leave(inner);
        return undefined;
      }
      case "with":
        return this.#with(statement, frame);
      default:
        return undefined;
    }
  }

  #filtered(filter: Expression, frame: Frame, text: Value): Value {
    if (filter.kind !== "filter") throw new TemplateRuntimeError("a block has no filter");
    return this.applyFilter(filter, frame, text);
  }

  /** A frame for a block, entered, with an output of its own. */
  #inner(frame: Frame, node: object, read: (reader: ScopeReader) => void): Frame {
    let scope = this.#blocks.get(node);
    if (scope === undefined) {
      scope = new Scope(frame.scope);
      read(new ScopeReader(scope, this.work));
      this.#blocks.set(node, scope);
    }
    const inner = { scope, slots: frame.slots, out: new TextBuilder(), isTop: false };
    this.#enter(inner);
    return inner;
  }

  #with(statement: Extract<Statement, { kind: "with" }>, frame: Frame): Signal {
    const inner = {
      ...this.#inner(frame, statement, (reader) => {
        for (const target of statement.targets) reader.parameters(target);
        reader.body(statement.body);
      }),
      out: frame.out,
    };
    statement.targets.forEach((target, index) => {
      this.#assign(target, this.evaluate(statement.values[index]!, frame), inner);
    });
    const signal = this.#run(statement.body, inner);
    this.#leave(inner);
    return signal;
  }

  #write(text: TextValue | string, { out }: Frame): void {
    out.add(text);
    this.work.touch(typeof text === "string" ? text.length : text.text.length);
    this.work.touch(out.length / 1024);
  }

  #if({ branches, otherwise }: Extract<Statement, { kind: "if" }>, frame: Frame): Signal {
    for (const [test, body] of branches) {
      if (isTrue(this.evaluate(test, frame))) return this.#run(body, frame);
    }
    return this.#run(otherwise, frame);
  }

  #set(target: Expression, value: Expression, frame: Frame): void {
    this.#checkNamespaces(target, frame);
    this.#assign(target, this.evaluate(value, frame), frame);
  }

  #checkNamespaces(target: Expression, frame: Frame): void {
    if (target.kind === "tuple") {
      for (const item of target.items) this.#checkNamespaces(item, frame);
    } else if (target.kind === "namespace") {
      const holder = this.evaluate({ kind: "name", name: target.name }, frame);
      if (!(holder instanceof NamespaceValue)) {
        throw new TemplateRuntimeError("cannot assign attribute on non-namespace object");
      }
    }
  }

  #assign(target: Expression, value: Value, frame: Frame): void {
    if (target.kind === "name") {
      frame.slots.set(frame.scope.slotOf(target.name)!, value);
      if (frame.isTop) this.variables.set(target.name, value);
    } else if (target.kind === "namespace") {
      checkNamespaceName(target.attribute);
      const holder = this.evaluate({ kind: "name", name: target.name }, frame);
      (holder as NamespaceValue).attributes.set(target.attribute, value);
    } else if (target.kind === "tuple") {
      if (value instanceof UndefinedValue && target.items.length > 0) value.fail();
      const items = [...iterate(value, this.work)];
      if (items.length !== target.items.length) {
        throw new TemplateRuntimeError(
          `expected ${target.items.length} values to unpack, found ${items.length}`,
        );
      }
      target.items.forEach((item, index) => this.#assign(item, items[index]!, frame));
    }
  }

  #for(node: ForStatement, frame: Frame): Signal {
    let scopes = this.#loops.get(node);
    if (scopes === undefined) {
      this.#loops.set(node, scopes = loopScopes(node, frame.scope, this.work));
    }
    const found = scopes;
    const items = this.evaluate(node.iterable, frame);
    if (!node.isRecursive) return this.#loop(node, found, items, frame, 0);
    const recurse = (others: Value, depth: number): Value => {
      this.work.spend(1);
      const inner = { ...frame, slots: new Slots(frame.slots), out: new TextBuilder() };
      this.#loop(node, found, others, inner, depth, recurse);
      return inner.out.build();
    };
    this.#write(toText(recurse(items, 0), this.work), frame);
    return undefined;
  }

  #loop(
    node: ForStatement,
    scopes: LoopScopes,
    items: Value,
    frame: Frame,
    depth: number,
    recurse?: (items: Value, depth: number) => Value,
  ): Signal {
    const passed = node.test === undefined ? items : this.#tested(node, scopes, items, frame);
    const loop = new Loop(passed, depth, recurse, this.work);
    const inner = { ...frame, scope: scopes.body, isTop: false };
    const loopSlot = scopes.hasLoop ? scopes.body.slotOf("loop") : undefined;
    let isEmpty = true;
    for (let item = loop.next(); item !== undefined; item = loop.next()) {
      this.work.spend(2);
      this.#assign(node.target, item, inner);
      if (loopSlot !== undefined) inner.slots.set(loopSlot, loop.value);
      this.#enter(inner);
      const signal = this.#run(node.body, inner);
      // As in Jinja, a pass that is cut short by `continue` does not count for `else`.
      if (signal === "break") break;
      if (signal === undefined) isEmpty = false;
    }
    this.#leave(inner);
    if (!isEmpty || node.otherwise.length === 0) return undefined;
    const otherwise = { ...frame, scope: scopes.otherwise, isTop: false };
    this.#enter(otherwise);
    const signal = this.#run(node.otherwise, otherwise);
    this.#leave(otherwise);
    return signal;
  }

  /** The items that pass a loop's own `if`, found as the loop comes to them. */
  #tested(node: ForStatement, scopes: LoopScopes, items: Value, frame: Frame): Value {
    const inner = { ...frame, scope: scopes.test, slots: new Slots(frame.slots), isTop: false };
    const { work } = this;
    const passes = (item: Value) => {
      this.#assign(node.target, item, inner);
      return isTrue(this.evaluate(node.test!, inner));
    };
    const source = iterate(items, work);
    this.#enter(inner);
    return new IteratorValue((function* () {
      for (const item of source) if (passes(item)) yield item;
    })());
  }

  #macro(
    node: Pick<MacroStatement | CallStatement, "signature" | "body"> & { key?: object },
    name: string,
    frame: Frame,
  ): ObjectValue {
    const key = node.key ?? node;
    let found = this.#macros.get(key);
    if (found === undefined) {
      this.#macros.set(key, found = macroScope(node, frame.scope, this.work));
    }
    const { scope, special } = found;
    const { names, defaults } = node.signature;
    const run = (values: ReadonlyMap<string, Value>): Value => {
      const out = new TextBuilder();
      const inner = { scope, slots: new Slots(frame.slots), out, isTop: false };
      for (const [parameter, value] of values) inner.slots.set(scope.slotOf(parameter)!, value);
      for (const parameter of names) {
        if (!values.has(parameter)) inner.slots.set(scope.slotOf(parameter)!, undefined);
      }
      this.#enter(inner);
      names.forEach((parameter, index) => {
        if (values.has(parameter)) return;
        const standard = defaults[index - names.length + defaults.length];
        if (standard !== undefined) {
          inner.slots.set(scope.slotOf(parameter)!, this.evaluate(standard, inner));
        }
      });
      this.#run(node.body, inner);
      return out.build();
    };
    return new ObjectValue(
      "Macro",
      (attribute) => macroAttribute(attribute, name, names, special),
      (call) => run(bindMacro(name, names, special, call)),
      "key" in node || !("name" in node) ? "<Macro anonymous>" : `<Macro '${name}'>`,
    );
  }

  #callBlock(statement: CallStatement, frame: Frame): void {
    if (statement.call.kind !== "call") {
      throw new TemplateRuntimeError("a call block calls nothing");
    }
    const caller = this.#macro(statement, "caller", frame);
    const value = this.callWith(statement.call, frame, "caller", caller);
    this.#write(toText(value, this.work), frame);
  }
}
