import type { Random } from "./random.ts";

/** Something that reads what it does not trust. */
export interface FuzzTarget {
  /** How `deno task fuzz NAME` calls it. */
  readonly name: string;
  /** How many cases the gate runs. */
  readonly gateCases: number;
  /** Draws a case and prepares to run it. */
  draw(random: Random): FuzzCase;
}

/** One input. */
export interface FuzzCase {
  /** What is tried, short enough to print. */
  readonly what: string;
  /** The input, for whoever replays the case. */
  readonly input: unknown;
  /**
   * Runs the case.
   *
   * @returns A word for the outcome where the input is accepted.
   * @throws {AssayError} Where the input is refused; anything else that is thrown is a finding.
   */
  run(): Promise<string> | string;
}
