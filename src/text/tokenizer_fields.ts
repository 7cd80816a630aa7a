import { AssayError } from "../error.ts";

/** An object of `tokenizer.json` or `tokenizer_config.json`, of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * The error of a part of `tokenizer.json` whose kind is not known: guessed, it would give other ids.
 *
 * @param what What was expected.
 * @param found What stands there.
 */
export function unsupported(what: string, found: unknown): AssayError {
  return new AssayError(
    "text/bad-tokenizer",
    `Cannot use tokenizer.json: expected a ${what} that Assay knows, found ${
      JSON.stringify(found)?.slice(0, 100)
    }`,
  );
}
