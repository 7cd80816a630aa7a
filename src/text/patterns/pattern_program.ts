import { type Part, PatternError } from "./pattern_parser.ts";

/** A step of a pattern's program. */
export type Step =
  /** The next character must be one of a set. */
  | { readonly kind: "one"; readonly set: CharacterSet }
  /** Goes on at `first`; if that fails, at `second`. */
  | { kind: "fork"; first: number; second: number }
  | { kind: "jump"; to: number }
  /** Goes on if the steps from the next one on match here, or don't. */
  | { kind: "look"; to: number; back: number; readonly isNegated: boolean }
  | { readonly kind: "end" };

/** Most steps of a program; published patterns have less than 200. */
const maxSteps = 5_000;
/** Code points whose place in a set is remembered in a table. */
const tabled = 0x3000;

/** A set of characters, written as a class or an escape. */
export class CharacterSet {
  readonly #pattern: RegExp;
  readonly #table = new Uint8Array(tabled);

  /** @param source A class, an escape, a character. @param flags `i`, `s` or both. */
  constructor(source: string, flags: string) {
    this.#pattern = new RegExp(`^(?:${source})$`, `u${flags}`);
  }

  /** Whether a code point is in it. */
  has(code: number): boolean {
    if (code >= tabled) return this.#pattern.test(String.fromCodePoint(code));
    const known = this.#table[code]!;
    if (known !== 0) return known === 1;
    const isIn = this.#pattern.test(String.fromCodePoint(code));
    this.#table[code] = isIn ? 1 : 2;
    return isIn;
  }
}

/**
 * Makes a program of a pattern.
 *
 * @param part The pattern.
 * @returns Its steps; the first is where it begins.
 * @throws {PatternError} When it is too large, or looks back at something without a fixed length.
 */
export function compilePattern(part: Part): Step[] {
  const program = new ProgramBuilder();
  program.add(part);
  program.push({ kind: "end" });
  return program.steps;
}

class ProgramBuilder {
  readonly steps: Step[] = [];
  readonly #sets = new Map<string, CharacterSet>();

  push<T extends Step>(step: T): T {
    if (this.steps.length >= maxSteps) {
      throw new PatternError(`has more than ${maxSteps} steps when its repeats are written out`);
    }
    this.steps.push(step);
    return step;
  }

  add(part: Part): void {
    switch (part.kind) {
      case "one": {
        const key = `${part.flags}/${part.source}`;
        const set = this.#sets.get(key) ?? new CharacterSet(part.source, part.flags);
        this.#sets.set(key, set);
        this.push({ kind: "one", set });
        return;
      }
      case "sequence":
        for (const item of part.parts) this.add(item);
        return;
      case "choice":
        return this.#choice(part.parts);
      case "repeat":
        return this.#repeat(part);
      case "look": {
        const back = part.isBehind ? fixedLength(part.part) : 0;
        const look = this.push({ kind: "look", to: 0, back, isNegated: part.isNegated });
        this.add(part.part);
        this.push({ kind: "end" });
        look.to = this.steps.length;
      }
    }
  }

  #choice(parts: readonly Part[]): void {
    const jumps: { to: number }[] = [];
    parts.forEach((part, index) => {
      const isLast = index === parts.length - 1;
      const fork = isLast ? undefined : this.#fork();
      this.add(part);
      if (fork === undefined) return;
      jumps.push(this.push({ kind: "jump", to: 0 }));
      fork.second = this.steps.length;
    });
    for (const jump of jumps) jump.to = this.steps.length;
  }

  #fork(): { first: number; second: number } {
    const fork = this.push({ kind: "fork", first: 0, second: 0 });
    fork.first = this.steps.length;
    return fork;
  }

  #repeat({ part, least, most, isLazy }: Extract<Part, { kind: "repeat" }>): void {
    for (let count = 0; count < least; count++) this.add(part);
    const swap = (fork: { first: number; second: number }) => {
      if (isLazy) [fork.first, fork.second] = [fork.second, fork.first];
    };
    if (most === Infinity) {
      const start = this.steps.length;
      const fork = this.#fork();
      this.add(part);
      this.push({ kind: "jump", to: start });
      fork.second = this.steps.length;
      swap(fork);
      return;
    }
    const forks = [];
    for (let count = least; count < most; count++) {
      forks.push(this.#fork());
      this.add(part);
    }
    for (const fork of forks) {
      fork.second = this.steps.length;
      swap(fork);
    }
  }
}

/** How many characters a part always takes. */
function fixedLength(part: Part): number {
  switch (part.kind) {
    case "one":
      return 1;
    case "look":
      return 0;
    case "sequence":
      return part.parts.reduce((sum, item) => sum + fixedLength(item), 0);
    case "repeat":
      if (part.least === part.most) return part.least * fixedLength(part.part);
      break;
    case "choice": {
      const lengths = new Set(part.parts.map(fixedLength));
      if (lengths.size === 1) return [...lengths][0]!;
    }
  }
  throw new PatternError("looks back at something that may be long or short");
}
