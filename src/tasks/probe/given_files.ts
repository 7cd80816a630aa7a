import { readRows } from "../../data/read_rows.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { ownValue } from "../../own_value.ts";
import type { Change } from "../../probing/change.ts";
import { nameSwap, paraphraseChange } from "../../probing/given_texts.ts";

/**
 * The name swap of a file of rows, `name` and `other`, in any format that rows have.
 *
 * @param path The file.
 * @throws {AssayError} `probing/bad-names`, `data/bad-row`, `data/no-such-file`.
 */
export async function readNameSwap(path: string): Promise<Change> {
  const pairs: [string, string][] = [];
  for await (const row of wholeRows(path)) {
    pairs.push([textIn(row, "name", path), textIn(row, "other", path)]);
  }
  return nameSwap(pairs);
}

/**
 * The changes by paraphrases of a file of rows, `text` and `paraphrase`: one replaces prompts, the other
 * responses, where their text is one of the file's.
 *
 * @param path The file.
 * @throws {AssayError} `data/bad-row`, `data/no-such-file`.
 */
export async function readParaphrases(path: string): Promise<readonly Change[]> {
  const paraphrases = new Map<string, string>();
  for await (const row of wholeRows(path)) {
    const text = textIn(row, "text", path).trim();
    const paraphrase = textIn(row, "paraphrase", path);
    if (paraphrases.has(text) && paraphrases.get(text) !== paraphrase) {
      throw new AssayError(
        "data/bad-row",
        `Cannot use ${path}: expected one paraphrase of each text, found two of ` +
          JSON.stringify(text.slice(0, 80)),
      );
    }
    paraphrases.set(text, paraphrase);
  }
  return [paraphraseChange("prompt", paraphrases), paraphraseChange("response", paraphrases)];
}

/** The rows of a list that must be right as a whole. */
async function* wholeRows(path: string): AsyncGenerator<Row> {
  for await (const { row, error } of readRows(path)) {
    if (row === undefined) throw error!;
    yield row;
  }
}

function textIn(row: Row, column: string, path: string): string {
  const value = ownValue(row, column);
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new AssayError(
    "data/bad-row",
    `Cannot use ${path}: expected a text in the column "${column}" of each row, found the columns ${
      Object.keys(row).map((name) => `"${name}"`).join(", ") || "none"
    }`,
  );
}
