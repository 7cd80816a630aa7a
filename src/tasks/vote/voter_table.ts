import type { JoinKey } from "../../voting/join_voters.ts";
import type { ReadRow } from "../../data/rows.ts";
import type { AssayError } from "../../error.ts";
import type { ScoredRow } from "../../voting/scored_row.ts";

/** What is said of one voter in the summary. */
export interface VoterFacts {
  /** Name of the voter. */
  readonly name: string;
  /** Rows for which it has finite scores. */
  readonly scored: number;
  /** Rows for which it has none: NaN, no score, an unreadable line, or no such row. */
  readonly missing: number;
}

/** One row of the input, read again to be written. */
export interface PlacedRow {
  /** The row, or why it could not be read. */
  readonly item: ReadRow;
  /** Its index among the table's rows; `undefined` for an unreadable line that has no place there. */
  readonly place: number | undefined;
}

/** The scores of all voters for all rows, and the rows. */
export interface VoterTable {
  /** The voters, in order. */
  readonly voters: readonly VoterFacts[];
  /** How the rows of several files were matched; `null` where there was nothing to match. */
  readonly joinedBy: JoinKey | null;
  /** Per row, each voter's scores. */
  readonly rows: readonly (readonly (ScoredRow | undefined)[])[];
  /** Per row, why a voter could not score it, where that is known. */
  readonly errors?: readonly (AssayError | undefined)[];
  /** Reads the rows themselves once more. */
  read(): AsyncIterable<PlacedRow>;
}

/**
 * Counts what each voter has scored.
 *
 * @param names Names of the voters.
 * @param rows Per row, each voter's scores.
 */
export function factsOf(
  names: readonly string[],
  rows: readonly (readonly (ScoredRow | undefined)[])[],
): VoterFacts[] {
  return names.map((name, voter) => {
    const scored = rows.reduce((sum, row) => sum + (isScored(row[voter]) ? 1 : 0), 0);
    return { name, scored, missing: rows.length - scored };
  });
}

function isScored(scores: ScoredRow | undefined): boolean {
  switch (scores?.kind) {
    case "pair":
      return Number.isFinite(scores.chosen) && Number.isFinite(scores.rejected);
    case "single":
      return Number.isFinite(scores.score);
    case "best_of_n":
      return scores.scores.length > 0 && scores.scores.every(Number.isFinite);
    default:
      return false;
  }
}

/** The last parts of paths where these differ, else the paths; equals are numbered. */
export function distinctNames(paths: readonly string[]): string[] {
  const short = paths.map((path) => path.split(/[\\/]/).at(-1) || path);
  const names = new Set(short).size === short.length ? short : paths;
  return names.map((name, index) => {
    const isUnique = names.indexOf(name) === names.lastIndexOf(name);
    return isUnique
      ? name
      : `${name} (${names.slice(0, index + 1).filter((n) => n === name).length})`;
  });
}
