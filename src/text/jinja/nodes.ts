/** An expression of a template. */
export type Expression =
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "constant"; readonly value: boolean | null }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "namespace"; readonly name: string; readonly attribute: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly pairs: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "item"; readonly of: Expression; readonly key: Expression }
  | {
    readonly kind: "slice";
    readonly start: Expression | undefined;
    readonly stop: Expression | undefined;
    readonly step: Expression | undefined;
  }
  | { readonly kind: "call"; readonly of: Expression; readonly call: CallSyntax }
  | {
    readonly kind: "filter";
    /** What is filtered; absent where a block's text is. */
    readonly of: Expression | undefined;
    readonly name: string;
    readonly call: CallSyntax;
  }
  | {
    readonly kind: "test";
    readonly of: Expression;
    readonly name: string;
    readonly call: CallSyntax;
  }
  | {
    readonly kind: "condition";
    readonly test: Expression;
    readonly then: Expression;
    readonly otherwise: Expression | undefined;
  }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not" | "negative" | "positive"; readonly of: Expression }
  | { readonly kind: "concat"; readonly parts: readonly Expression[] }
  | {
    readonly kind: "arithmetic";
    readonly operator: string;
    readonly left: Expression;
    readonly right: Expression;
  }
  | {
    readonly kind: "compare";
    readonly first: Expression;
    readonly rest: readonly (readonly [operator: string, operand: Expression])[];
  };

/** The arguments of a call as they are written. */
export interface CallSyntax {
  readonly args: readonly Expression[];
  readonly named: readonly (readonly [name: string, value: Expression])[];
  readonly moreArgs: Expression | undefined;
  readonly moreNamed: Expression | undefined;
}

/** Parameters of a macro or a call block; the last ones have defaults. */
export interface Signature {
  readonly names: readonly string[];
  readonly defaults: readonly Expression[];
}

/** A statement of a template. */
export type Statement =
  | { readonly kind: "output"; readonly parts: readonly (string | Expression)[] }
  | ForStatement
  | {
    readonly kind: "if";
    readonly branches: readonly (readonly [test: Expression, body: readonly Statement[]])[];
    readonly otherwise: readonly Statement[];
  }
  | MacroStatement
  | CallStatement
  | {
    readonly kind: "filter-block";
    readonly filter: Expression;
    readonly body: readonly Statement[];
  }
  | {
    readonly kind: "with";
    readonly targets: readonly Expression[];
    readonly values: readonly Expression[];
    readonly body: readonly Statement[];
  }
  | { readonly kind: "set"; readonly target: Expression; readonly value: Expression }
  | {
    readonly kind: "set-block";
    readonly target: Expression;
    readonly filter: Expression | undefined;
    readonly body: readonly Statement[];
  }
  | { readonly kind: "generation"; readonly body: readonly Statement[] }
  | { readonly kind: "break" | "continue" };

/** `{% for %}`. */
export interface ForStatement {
  readonly kind: "for";
  readonly target: Expression;
  readonly iterable: Expression;
  readonly test: Expression | undefined;
  readonly isRecursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}

/** `{% macro %}`. */
export interface MacroStatement {
  readonly kind: "macro";
  readonly name: string;
  readonly signature: Signature;
  readonly body: readonly Statement[];
}

/** `{% call %}`. */
export interface CallStatement {
  readonly kind: "call-block";
  readonly signature: Signature;
  readonly call: Expression;
  readonly body: readonly Statement[];
}
