import { AssayError } from "../error.ts";

/** What identifies the rows of one voter's file. */
export interface VoterKeys {
  /** What messages call the voter: its file. */
  readonly name: string;
  /**
   * `id` of each row as text; `undefined` where a row has none, `null` where the row could not be
   * read: it keeps its place among rows joined by order, and is left out of those joined by id.
   */
  readonly ids: readonly (string | undefined | null)[];
  /** Fingerprint of each row's texts; `undefined` where a row has none. */
  readonly fingerprints: readonly (string | undefined)[];
  /** `subset` of each row, in which ids may be unique; `undefined` where a row has none. */
  readonly subsets?: readonly (string | undefined)[] | undefined;
}

/**
 * How rows of different voters are matched: by `id` (within `subset`, where ids repeat over the whole
 * file), by their order, or by `id` where they can be.
 */
export type JoinBy = "id" | "order" | "auto";

/** What rows were matched by. */
export type JoinKey = "id" | "subset and id" | "order";

/** Which rows of the voters belong together. */
export interface VoterJoin {
  /** How they were matched. */
  readonly by: JoinKey;
  /** Why they were not matched by id, where that was not asked for. */
  readonly obstacle?: string | undefined;
  /**
   * Per voter, the index of its row for each joined row, -1 where it has none. Joined rows are the
   * first voter's in their order, then those that only later voters have, in theirs.
   */
  readonly places: readonly Int32Array[];
  /** Number of joined rows. */
  readonly rows: number;
  /** Per voter, the number of joined rows that it lacks. */
  readonly missing: readonly number[];
}

/**
 * Matches the rows of several voters' score files.
 *
 * By `id` where every row of every file has one and no file repeats one; by `subset` and `id` where no
 * file repeats both; else by order. Files joined by order must have the same number of rows. Wherever
 * two matched rows both have an id, a subset or one of the text columns, these must agree: voters must
 * have scored the same things.
 *
 * @param voters Keys of each voter's rows.
 * @param by How to match; default `auto`.
 * @returns Which rows belong together.
 * @throws {AssayError} `voting/row-count` where files joined by order differ in length,
 * `voting/ids-differ`, `voting/subsets-differ` and `voting/rows-differ` where matched rows are not the same,
 * `voting/no-common-ids` where a file shares no id with the first, `voting/bad-ids` where `id` was
 * asked for and a file has rows without an id or repeats one.
 *
 * @example
 * ```ts
 * import { joinVoters } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const none = [undefined, undefined];
 * const join = joinVoters([
 *   { name: "a.jsonl", ids: ["1", "2"], fingerprints: none },
 *   { name: "b.jsonl", ids: ["2", "1"], fingerprints: none },
 * ]);
 * assert.equal(join.by, "id");
 * assert.deepEqual(join.places.map((places) => [...places]), [[0, 1], [1, 0]]);
 * ```
 */
export function joinVoters(voters: readonly VoterKeys[], by: JoinBy = "auto"): VoterJoin {
  const obstacle = whyNotBy(voters);
  const within = obstacle === undefined ? undefined : voters.map(withinSubsets);
  const isWithin = within !== undefined && whyNotBy(within) === undefined;
  if (by === "id" && obstacle !== undefined && !isWithin) {
    throw new AssayError("voting/bad-ids", `Cannot join voters by id: ${obstacle}`);
  }
  const join = by !== "order" && obstacle === undefined
    ? joinById(voters, "id")
    : by !== "order" && isWithin
    ? joinById(within, "subset and id")
    : joinByOrder(voters, by === "auto" ? obstacle : undefined);
  checkSameRows(voters, join);
  return join;
}

/** What keeps files from being joined by id. */
function whyNotBy(voters: readonly VoterKeys[]): string | undefined {
  return voters.map(whyNotById).find((reason) => reason !== undefined);
}

function whyNotById({ name, ids }: VoterKeys): string | undefined {
  const seen = new Set<string>();
  for (const [row, id] of ids.entries()) {
    if (id === null) continue;
    if (id === undefined) return `row ${row + 1} of ${name} has no id`;
    if (seen.has(id)) return `${name} has the id ${id} more than once`;
    seen.add(id);
  }
  return undefined;
}

/** The same file with ids that name the subset too. */
function withinSubsets({ subsets = [], ...voter }: VoterKeys): VoterKeys {
  const ids = voter.ids.map((id, row) =>
    id === null || id === undefined ? id : JSON.stringify([subsets[row] ?? null, id])
  );
  return { ...voter, ids };
}

function joinById(voters: readonly VoterKeys[], by: JoinKey): VoterJoin {
  const rowOfId = new Map<string, number>();
  for (const { ids } of voters) {
    for (const id of ids) if (id != null && !rowOfId.has(id)) rowOfId.set(id, rowOfId.size);
  }
  const places = voters.map(({ ids }) => {
    const place = new Int32Array(rowOfId.size).fill(-1);
    ids.forEach((id, row) => {
      if (id != null) place[rowOfId.get(id)!] = row;
    });
    return place;
  });
  checkCommonIds(voters);
  const missing = places.map((place) => place.reduce((sum, row) => sum + (row < 0 ? 1 : 0), 0));
  return { by, places, rows: rowOfId.size, missing };
}

function checkCommonIds([first, ...others]: readonly VoterKeys[]): void {
  const known = new Set(first?.ids);
  for (const { name, ids } of others) {
    if (ids.length !== first!.ids.length && (ids.length === 0 || first!.ids.length === 0)) {
      throw new AssayError(
        "voting/row-count",
        `Cannot join voters: ${first!.name} has ${first!.ids.length} rows, ${name} has ` +
          `${ids.length}; score the same rows with every voter`,
      );
    }
    if (ids.length === 0 || ids.some((id) => id != null && known.has(id))) continue;
    throw new AssayError(
      "voting/no-common-ids",
      `Cannot join voters by id: ${name} and ${first!.name} have no id in common (for example ` +
        `${ids[0]} and ${first!.ids[0]}); score the same rows with both`,
    );
  }
}

function joinByOrder(voters: readonly VoterKeys[], obstacle: string | undefined): VoterJoin {
  const rows = voters[0]?.ids.length ?? 0;
  const other = voters.find(({ ids }) => ids.length !== rows);
  if (other !== undefined) {
    throw new AssayError(
      "voting/row-count",
      `Cannot join voters by order: ${voters[0]!.name} has ${rows} rows, ${other.name} has ` +
        `${other.ids.length}. Score the same rows with every voter, or give each row an id` +
        (obstacle === undefined ? "" : ` (not joined by id because ${obstacle})`),
    );
  }
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  const places = voters.map(() => order);
  return { by: "order", obstacle, places, rows, missing: voters.map(() => 0) };
}

/** Matched rows must be about the same texts, whatever they were matched by. */
function checkSameRows(voters: readonly VoterKeys[], join: VoterJoin): void {
  for (let row = 0; row < join.rows; row++) {
    checkSame("ids-differ", "id", row, voters, join, (voter) => voter.ids);
    checkSame("subsets-differ", "subset", row, voters, join, (voter) => voter.subsets);
    checkSame("rows-differ", "texts", row, voters, join, (voter) => voter.fingerprints);
  }
}

function checkSame(
  code: string,
  what: string,
  row: number,
  voters: readonly VoterKeys[],
  join: VoterJoin,
  column: (voter: VoterKeys) => readonly (string | undefined | null)[] | undefined,
): void {
  let known: { name: string; value: string; row: number } | undefined;
  for (const [index, voter] of voters.entries()) {
    const place = join.places[index]![row]!;
    const value = column(voter)?.[place];
    if (value === undefined || value === null) continue;
    known ??= { name: voter.name, value, row: place };
    if (value === known.value || (what === "texts" && agree(value, known.value))) continue;
    const shown = what === "texts" ? "" : ` (${known.value} and ${value})`;
    throw new AssayError(
      `voting/${code}`,
      `Cannot join voters by ${join.by}: expected the same ${what} in row ${known.row + 1} of ` +
        `${known.name} and row ${place + 1} of ${voter.name}, found two different ones${shown}`,
    );
  }
}

/** Whether two fingerprints are the same in every column that both rows have. */
function agree(fingerprint: string, other: string): boolean {
  const [columns, others] = [fingerprint, other].map((text) =>
    new Map(
      text.split(" ").map((column) => {
        const hash = column.lastIndexOf(":") + 1;
        return [column.slice(0, hash), column.slice(hash)] as const;
      }),
    )
  );
  const shared = [...columns!.keys()].filter((column) => others!.has(column));
  return shared.every((column) => columns!.get(column) === others!.get(column));
}

/**
 * A short fingerprint of a row's texts (53 bits a column, not cryptographic): whatever of `prompt`,
 * `chosen`, `rejected`, `response`, `completion`, `responses`, `all_generated_responses` and `messages`
 * it has.
 *
 * @param row A row.
 * @returns The fingerprint; `undefined` for a row without texts.
 */
export function textFingerprint(row: Readonly<Record<string, unknown>>): string | undefined {
  const columns = textColumns.flatMap((column) => {
    const text = row[column] ?? "";
    return text === "" ? [] : [`${column}:${hash53(textOf(text))}`];
  });
  return columns.length === 0 ? undefined : columns.join(" ");
}

const textColumns: readonly string[] = [
  "prompt",
  "chosen",
  "rejected",
  "response",
  "completion",
  "responses",
  "all_generated_responses",
  "messages",
];

/** JSON, in which whole numbers beyond 2^53 stand as their digits. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner) => typeof inner === "bigint" ? String(inner) : inner);
}

/** Two multiplicative 32-bit hashes mixed into 53 bits (cyrb53). */
function hash53(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  const a = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  const b = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}
