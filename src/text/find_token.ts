import { AssayError } from "../error.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { readTokenizerFiles, type TextFiles, type TokenizerFiles } from "./tokenizer_files.ts";
import { buildFromFiles, buildTokenizerParts } from "./tokenizer_parts.ts";

/** A token of a vocabulary. */
export interface FoundToken {
  readonly id: number;
  /** Its text; bytes that are not UTF-8 by themselves are U+FFFD. */
  readonly text: string;
}

/**
 * Finds tokens of a checkpoint's vocabulary. A number is an id. A text is the one token that the tokenizer
 * makes of it (a special token's text is that special token), else the entry of the vocabulary that is
 * spelled so.
 *
 * @param files The checkpoint's text files.
 * @param tokens The tokens.
 * @returns As many, in their order.
 * @throws {AssayError} `text/no-such-token`, and what reading the files throws.
 */
export async function findTokens(
  files: TextFiles,
  tokens: readonly (string | number)[],
): Promise<FoundToken[]> {
  if (tokens.length === 0) return [];
  const parsed = await readTokenizerFiles(files);
  return buildFromFiles(files.name, () => findIn(parsed, files.name, tokens));
}

function findIn(
  files: TokenizerFiles,
  name: string,
  tokens: readonly (string | number)[],
): FoundToken[] {
  const { tokenizer, facts: { vocabulary } } = buildTokenizerParts(files, "");
  return tokens.map((token) => {
    if (typeof token === "number") return { id: token, text: textOf(tokenizer, token, name) };
    const { ids } = tokenizer.encode({ text: token, breaks: [] }, new Set());
    const id = ids.length === 1 ? ids[0] : vocabulary.get(token);
    if (id !== undefined) return { id, text: token };
    const found = ids.map((id) => `${id} ${JSON.stringify(tokenizer.decodeToken(id))}`).join(", ");
    throw noSuchToken(
      name,
      `a text that is one token, found ${
        JSON.stringify(token.slice(0, 60))
      }, which is ${ids.length}` +
        `${found === "" ? "" : ` (${found.slice(0, 200)})`}; name the token by its id instead`,
    );
  });
}

function textOf(tokenizer: Tokenizer, id: number, name: string): string {
  try {
    return tokenizer.decodeToken(id);
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    throw noSuchToken(name, `the id of a token, found ${id}, which is none`);
  }
}

function noSuchToken(name: string, problem: string): AssayError {
  return new AssayError(
    "text/no-such-token",
    `Cannot find a token of ${name}: expected ${problem}`,
  );
}
