import { AssayError } from "../../error.ts";
import type { HubFile } from "./hub_tree.ts";

/** Files of rows, by how their names end. */
const rowFile = /\.(jsonl|ndjson|json|csv|tsv|parquet|arrow)(\.(gz|zst|zstd))?$/i;
/** Files that describe a data set. */
const description = /(^|\/)(\.|dataset_infos?\.json$|state\.json$|README)/i;
/** What numbers a part of a split: `train-00000-of-00003`. */
const shardNumber = /-\d{5}-of-\d{5}(-[0-9a-f]{16})?$/;
/** Splits that nobody wants together. */
const splitName = /(^|\/)(train|test|validation|valid|val|dev|eval)$/i;
/** How many choices a message names. */
const mostNamed = 12;

/** A file's place without its shard number and its ending: `data/train`. */
function stemOf(path: string): string {
  return path.replace(rowFile, "").replace(shardNumber, "");
}

/**
 * The files of a data set that a selection names, sorted by path: all of one split. The selection is a
 * file, a folder from the top, a split (`test` for `data/test-00000-of-00001.parquet`, `test.jsonl` or files below
 * `test/`), or a configuration and a split (`main/test`). Without one, the data set must have a single
 * split.
 *
 * @param name What messages call the data set.
 * @param files All files of the commit.
 * @throws {AssayError} `checkpoint/no-dataset-files`, `checkpoint/unclear-dataset`.
 */
export function selectedFiles(
  name: string,
  files: readonly HubFile[],
  selection: string | undefined,
): readonly HubFile[] {
  const rows = files.filter(({ path }) => rowFile.test(path) && !description.test(path))
    .toSorted((a, b) => a.path < b.path ? -1 : 1);
  const exact = files.filter(({ path }) => path === selection);
  if (exact.length > 0) return exact;
  const found = selection === undefined ? rows : rows.filter(({ path }) => isOf(path, selection));
  const stems = [...new Set(found.map(({ path }) => stemOf(path)))];
  const endings = new Set(found.map(({ path }) => rowFile.exec(path)![1]!.toLowerCase()));
  // All of a folder, whatever its files are called, unless they are a configuration's splits.
  const isFolder = selection !== undefined &&
    found.every(({ path }) => path.startsWith(`${selection}/`)) &&
    stems.filter((stem) => splitName.test(stem)).length < 2;
  if (found.length > 0 && endings.size === 1 && (stems.length === 1 || isFolder)) return found;
  const choices = [...new Set(rows.map(({ path }) => stemOf(path)))];
  if (found.length === 0) {
    throw new AssayError(
      "checkpoint/no-dataset-files",
      `Cannot read ${name}: expected files of rows (.jsonl, .json, .csv, .parquet, .arrow)` +
        `${selection === undefined ? "" : ` of ${JSON.stringify(selection)}`}, found ${
          choices.length === 0 ? "none" : `those of ${namesOf(choices)}`
        }; other formats, and data sets that a program builds, are not read`,
    );
  }
  throw new AssayError(
    "checkpoint/unclear-dataset",
    `Cannot tell which rows of ${name} are wanted: expected one split, found ${
      stems.length > 1 ? `${stems.length}: ${namesOf(stems)}` : `formats ${[...endings].join(", ")}`
    }; name one after a colon, such as ${name}:${stems[0]}`,
  );
}

/** Whether a file belongs to a selection. */
function isOf(path: string, selection: string): boolean {
  // Its folder (data/test/0000.parquet), or its file (data/test-00000-of-00001.parquet).
  return `/${path}`.includes(`/${selection}/`) || `/${stemOf(path)}`.endsWith(`/${selection}`);
}

function namesOf(stems: readonly string[]): string {
  const more = stems.length - mostNamed;
  return stems.slice(0, mostNamed).join(", ") + (more > 0 ? `, and ${more} more` : "");
}
