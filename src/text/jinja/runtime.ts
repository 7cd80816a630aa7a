import type { Call, Value } from "./values.ts";
import type { Work } from "./work.ts";

/** What filters and tests need of the interpreter. */
export interface Runtime {
  readonly work: Work;
  /** Applies a filter by its name. */
  filter(name: string, value: Value, call: Call): Value;
  /** Applies a test by its name. */
  test(name: string, value: Value, call: Call): boolean;
}

/** A filter: `value | name(…)`. */
export type Filter = (value: Value, call: Call, runtime: Runtime) => Value;

/** A test: `value is name(…)`. */
export type Test = (value: Value, call: Call, runtime: Runtime) => boolean;
