import { explicitTexts } from "../../data/explicit_texts.ts";
import { readRows } from "../../data/read_rows.ts";
import type { ReadRow, Row, RowFormat } from "../../data/rows.ts";
import { valueOfText } from "../../data/serialized_text.ts";
import { AssayError } from "../../error.ts";
import { type JoinBy, joinVoters, textFingerprint } from "../../voting/join_voters.ts";
import { type ScoredRow, scoredRow } from "../../voting/scored_row.ts";
import { distinctNames, factsOf, type PlacedRow, type VoterTable } from "./voter_table.ts";

/** How to read score files. */
export interface ReadVotersOptions {
  /** The files' format, where their names don't tell. */
  readonly format?: RowFormat | undefined;
  /** What stands between the fields of CSV files. */
  readonly delimiter?: string | undefined;
  /** What the columns call a score; default `score`. */
  readonly column?: string | undefined;
  /** How to match rows. */
  readonly join?: JoinBy | undefined;
  /** Told what people should know: that rows were matched by their order, and why. */
  readonly onNote?: ((message: string) => void | Promise<void>) | undefined;
  /** Told how far the reading has come. */
  readonly onBytes?:
    | ((file: string, read: number, byteLength: number | undefined) => void)
    | undefined;
}

interface ScoreFile {
  readonly input: string;
  readonly name: string;
  readonly ids: (string | undefined | null)[];
  readonly fingerprints: (string | undefined)[];
  readonly subsets: (string | undefined)[];
  readonly scores: (ScoredRow | undefined)[];
  /** Kept only of standard input, which can't be read again. */
  readonly kept: ReadRow[];
}

/**
 * Reads and joins voters' score files. Of the files only ids, scores and fingerprints are kept; the
 * rows are read again when they are written.
 *
 * @param inputs Paths, one per voter; `-` is standard input.
 * @param options How to read and join.
 * @throws {AssayError} What {@linkcode joinVoters} and `readRows` throw; `voting/no-scores` where no
 * row of a file has scores.
 */
export async function readVoters(
  inputs: readonly string[],
  options: ReadVotersOptions = {},
): Promise<VoterTable> {
  const files: ScoreFile[] = [];
  for (const input of inputs) files.push(await readScoreFile(input, options));
  const join = joinVoters(files, options.join ?? "auto");
  if (files.length > 1 && join.obstacle !== undefined) {
    await options.onNote?.(
      `warning: rows are matched by their order, because ${join.obstacle}; ${
        whatWasChecked(files)
      }`,
    );
  }
  const rows = Array.from(
    { length: join.rows },
    (_, row) => files.map((file, voter) => file.scores[join.places[voter]![row]!]),
  );
  return {
    voters: factsOf(distinctNames(files.map(({ name }) => name)), rows),
    joinedBy: files.length > 1 ? join.by : null,
    rows,
    read: () => rereadRows(files, join.places, options),
  };
}

/** What a match by order could be held against. */
function whatWasChecked(files: readonly ScoreFile[]): string {
  const columns = [["id", "ids"], ["subset", "subsets"], ["texts", "fingerprints"]] as const;
  const shared = columns.filter(([, key]) =>
    files.filter((file) => file[key].some((value) => value !== undefined && value !== null))
      .length > 1
  ).map(([name]) => name);
  return shared.length === 0
    ? "nothing in them tells whether they belong together"
    : `they agree in ${shared.join(", ")}`;
}

async function readScoreFile(input: string, options: ReadVotersOptions): Promise<ScoreFile> {
  const name = input === "-" ? "standard input" : input;
  const file: ScoreFile = {
    input,
    name,
    ids: [],
    fingerprints: [],
    subsets: [],
    scores: [],
    kept: [],
  };
  let first: AssayError | undefined;
  let readable = 0;
  const read = readRows(input, {
    format: options.format,
    delimiter: options.delimiter,
    onBytes: ({ read, byteLength }) => options.onBytes?.(name, read, byteLength),
  });
  for await (const item of read) {
    if (input === "-") file.kept.push(item);
    const { row } = item;
    file.ids.push(row === undefined ? null : idOf(row.id));
    file.fingerprints.push(row === undefined ? undefined : textFingerprint(explicitTexts(row)));
    file.subsets.push(row === undefined ? undefined : idOf(row.subset));
    if (row === undefined) {
      file.scores.push(undefined);
      continue;
    }
    readable++;
    try {
      file.scores.push(scoredRow(withLists(row), options.column));
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      first ??= error;
      file.scores.push(undefined);
    }
  }
  if (readable > 0 && first !== undefined && file.scores.every((scores) => scores === undefined)) {
    throw new AssayError(first.code, `${first.message}; no row of ${name} has scores`);
  }
  return file;
}

/** The row with the lists that a tool wrote as text, Python and NumPy among them. */
function withLists(row: Row): Row {
  const isText = (value: unknown) => typeof value === "string" && /^\s*[[(]/.test(value);
  if (!Object.values(row).some(isText)) return row;
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      const isScores = column.includes("score") && isText(value);
      return [column, isScores ? valueOfText(value as string)?.value ?? value : value];
    }),
  );
}

/** Reads the files again: each joined row from the first voter that has it. */
async function* rereadRows(
  files: readonly ScoreFile[],
  places: readonly Int32Array[],
  { format, delimiter }: ReadVotersOptions,
): AsyncGenerator<PlacedRow> {
  let written = 0;
  const total = places[0]?.length ?? 0;
  for (const [voter, file] of files.entries()) {
    if (written === total) return;
    // Joined rows come in the order of the first file, then of what the second adds, and so on.
    let index = 0;
    const rows = file.input === "-" ? file.kept : readRows(file.input, { format, delimiter });
    for await (const item of rows) {
      if (written < total && places[voter]![written] === index) {
        yield { item, place: written++ };
      } else if (voter === 0) {
        yield { item, place: undefined }; // an unreadable line: an error where it stands
      }
      index++;
    }
  }
  if (written !== total) {
    throw new AssayError(
      "voting/file-changed",
      `Cannot write the votes: expected to find ${total} rows again in ${files[0]!.name}, found ` +
        `${written}; the file was changed meanwhile`,
    );
  }
}

function idOf(id: unknown): string | undefined {
  const isKey = typeof id === "string" || typeof id === "number" || typeof id === "bigint";
  return isKey && id !== "" ? String(id) : undefined;
}
