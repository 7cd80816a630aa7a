import type { Expression, ForStatement, MacroStatement, Signature, Statement } from "./nodes.ts";
import type { Work } from "./work.ts";

/** Where a variable of a scope gets its value when the scope is entered. */
export type Load =
  | { readonly from: "parameter" }
  | { readonly from: "nothing" }
  | { readonly from: "context"; readonly name: string }
  | { readonly from: "outer"; readonly slot: string };

/**
 * Which slot each name of a scope stands for. Jinja decides this when it compiles a template: a name
 * that a loop's body sets is that pass's own, one that it only reads is the outer one.
 * Source: `Symbols` of Jinja 3.1.
 */
export class Scope {
  readonly #slots: Map<string, string>;
  readonly #stores: Set<string>;
  readonly #parent: Scope | undefined;
  readonly #level: number;
  /** What is loaded into each slot on entering. */
  readonly loads: Map<string, Load>;

  /** @param parent The scope around it; the rest is a copy's. */
  constructor(parent?: Scope, copied?: Scope) {
    this.#parent = parent;
    this.#level = parent === undefined ? 0 : parent.#level + 1;
    this.#slots = new Map(copied === undefined ? [] : copied.#slots);
    this.#stores = new Set(copied === undefined ? [] : copied.#stores);
    this.loads = new Map(copied?.loads);
  }

  /** The slot of a name here or further out. */
  slotOf(name: string): string | undefined {
    return this.#slots.get(name) ?? this.#parent?.slotOf(name);
  }

  /** Makes a name a parameter of this scope. */
  declare(name: string): void {
    this.#stores.add(name);
    this.#define(name, { from: "parameter" });
  }

  /** Says that the scope sets a name. */
  store(name: string): void {
    this.#stores.add(name);
    if (this.#slots.has(name)) return;
    const outer = this.#parent?.slotOf(name);
    this.#define(name, outer === undefined ? { from: "nothing" } : { from: "outer", slot: outer });
  }

  /** Says that the scope reads a name. */
  load(name: string): void {
    if (this.slotOf(name) === undefined) this.#define(name, { from: "context", name });
  }

  /** A copy, for one branch of an `if`. */
  copy(): Scope {
    return new Scope(this.#parent, this);
  }

  /** Takes over what the branches of an `if` do. */
  merge(branches: readonly Scope[]): void {
    const stored = new Set(branches.flatMap((branch) => [...branch.#stores]));
    const isNew = [...stored].filter((name) => !this.#stores.has(name)).sort();
    for (const branch of branches) {
      for (const [name, slot] of branch.#slots) this.#slots.set(name, slot);
      for (const [slot, load] of branch.loads) this.loads.set(slot, load);
      for (const name of branch.#stores) this.#stores.add(name);
    }
    for (const name of isNew) {
      const outer = this.#parent?.slotOf(name);
      this.loads.set(
        this.slotOf(name)!,
        outer === undefined ? { from: "context", name } : { from: "outer", slot: outer },
      );
    }
  }

  #define(name: string, load: Load): void {
    const slot = `${this.#level}:${name}`;
    this.#slots.set(name, slot);
    this.loads.set(slot, load);
  }
}

/** Records what statements of one scope read and set; scopes inside are theirs to look into. */
export class ScopeReader {
  /** @param scope The scope that is filled. @param work Where it is charged. */
  constructor(private scope: Scope, private readonly work: Work) {}

  /** Records statements. */
  body(statements: readonly Statement[]): this {
    for (const statement of statements) this.#statement(statement);
    return this;
  }

  /** Records the targets of a loop or a `with`. */
  parameters(target: Expression): this {
    this.#expression(target, "parameter");
    return this;
  }

  /** Records the parameters of a macro and their defaults. */
  signature({ names, defaults }: Signature): this {
    for (const name of names) this.scope.declare(name);
    for (const value of defaults) this.reads(value);
    return this;
  }

  /** Records what an expression reads. */
  reads(expression: Expression | undefined): this {
    if (expression !== undefined) this.#expression(expression, "read");
    return this;
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case "output":
        for (const part of statement.parts) if (typeof part !== "string") this.reads(part);
        return;
      case "for":
        this.reads(statement.iterable);
        return;
      case "if":
        return this.#if(statement.branches, statement.otherwise);
      case "macro":
        this.scope.store(statement.name);
        return;
      case "call-block":
        this.reads(statement.call);
        return;
      case "filter-block":
        this.reads(statement.filter);
        return;
      case "with":
        for (const value of statement.values) this.reads(value);
        return;
      case "set":
        this.reads(statement.value);
        this.#expression(statement.target, "set");
        return;
      case "set-block":
        this.#expression(statement.target, "set");
        return;
      default:
    }
  }

  #if(
    branches: readonly (readonly [Expression, readonly Statement[]])[],
    otherwise: readonly Statement[],
  ): void {
    const [first, ...elifs] = branches;
    this.reads(first![0]);
    const outer = this.scope;
    this.work.spend(1);
    const inBranch = (read: () => void) => {
      this.work.spend(outer.loads.size);
      const branch = this.scope = outer.copy();
      read();
      this.scope = outer;
      return branch;
    };
    outer.merge([
      inBranch(() => this.body(first![1])),
      inBranch(() => elifs.forEach((elif) => this.#if([elif], []))),
      inBranch(() => this.body(otherwise)),
    ]);
  }

  #expression(expression: Expression, use: "read" | "set" | "parameter"): void {
    if (expression.kind === "name") {
      if (use === "read") this.scope.load(expression.name);
      else if (use === "set") this.scope.store(expression.name);
      else this.scope.declare(expression.name);
    } else if (expression.kind === "namespace") this.scope.load(expression.name);
    else for (const child of childrenOf(expression)) this.#expression(child, use);
  }
}

/** The expressions directly inside an expression. */
function childrenOf(node: object): Expression[] {
  return Object.values(node).flatMap((value: unknown): Expression[] => {
    if (typeof value !== "object" || value === null) return [];
    return "kind" in value ? [value as Expression] : childrenOf(value);
  });
}

/** Whether a part of a template reads a name before it sets it. */
export function mentions(node: object, name: string): boolean {
  return look(node, name) === "read";
}

function look(node: object, name: string): "read" | "set" | undefined {
  if ("kind" in node) {
    if (node.kind === "name") {
      return (node as unknown as { name: string }).name === name ? "read" : undefined;
    }
    const own = ownNames(node as Statement, name);
    if (own !== undefined) return own;
  }
  for (const value of Object.values(node)) {
    if (typeof value !== "object" || value === null) continue;
    const found = look(value, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What a statement that sets names does to one. */
function ownNames(node: Statement, name: string): "read" | "set" | undefined {
  const isTarget = (target: Expression) => look(target, name) === "read";
  switch (node.kind) {
    case "set":
      if (isTarget(node.target)) return "set";
      return undefined;
    case "for":
    case "set-block":
      return isTarget(node.target) ? "set" : undefined;
    case "macro":
    case "call-block":
      return node.signature.names.includes(name) ? "set" : undefined;
    default:
      return undefined;
  }
}

/** The scopes of a loop: its body, its `if`, its `else`. */
export interface LoopScopes {
  readonly body: Scope;
  readonly test: Scope;
  readonly otherwise: Scope;
  /** Whether the body reads `loop`. */
  readonly hasLoop: boolean;
}

/** Builds the scopes of a loop. */
export function loopScopes(node: ForStatement, parent: Scope, work: Work): LoopScopes {
  const [body, test, otherwise] = [new Scope(parent), new Scope(parent), new Scope(parent)];
  const hasLoop = node.isRecursive || mentions(node.body, "loop");
  if (hasLoop) body.declare("loop");
  new ScopeReader(body, work).parameters(node.target).body(node.body);
  new ScopeReader(otherwise, work).body(node.otherwise);
  new ScopeReader(test, work).parameters(node.target).reads(node.test);
  return { body, test, otherwise, hasLoop };
}

/** The scope of a macro or a call block, and the special names that it takes. */
export interface MacroScope {
  readonly scope: Scope;
  readonly special: ReadonlySet<string>;
}

/** Builds the scope of a macro or a call block. */
export function macroScope(
  node: Pick<MacroStatement, "signature" | "body">,
  parent: Scope,
  work: Work,
): MacroScope {
  const scope = new Scope(parent);
  new ScopeReader(scope, work).signature(node.signature).body(node.body);
  const special = ["caller", "kwargs", "varargs"].filter((name) => mentions(node.body, name));
  for (const name of special) if (!node.signature.names.includes(name)) scope.declare(name);
  return { scope, special: new Set(special) };
}
