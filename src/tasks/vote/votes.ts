import type { AssayError } from "../../error.ts";
import { tally, type TallyOptions, type Vote } from "../../voting/tally.ts";
import type { OutputRow } from "../output_row.ts";
import type { RepeatableRows } from "../repeatable_rows.ts";
import { type CommitteeCurveOptions, committeeCurves } from "./committee_curves.ts";
import { readVoters, type ReadVotersOptions } from "./read_voters.ts";
import { scoreVoters, type ScoreVotersOptions } from "./score_voters.ts";
import { votedRow } from "./vote_columns.ts";
import { summarize, type VoteSummary } from "./vote_summary.ts";
import type { VoterSpec } from "./voter_source.ts";
import type { VoterTable } from "./voter_table.ts";

/** How votes are counted. */
export interface CountOptions extends TallyOptions, CommitteeCurveOptions {
  /** Groups of equal size by strength in the summary; 20 by default. */
  readonly groups?: number | undefined;
}

/** How to let models vote. */
export interface VoteModelsOptions extends ScoreVotersOptions, CountOptions {}

/** How to let files of scores vote. */
export interface VoteFilesOptions extends ReadVotersOptions, CountOptions {}

/** What the voters say of all rows. */
export interface Votes {
  /** One per row, in the order of the rows. */
  readonly votes: readonly Vote[];
  /** Counts, voters, categories and groups. */
  readonly summary: VoteSummary;
  /**
   * The rows once more, with the columns of their votes.
   *
   * @param options `explain` adds what each voter said: `margins`, or `voter_scores`.
   */
  rows(options?: { readonly explain?: boolean | undefined }): AsyncGenerator<OutputRow>;
}

/**
 * Lets reward models vote on rows, as `assay vote --model` does: every voter scores the rows, as far
 * as the cache does not know its scores, then the votes are counted. The columns of a pair are the
 * aggregates `chosen_score`, `rejected_score` and `margin`, then `strength_mean`, `strength_std`,
 * `vote_share`, `target_probability`, `category`, `disagreement` and `voters`; of a single row
 * `score`, `disagreement` and `voters`; of candidates `scores`, `best`, `disagreement` and `voters`.
 *
 * @example
 * ```ts
 * import { rowsInMemory, voteModels } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rows = rowsInMemory([{ prompt: "2 + 2?", chosen: "4", rejected: "5" }]);
 * const voters = ["llama", "qwen3"].map((name) => ({ model: `tests/golden/parity/${name}` }));
 * const { summary, rows: voted } = await voteModels(rows, voters, { aggregation: "mean" });
 * assert.deepEqual(summary.voters.map(({ name }) => name), ["llama", "qwen3"]);
 * for await (const { row } of voted({ explain: true })) {
 *   assert.equal(row.voters, 2);
 *   assert.equal((row.margins as number[]).length, 2);
 * }
 * ```
 *
 * @param rows The rows; they are read several times.
 * @param voters Checkpoints, with adapters or linear heads.
 * @param options Where scores are kept, how models are loaded, and how votes are counted.
 * @throws {AssayError} What opening and loading the voters throws; `cli/cache` where the cache can't
 *   be used; `cli/interrupted` on the signal.
 */
export async function voteModels(
  rows: RepeatableRows,
  voters: readonly VoterSpec[],
  options: VoteModelsOptions = {},
): Promise<Votes> {
  return await countVotes(await scoreVoters(rows, voters, options), options);
}

/**
 * Puts the scores of files together, one file per voter, from any tool: as `assay vote` does.
 *
 * @example
 * ```ts
 * import { voteFiles } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const files = await Promise.all([1, 3].map(async (score) => {
 *   const path = await Deno.makeTempFile({ suffix: ".jsonl" });
 *   await Deno.writeTextFile(path, `{"id":"a","chosen_score":${score},"rejected_score":0}\n`);
 *   return path;
 * }));
 * const { votes } = await voteFiles(files);
 * assert.equal(votes[0]?.kind === "pair" && votes[0].strength.mean, 2);
 * ```
 *
 * @param inputs Paths, one per voter; `-` is standard input. Rows come out as in the first.
 * @param options How rows are matched, and how votes are counted.
 * @throws {AssayError} What reading and joining throws; `voting/no-scores` where no row of a file has
 *   scores.
 */
export async function voteFiles(
  inputs: readonly string[],
  options: VoteFilesOptions = {},
): Promise<Votes> {
  return await countVotes(await readVoters(inputs, options), options);
}

async function countVotes(table: VoterTable, options: CountOptions): Promise<Votes> {
  const votes = tally(table.rows, options);
  const { errors } = table;
  const gold = options.quality === undefined ? undefined : await committeeCurves(table, options);
  return {
    votes,
    summary: {
      ...summarize(table, votes, options, options.groups ?? 20),
      ...(gold === undefined ? {} : { gold }),
    },
    rows: ({ explain = false } = {}) => votedRows(table, votes, errors, explain),
  };
}

async function* votedRows(
  table: VoterTable,
  votes: readonly Vote[],
  errors: readonly (AssayError | undefined)[] | undefined,
  explain: boolean,
): AsyncGenerator<OutputRow> {
  for await (const { item, place } of table.read()) {
    const row = place === undefined
      ? votedRow(item, undefined, undefined, undefined)
      : votedRow(item, votes[place], errors?.[place], explain ? table.rows[place] : undefined);
    yield { row, failed: row.error !== undefined };
  }
}
