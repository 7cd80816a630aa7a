import type { AsyncBuffer, FileMetaData, RowGroup, SchemaTree } from "hyparquet";
import { parquetSchema } from "hyparquet";
import { assembleNested } from "hyparquet/src/assemble.js";
import type { convert } from "hyparquet/src/convert.js";
import { getTreePath } from "hyparquet/src/schema.js";
import { ColumnRows } from "./parquet_column.ts";
import { PageDecoder } from "./parquet_page.ts";

type Parsers = Parameters<typeof convert>[1]["parsers"];

/** A column of rows: its name, and its values for some rows in order. */
export type ColumnValues = readonly [name: string, values: readonly unknown[]];

/** What reading the rows of a file needs. */
export interface ParquetFile {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  /** How stored values become values of JavaScript. */
  readonly parsers: Parsers;
}

/**
 * The rows of one row group, some at a time, with one page of each column in memory.
 *
 * @param most How many rows come at a time at most; fewer where a page ends.
 * @throws {Error} Where the file contradicts itself.
 */
export async function* readGroup(
  { file, metadata, parsers }: ParquetFile,
  group: RowGroup,
  most: number,
): AsyncGenerator<readonly ColumnValues[]> {
  const schema = parquetSchema(metadata);
  checkSchema(schema);
  const rows = Number(group.num_rows);
  const chunks = chunksByName(group);
  const leaves = schema.children.map((column) => leavesOf(column).map((leaf) => leaf.path));
  const count = leaves.flat().length;
  if (count === 0 && rows > 0) throw new Error(`expected columns for ${rows} rows, found none`);
  const columns = leaves.map((paths) =>
    paths.map((path) => {
      const chunk = chunks.get(path.join("\0"));
      if (chunk === undefined) throw new Error(`column "${path.join(".")}" is not in a row group`);
      const decoder = new PageDecoder(getTreePath(schema, path), chunk, parsers);
      return { path, rows: new ColumnRows(file, chunk, decoder, rows, count) };
    })
  );
  for (let done = 0; done < rows;) {
    let step = Math.min(most, rows - done);
    // One after another, as the pages of one column end before those of another.
    for (const leaf of columns.flat()) step = Math.min(step, await leaf.rows.ready());
    yield schema.children.map((column, index): ColumnValues => [
      column.element.name,
      valuesOf(column, columns[index]!, step, parsers),
    ]);
    done += step;
  }
}

type Leaf = { readonly path: readonly string[]; readonly rows: ColumnRows };

function valuesOf(
  column: SchemaTree,
  leaves: readonly Leaf[],
  count: number,
  parsers: Parsers,
): readonly unknown[] {
  if (column.children.length === 0) return leaves[0]!.rows.take(count);
  const parts = new Map(leaves.map(({ path, rows }) => [path.join("."), rows.take(count)]));
  assembleNested(parts, column, parsers);
  const values = parts.get(column.element.name);
  if (values?.length !== count) {
    throw new Error(`expected ${count} values in "${column.element.name}", found another number`);
  }
  return values;
}

function leavesOf(tree: SchemaTree): readonly SchemaTree[] {
  return tree.children.length === 0 ? [tree] : tree.children.flatMap(leavesOf);
}

function chunksByName({ columns }: RowGroup) {
  return new Map(columns.map(({ meta_data: chunk, file_path: elsewhere, crypto_metadata: key }) => {
    if (chunk === undefined || key !== undefined) {
      throw new Error("expected readable columns, found encrypted ones");
    }
    if (elsewhere) throw new Error("expected columns in this file, found them in another");
    return [chunk.path_in_schema.join("\0"), chunk];
  }));
}

/** Refuses names that would lose values: two of one name, and a name that objects can't have. */
function checkSchema(tree: SchemaTree, depth = 0): void {
  const names = tree.children.map((child) => child.element.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new Error(`expected one column of each name, found "${twice}" twice`);
  }
  if (depth > 0 && names.includes("__proto__")) throw new Error('a field named "__proto__"');
  // assembleNested joins names by dots.
  const dotted = depth > 0 ? names.find((name) => name.includes(".")) : undefined;
  if (dotted !== undefined && depth > 0 && names.length > 1) {
    const clash = names.filter((name) => dotted.startsWith(`${name}.`));
    if (clash.length > 0) {
      throw new Error(`fields "${clash[0]}" and "${dotted}" can't be told apart`);
    }
  }
  for (const child of tree.children) checkSchema(child, depth + 1);
}
