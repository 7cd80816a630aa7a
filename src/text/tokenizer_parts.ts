import { AssayError } from "../error.ts";
import type { AddedToken } from "./added_tokens.ts";
import { namedSpecialTokens, readAddedTokens } from "./special_tokens.ts";
import { checkTokens, type TokenFacts } from "./token_checks.ts";
import { Tokenizer } from "./tokenizer.ts";
import type { TokenizerFiles } from "./tokenizer_files.ts";
import { readVocabulary } from "./tokenizer_model.ts";

/** What every form of text needs of a checkpoint's tokenizer. */
export interface TokenizerParts {
  readonly tokenizer: Tokenizer;
  readonly added: readonly AddedToken[];
  /** Text of each special token that the files name, by its name: `bos_token`, … */
  readonly named: Readonly<Record<string, string>>;
  /** Ids of those that the files have. */
  readonly namedIds: ReadonlyMap<string, number>;
  /** What was held against each other. */
  readonly facts: TokenFacts;
  /** What is odd about the files. */
  readonly warnings: readonly string[];
}

/**
 * Builds a tokenizer from its files, which are held against each other first.
 *
 * @param files The parsed files.
 * @param template Source of the chat template; empty where none is used.
 * @throws {AssayError} `text/bad-tokenizer`, `text/missing-special-token`.
 */
export function buildTokenizerParts(files: TokenizerFiles, template: string): TokenizerParts {
  const named = namedSpecialTokens(files.config);
  const vocabulary = readVocabulary(files.tokenizer);
  const added = readAddedTokens(files.tokenizer, files.config, (text) => vocabulary.get(text));
  const facts: TokenFacts = { ...files, vocabulary, added, named, template };
  const warnings = checkTokens(facts);
  const namedIds = new Map(
    Object.entries(named).flatMap(([name, content]) => {
      const id = added.find((token) => token.content === content)?.id ?? vocabulary.get(content);
      return id === undefined ? [] : [[name, id] as const];
    }),
  );
  const tokenizer = new Tokenizer(files.tokenizer, vocabulary, added, named["unk_token"]);
  return { tokenizer, added, named, namedIds, facts, warnings };
}

/** Builds from a checkpoint's files; whatever they hold, it fails with an `AssayError` only. */
export function buildFromFiles<Built>(name: string, build: () => Built): Built {
  try {
    return build();
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot use the tokenizer of ${name}: expected files as transformers writes them, found ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
}
