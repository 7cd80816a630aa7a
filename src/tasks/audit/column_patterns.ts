import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";

/** A model's columns in a file: what is read under which name. */
export interface ModelColumns {
  /** What stands for `*` in its columns; `undefined` where no column has one. */
  readonly model: string | undefined;
  /** Expected name → column. */
  readonly columns: ReadonlyMap<string, string>;
}

/** Files with more models than this are no files of models. */
const mostModels = 32;

/**
 * The models of a file whose columns are told by patterns: with `chosen_score=*_good` and
 * `rejected_score=*_bad`, the columns `a_good`, `a_bad`, `b_good`, `b_bad` hold the models `a` and `b`.
 * Columns without `*` belong to all of them.
 *
 * @param columns Expected name → column, or pattern with one `*`.
 * @param row A row of the file.
 * @param file What errors call it.
 * @returns One entry per model, in the order of the columns; without patterns a single one.
 * @throws {AssayError} `evaluation/no-columns` where no model has a column for every pattern, or more
 *   than 32 have.
 */
export function modelColumns(
  columns: ReadonlyMap<string, string>,
  row: Row,
  file: string,
): ModelColumns[] {
  const patterns = [...columns].filter(([, column]) => column.includes("*"));
  if (patterns.length === 0) return [{ model: undefined, columns }];
  const names = Object.keys(row);
  const [first, ...others] = patterns.map(([, pattern]) => matches(pattern, names));
  const models = [...first!].filter((name) => others.every((other) => other.has(name)));
  if (models.length === 0 || models.length > mostModels) {
    throw new AssayError(
      "evaluation/no-columns",
      `Cannot find the models of ${file}: expected 1 to ${mostModels} models with a column for each ` +
        `of ${
          patterns.map(([, pattern]) => pattern).join(", ")
        }, found ${models.length} among the ` +
        `columns ${names.slice(0, 20).join(", ")}`,
    );
  }
  return models.map((model) => ({
    model,
    columns: new Map([...columns].map(([name, column]) => [name, filled(column, model)])),
  }));
}

function matches(pattern: string, names: readonly string[]): Set<string> {
  const [before, after] = parts(pattern);
  const found = names.filter((name) =>
    name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after)
  );
  return new Set(found.map((name) => name.slice(before.length, name.length - after.length)));
}

/** The first `*` stands for the model. */
function parts(pattern: string): [before: string, after: string] {
  const star = pattern.indexOf("*");
  return [pattern.slice(0, star), pattern.slice(star + 1)];
}

function filled(column: string, model: string): string {
  return column.includes("*") ? parts(column).join(model) : column;
}
