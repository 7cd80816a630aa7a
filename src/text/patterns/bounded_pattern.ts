import { AssayError } from "../../error.ts";
import { parsePattern } from "./pattern_parser.ts";
import { compilePattern, type Step } from "./pattern_program.ts";

/** Where a pattern matches, `[start, end)` in UTF-16 units. */
export interface Match {
  readonly start: number;
  readonly end: number;
}

/** Steps that a search may take, for the text as a whole and for each of its units. */
const baseSteps = 1_000_000;
const stepsPerUnit = 400;
/** What may be known at a time, in bytes. */
const maxCells = 256 * 1024 * 1024;

/**
 * A regular expression that takes time in proportion to the text, with the matches that a
 * backtracking engine finds: what has failed at a place once is not tried there again.
 */
export class BoundedPattern {
  readonly #steps: readonly Step[];
  readonly #source: string;

  /**
   * @param source Source of a JavaScript regular expression with the flag `u`.
   * @throws {PatternError} When it needs more than that.
   */
  constructor(source: string) {
    this.#source = source;
    this.#steps = compilePattern(parsePattern(source));
  }

  /**
   * Finds all matches.
   *
   * @param text Text to search.
   * @returns Matches in order, as `String.prototype.matchAll` finds them.
   * @throws {AssayError} `text/pattern-runaway` when its many steps take more than their share.
   */
  *matches(text: string): Generator<Match> {
    const search = new Search(this.#steps, text, this.#source);
    let start = 0;
    while (start <= text.length) {
      const end = search.matchAt(start);
      if (end === undefined) {
        start = next(text, start);
        continue;
      }
      yield { start, end };
      search.forget(end);
      start = end > start ? end : next(text, start);
    }
  }
}

function next(text: string, place: number): number {
  return place + (text.codePointAt(place)! > 0xffff ? 2 : 1);
}

/** What is known of a step at a place. */
const failed = 1;
const matched = 2;

/** One pass over a text. */
class Search {
  /** By place, what became of each step; one that is being tried counts as failed. */
  readonly #known = new Map<number, Uint8Array>();
  /** Places before those, which a look behind has come to again. */
  readonly #behind: number[] = [];
  #forgotten = 0;
  #left: number;
  #cells = 0;

  constructor(
    private readonly steps: readonly Step[],
    private readonly text: string,
    private readonly source: string,
  ) {
    this.#left = baseSteps + stepsPerUnit * text.length;
  }

  /** The end of the match that begins at a place. */
  matchAt(place: number): number | undefined {
    this.forget(place - 1);
    const stack: number[] = [0, place];
    while (stack.length > 0) {
      const at = stack.pop()!;
      const step = stack.pop()!;
      const row = this.#row(at);
      if (row[step] !== 0) continue;
      row[step] = failed;
      if (this.steps[step]!.kind === "end") return at;
      for (const next of this.#after(step, at)) stack.push(next);
    }
    return undefined;
  }

  /** Drops what is known of the places up to the end of a match: some of it led there. */
  forget(end: number): void {
    for (const place of this.#behind) {
      if (this.#known.delete(place)) this.#cells -= this.steps.length;
    }
    this.#behind.length = 0;
    for (; this.#forgotten <= end; this.#forgotten++) {
      if (this.#known.delete(this.#forgotten)) this.#cells -= this.steps.length;
    }
  }

  #row(place: number): Uint8Array {
    if (--this.#left < 0) this.#stop();
    let row = this.#known.get(place);
    if (row === undefined) {
      this.#known.set(place, row = new Uint8Array(this.steps.length));
      if (place < this.#forgotten) this.#behind.push(place);
      this.#cells += this.steps.length;
      if (this.#cells > maxCells) this.#stop();
    }
    return row;
  }

  /** The steps to try after one, the last first, each with its place. */
  #after(step: number, place: number): readonly number[] {
    const instruction = this.steps[step]!;
    switch (instruction.kind) {
      case "jump":
        return [instruction.to, place];
      case "fork":
        return [instruction.second, place, instruction.first, place];
      case "one": {
        const code = this.text.codePointAt(place);
        if (code === undefined || !instruction.set.has(code)) return [];
        return [step + 1, place + (code > 0xffff ? 2 : 1)];
      }
      case "look": {
        const isThere = this.#look(step + 1, place, instruction.back);
        return isThere !== instruction.isNegated ? [instruction.to, place] : [];
      }
      default:
        return [];
    }
  }

  #look(first: number, place: number, back: number): boolean {
    let start = place;
    for (let count = 0; count < back; count++) {
      if (start === 0) return false;
      const isPair = start >= 2 && this.text.codePointAt(start - 2)! > 0xffff;
      start -= isPair ? 2 : 1;
    }
    // Each entry knows where it was come to from, so that what led to a match is remembered, too.
    const tried: { step: number; place: number; from: number }[] = [];
    const stack = [{ step: first, place: start, from: -1 }];
    while (stack.length > 0) {
      const entry = stack.pop()!;
      const row = this.#row(entry.place);
      const known = row[entry.step]!;
      if (known === failed) continue;
      const index = tried.push(entry) - 1;
      if (known === matched || this.steps[entry.step]!.kind === "end") {
        this.#remember(tried, index);
        return true;
      }
      row[entry.step] = failed;
      const after = this.#after(entry.step, entry.place);
      for (let next = 0; next < after.length; next += 2) {
        stack.push({ step: after[next]!, place: after[next + 1]!, from: index });
      }
    }
    return false;
  }

  #remember(tried: readonly { step: number; place: number; from: number }[], last: number): void {
    for (let index = last; index >= 0; index = tried[index]!.from) {
      const { step, place } = tried[index]!;
      const row = this.#row(place);
      if (row[step] === matched && index !== last) return;
      row[step] = matched;
    }
  }

  #stop(): never {
    throw new AssayError(
      "text/pattern-runaway",
      `Cannot tokenize: expected the pattern ${JSON.stringify(this.source.slice(0, 100))} of ` +
        `tokenizer.json to take at most ${stepsPerUnit} steps a character, found more on a text of ` +
        `${this.text.length}; look at the file, no published tokenizer needs as many`,
    );
  }
}
