import { stringifyJson } from "../../data/json_text.ts";
import type { Row } from "../../data/rows.ts";
import { fingerprint } from "../../numbers/fingerprint.ts";
import { ownValue } from "../../own_value.ts";

/**
 * Numbers rows by their prompt, from 0: rows of one prompt are not independent of each other, so that a
 * bootstrap draws them together. A prompt stands in the column `prompt`, or is what comes before the
 * last message of `messages` or `chosen`; a row that has none is alone.
 *
 * Prompts are told apart by a hash of 32 bits and their length, so that they need not be kept: a clash,
 * of which some thousand prompts have none, draws two prompts together and makes an interval no smaller.
 */
export class PromptClusters {
  readonly #column: string;
  readonly #numbers = new Map<string, number>();
  #count = 0;
  #alone = 0;

  /** @param column The column of the prompt; `prompt` by default. */
  constructor(column = "prompt") {
    this.#column = column;
  }

  /** The number of a row's cluster. */
  of(row: Row): number {
    const text = this.#promptOf(row);
    if (text === undefined) {
      this.#alone++;
      return this.#count++;
    }
    const key = `${text.length}:${fingerprint(text)}`;
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, number = this.#count++);
    return number;
  }

  /** How many clusters there are. */
  get count(): number {
    return this.#count;
  }

  /** How many of them are rows that do not tell their prompt. */
  get alone(): number {
    return this.#alone;
  }

  #promptOf(row: Row): string | undefined {
    const prompt = ownValue(row, this.#column);
    if (typeof prompt === "string") return prompt;
    if (typeof prompt === "object" && prompt !== null) return stringifyJson(prompt);
    for (const name of ["messages", "chosen"]) {
      const list = ownValue(row, name);
      if (Array.isArray(list) && list.length > 1) return stringifyJson(list.slice(0, -1));
    }
    return undefined;
  }
}
