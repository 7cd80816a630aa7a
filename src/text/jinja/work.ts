/** Thrown when a template spends its budget; its message says what it spent it on. */
export class TemplateBudgetError extends Error {
  override readonly name = "TemplateBudgetError";
}

/** Thrown where Jinja or Python refuses what a template does. */
export class TemplateRuntimeError extends Error {
  override readonly name = "TemplateRuntimeError";
}

/** Thrown where a template does what this interpreter does not follow; it may be right elsewhere. */
export class TemplateUnsupportedError extends TemplateRuntimeError {}

/** Longest string that a template may make, in UTF-16 units. */
const maxString = 32 * 1024 * 1024;
/** Units of a string that are touched for one step. */
const unitsPerStep = 64;
/** Deepest nesting of calls, blocks and values. */
const maxDepth = 160;

/**
 * What a rendering may still do. Everything charges what it touches: a node one step, an item one
 * step, 64 units of a string one step, so that no operation is cheaper than its work. It counts work,
 * not time, so that the same row fails or passes everywhere.
 */
export class Work {
  readonly #budget: number;
  #left: number;
  #depth = 0;

  /** @param budget Steps that one rendering may take. */
  constructor(budget: number) {
    this.#budget = budget;
    this.#left = budget;
  }

  /** Charges a number of steps. */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) {
      throw new TemplateBudgetError(
        `it took more than ${this.#budget.toLocaleString("en")} steps`,
      );
    }
  }

  /** Charges for reading or writing a string of so many units. */
  touch(units: number): void {
    if (units > maxString) {
      throw new TemplateBudgetError(`it made a string of ${units.toLocaleString("en")} characters`);
    }
    this.spend(units / unitsPerStep);
  }

  /** Charges for looking for one text in another. */
  search(length: number, needle: number): void {
    this.touch(length);
    this.spend(needle > 32 ? Math.max(0, length - needle) * needle / 4096 : 0);
  }

  /** Runs something one level deeper. */
  deeper<T>(run: () => T): T {
    if (++this.#depth > maxDepth) {
      throw new TemplateBudgetError(`it nests calls or values more than ${maxDepth} deep`);
    }
    try {
      return run();
    } finally {
      this.#depth--;
    }
  }
}
