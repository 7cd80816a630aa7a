import type { DecodedArray, SchemaTree } from "hyparquet";
import { assembleLists } from "hyparquet/src/assemble.js";
import type { PageTexts } from "./parquet_texts.ts";

/** A data page, unpacked: levels, and the values that are not null. */
export interface LevelledPage {
  /** How deep each place is defined; empty where nothing may be null. */
  readonly definition: Uint8Array;
  /** Which list each place goes on with, 0 for a new row; empty where there are no lists. */
  readonly repetition: Uint8Array;
  /** How many places there are. */
  readonly count: number;
  readonly values: DecodedArray | PageTexts;
}

/**
 * The rows of a page, put together as they are taken. A page of a few bytes may hold the roles of
 * hundreds of thousands of messages, and each would be an array in an array.
 */
export class PageRows {
  /** How many rows begin in the page. */
  readonly starts: number;
  readonly #page: LevelledPage;
  readonly #path: SchemaTree[];
  readonly #deepest: number;
  /** The next place, and the next value. */
  #place = 0;
  #value = 0;

  /** @param deepest The definition level of a value that is not null. */
  constructor(page: LevelledPage, path: SchemaTree[], deepest: number) {
    this.#page = page;
    this.#path = path;
    this.#deepest = deepest;
    let starts = page.repetition.length === 0 ? page.count : 0;
    for (const level of page.repetition) if (level === 0) starts++;
    this.starts = starts;
  }

  /** How many places go on with the row before the page's first. */
  get continued(): number {
    const first = this.#page.repetition.indexOf(0);
    return first === -1 ? this.#page.repetition.length : first;
  }

  /** Adds the places that belong to the row before. */
  continue(open: unknown[]): void {
    if (this.continued > 0) this.#assemble(open, this.continued);
  }

  /** The next rows; not more than there are. */
  take(rows: number): unknown[] {
    const { repetition, count } = this.#page;
    let end = this.#place + (repetition.length === 0 ? rows : 1);
    if (repetition.length > 0) {
      for (let seen = 1; end < count; end++) if (repetition[end] === 0 && seen++ === rows) break;
    }
    return Array.from(this.#assemble([], end) as unknown[]);
  }

  /** Gives back the memory of a page that is no longer needed. */
  release(): void {
    if ("release" in this.#page.values) this.#page.values.release();
  }

  #assemble(output: unknown[], end: number): DecodedArray {
    const { definition, repetition, values } = this.#page;
    const place = this.#place;
    const levels = definition.subarray(place, end);
    let filled = 0;
    for (const level of levels) if (level === this.#deepest) filled++;
    if (definition.length === 0) filled = end - place;
    const some = values.slice(this.#value, this.#value + filled);
    this.#place = end;
    this.#value += filled;
    // Levels are read by their places only; arrays of bytes take an eighth of the memory.
    const [deep, lists] = [levels, repetition.subarray(place, end)] as unknown as number[][];
    return assembleLists(output, deep, lists!, some, this.#path);
  }
}
