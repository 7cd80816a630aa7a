/** A part of a regular expression. */
export type Part =
  | { readonly kind: "one"; readonly source: string; readonly flags: string }
  | { readonly kind: "sequence" | "choice"; readonly parts: readonly Part[] }
  | {
    readonly kind: "repeat";
    readonly part: Part;
    readonly least: number;
    readonly most: number;
    readonly isLazy: boolean;
  }
  | {
    readonly kind: "look";
    readonly part: Part;
    readonly isBehind: boolean;
    readonly isNegated: boolean;
  };

/** A pattern that is not taken; its message says why. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

const deepest = 60;

/**
 * Parses the source of a JavaScript regular expression with the flag `u`.
 *
 * @param source The source.
 * @returns Its parts.
 * @throws {PatternError} For back references and what else needs memory of a match.
 */
export function parsePattern(source: string): Part {
  const parser = new PatternParser(source);
  return parser.whole();
}

class PatternParser {
  #place = 0;
  #depth = 0;

  constructor(private readonly source: string) {}

  whole(): Part {
    const part = this.#choice("");
    if (this.#place < this.source.length) throw new PatternError("has a bracket too many");
    return part;
  }

  #takes(text: string): boolean {
    const isThere = this.source.startsWith(text, this.#place);
    if (isThere) this.#place += text.length;
    return isThere;
  }

  #choice(flags: string): Part {
    if (++this.#depth > deepest) throw new PatternError("nests too deep");
    const parts = [this.#sequence(flags)];
    while (this.#takes("|")) parts.push(this.#sequence(flags));
    this.#depth--;
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }

  #sequence(flags: string): Part {
    const parts: Part[] = [];
    while (this.#place < this.source.length && !/[|)]/.test(this.source[this.#place]!)) {
      parts.push(this.#quantified(this.#atom(flags)));
    }
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  #quantified(part: Part): Part {
    const pattern = /(?:[*+?]|\{(\d+)(,?)(\d*)\})(\??)/y;
    pattern.lastIndex = this.#place;
    const match = pattern.exec(this.source);
    if (match === null) return part;
    this.#place += match[0].length;
    const isLazy = match[4] === "?";
    const [least, most] = match[1] === undefined
      ? ({ "*": [0, Infinity], "+": [1, Infinity], "?": [0, 1] } as const)[
        match[0][0] as "*" | "+" | "?"
      ]
      : [
        Number(match[1]),
        match[2] === "" ? Number(match[1]) : match[3] === "" ? Infinity : Number(match[3]),
      ];
    return this.#quantified({ kind: "repeat", part, least, most, isLazy });
  }

  #atom(flags: string): Part {
    if (this.#takes("(")) return this.#group(flags);
    const pattern =
      /\[(?:\\[^]|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\u[\da-fA-F]{4}|\\x[\da-fA-F]{2}|\\c[a-zA-Z]|\\[^]|[^]/uy;
    pattern.lastIndex = this.#place;
    const source = pattern.exec(this.source)?.[0];
    if (source === undefined) throw new PatternError("ends in the middle");
    this.#place += source.length;
    if (/^\\[1-9k]/.test(source)) throw new PatternError("refers back to what it has matched");
    const edge = edges[source];
    return edge === undefined ? { kind: "one", source, flags } : new PatternParser(edge).whole();
  }

  #group(flags: string): Part {
    let part: Part;
    const look = /\?(<?)([=!])/y;
    look.lastIndex = this.#place;
    const match = look.exec(this.source);
    if (match !== null) {
      this.#place += match[0].length;
      const [, behind, sign] = match;
      part = {
        kind: "look",
        part: this.#choice(flags),
        isBehind: behind === "<",
        isNegated: sign === "!",
      };
    } else {
      const opening = /\?(?::|<[^>=!]*>|([a-z]*)(?:-([a-z]+))?:)/y;
      opening.lastIndex = this.#place;
      const found = opening.exec(this.source);
      this.#place += found?.[0].length ?? 0;
      const kept = [...flags].filter((flag) => !(found?.[2] ?? "").includes(flag)).join("");
      const added = [...found?.[1] ?? ""].filter((flag) => !kept.includes(flag)).join("");
      part = this.#choice(kept + added);
    }
    if (!this.#takes(")")) throw new PatternError("has a bracket that is not closed");
    return part;
  }
}

const word = "[\\w]";
/** Edges of lines, texts and words as looks at what is beside them. */
const edges: Readonly<Record<string, string>> = {
  "^": "(?<![^])",
  "$": "(?![^])",
  "\\b": `(?:(?<!${word})(?=${word})|(?<=${word})(?!${word}))`,
  "\\B": `(?:(?<!${word})(?!${word})|(?<=${word})(?=${word}))`,
};
