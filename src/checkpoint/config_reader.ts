import { AssayError } from "../error.ts";

/** Counts go into 32-bit numbers of the kernels; no model has more of anything. */
const largestCount = 2 ** 31 - 1;

/** Reads typed values from an untrusted `config.json`. */
export class ConfigReader {
  readonly #read = new Set<string>();

  /**
   * @param config The parsed JSON object.
   * @param name Where it comes from, for messages.
   */
  constructor(readonly config: Readonly<Record<string, unknown>>, readonly name: string) {}

  /** Keys that nothing has asked for. */
  unread(): string[] {
    return Object.keys(this.config).filter((key) => !this.#read.has(key));
  }

  /** The value of `key`, `null` counting as absent. */
  value(key: string): unknown {
    this.#read.add(key);
    return this.config[key] ?? undefined;
  }

  /**
   * A positive whole number; `fallback` where it is absent, an error where there is none.
   *
   * @param most The largest that can be meant, for a count that something is made by.
   */
  count(key: string, fallback?: number, most = largestCount): number {
    const value = this.value(key) ?? fallback;
    const isCount = Number.isSafeInteger(value) && (value as number) > 0;
    if (isCount && (value as number) <= most) return value as number;
    const expected = isCount ? `at most ${most}` : "a positive whole number";
    throw this.unexpected(key, expected, value);
  }

  /** A positive number that a 32-bit float holds, as everything is computed in those. */
  positive(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === "number" && value > 0 && value < Infinity) {
      const rounded = Math.fround(value);
      if (rounded > 0 && rounded < Infinity) return value;
      throw this.unexpected(key, "a positive number that a 32-bit float holds", value);
    }
    throw this.unexpected(key, "a positive number", value);
  }

  /** True or false. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.unexpected(key, "true or false", value);
  }

  /** A string. */
  text(key: string, fallback?: string): string {
    const value = this.value(key) ?? fallback;
    if (typeof value === "string") return value;
    throw this.unexpected(key, "a string", value);
  }

  /** A list of strings, or `undefined` where it is absent. */
  texts(key: string): readonly string[] | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw this.unexpected(key, "a list of strings", value);
  }

  /** A nested object, or `undefined` where it is absent. */
  section(key: string): ConfigReader | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (typeof value === "object" && !Array.isArray(value)) {
      return new ConfigReader(value as Record<string, unknown>, `${this.name}, "${key}"`);
    }
    throw this.unexpected(key, "an object", value);
  }

  /** The error of a value that is not what it should be. */
  unexpected(key: string, expected: string, found: unknown): AssayError {
    return new AssayError(
      "checkpoint/bad-config",
      `Cannot read ${this.name}: expected "${key}" to be ${expected}, found ${
        found === undefined ? "nothing" : JSON.stringify(found)?.slice(0, 100)
      }`,
    );
  }
}
