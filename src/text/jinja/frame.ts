import type { Scope } from "./scopes.ts";
import type { TextBuilder } from "./text_value.ts";
import type { Value } from "./values.ts";

/**
 * Variables of one run of the template, a macro or a recursive loop, by the slots of its scopes. A
 * slot that is not set here is one of the run around it.
 */
export class Slots {
  readonly #values = new Map<string, Value | undefined>();
  readonly #around: Slots | undefined;

  /** @param around The run around it. */
  constructor(around?: Slots) {
    this.#around = around;
  }

  /** The value of a slot; undefined where it has none. */
  get(slot: string): Value | undefined {
    return this.#values.has(slot) ? this.#values.get(slot) : this.#around?.get(slot);
  }

  /** Sets a slot, or empties it. */
  set(slot: string, value: Value | undefined): void {
    this.#values.set(slot, value);
  }
}

/** Where a statement runs. */
export interface Frame {
  readonly scope: Scope;
  readonly slots: Slots;
  /** Where its text goes. */
  readonly out: TextBuilder;
  /** Whether it stands outside of every loop, macro and block. */
  readonly isTop: boolean;
}

/** The variables that a template is rendered with, and those it has set at the top. */
export class Variables {
  readonly #values: Map<string, Value>;

  /** @param values The variables. */
  constructor(values: Iterable<readonly [string, Value]>) {
    this.#values = new Map(values);
  }

  /** A variable. */
  get(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** Sets a variable. */
  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}
