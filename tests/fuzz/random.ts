import { seededRandom } from "../../src/numbers/seeded_random.ts";

/** Draws whatever a case needs from one seed. */
export class Random {
  readonly #next: () => number;

  /**
   * @param seed The run's seed.
   * @param number The case's number; each case has a stream of its own, so that it can be replayed.
   */
  constructor(seed: number, number: number) {
    this.#next = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
  }

  /** A whole number from 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor(this.#next() * end);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** Some of what `draw` gives, up to `most`; few more often than many. */
  some<T>(most: number, draw: () => T): T[] {
    const count = 1 + Math.floor(this.#next() ** 2 * most);
    return Array.from({ length: count }, draw);
  }

  /** A number from 0 to 1. */
  fraction(): number {
    return this.#next();
  }
}
