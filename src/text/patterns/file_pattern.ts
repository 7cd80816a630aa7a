import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { type Fields, unsupported } from "../tokenizer_fields.ts";
import { AssayError } from "../../error.ts";
import { BoundedPattern, type Match } from "./bounded_pattern.ts";
import { parsePattern, PatternError } from "./pattern_parser.ts";
import { publishedPatterns } from "./published_patterns.ts";

/** Finds all matches of a pattern in a text. */
export type FindMatches = (text: string) => Iterable<Match>;

/** Longest pattern that is read; published ones have less than 1,000 characters. */
const maxSource = 20_000;

/**
 * Builds the search of a `pattern` entry of `tokenizer.json`.
 *
 * The pattern comes from the checkpoint, and JavaScript's own engine takes for ever on some. So only
 * plain strings, single sets of characters and the patterns of published tokenizers, which are known
 * to take no more time than the text is long, are run by it; all others by {@link BoundedPattern}.
 *
 * @param config The stage with its `pattern`.
 * @returns The search.
 * @throws {AssayError} `text/bad-tokenizer` for a pattern that is none, or that can't be bounded.
 */
export function buildSearch(config: Fields): FindMatches {
  const source = config["pattern"] as Fields | null | undefined;
  const regex = source?.["Regex"];
  const found = regex ?? source?.["String"];
  if (typeof found !== "string" || found.length > maxSource) throw unsupported("pattern", source);
  if (regex === undefined) return found === "" ? () => [] : native(literal(found));
  const pattern = translate({ ...config, pattern: { Regex: found } });
  if (publishedPatterns.has(found)) return native(pattern);
  try {
    if (isSimple(pattern.source)) return native(pattern);
    const bounded = new BoundedPattern(pattern.source);
    return (text) => bounded.matches(text);
  } catch (cause) {
    if (!(cause instanceof PatternError)) throw cause;
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot use tokenizer.json: expected a pattern that takes no more time than the text is long, ` +
        `found ${
          JSON.stringify(found.slice(0, 100))
        }, which ${cause.message}; write it without that`,
      { cause },
    );
  }
}

/** The library rewrites Rust's syntax as JavaScript's. */
function translate(config: Fields): RegExp {
  const { pattern } = new SplitPreTokenizer(
    config as unknown as ConstructorParameters<typeof SplitPreTokenizer>[0],
  );
  if (pattern === null) throw unsupported("pattern", config["pattern"]);
  return pattern;
}

/** One set of characters, perhaps repeated: nothing to backtrack into. */
function isSimple(source: string): boolean {
  const part = parsePattern(source);
  return part.kind === "one" ||
    (part.kind === "repeat" && part.part.kind === "one" && part.most <= 1000 ||
      part.kind === "repeat" && part.part.kind === "one" && part.most === Infinity &&
        part.least <= 1);
}

/** The search of a pattern that is known to be quick. */
export function native(pattern: RegExp): FindMatches {
  return function* (text) {
    for (const match of text.matchAll(pattern)) {
      yield { start: match.index, end: match.index + match[0].length };
    }
  };
}

/** The pattern of a plain string. */
export function literal(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"), "gu");
}
