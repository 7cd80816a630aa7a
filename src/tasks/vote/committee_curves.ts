import { numbersInColumn } from "../../data/column_values.ts";
import { AssayError } from "../../error.ts";
import { aggregations } from "../../voting/committee.ts";
import { type GoldCurves, goldCurves, type GoldPrompt } from "../../voting/gold_curve.ts";
import { tally, type TallyOptions } from "../../voting/tally.ts";
import type { VoterTable } from "./voter_table.ts";

/** Which curves of quality to draw. */
export interface CommitteeCurveOptions {
  /** Column with the candidates' gold qualities, a list of numbers. */
  readonly quality?: string | undefined;
  /** Largest n; rows with fewer candidates are left out. Default: as many as every row has. */
  readonly bestOf?: number | undefined;
}

/**
 * Gold quality of the best of n against n and KL, picked by the committee with each aggregation, and by
 * each voter alone. The first curve is that of the mean, which the others' gains are against.
 *
 * @param table The voters' scores.
 * @param options How votes are counted, and where the qualities stand.
 * @returns Over the rows of candidates that every voter scored.
 * @throws {AssayError} `voting/no-quality` where no row of candidates has them.
 */
export async function committeeCurves(
  table: VoterTable,
  options: TallyOptions & CommitteeCurveOptions,
): Promise<GoldCurves> {
  const column = options.quality!;
  const qualities = await qualitiesOf(table, column);
  // Votes and ranks compare candidates: a single response has nothing to be compared with.
  const hasSingles = table.rows.some((row) => row.some((scores) => scores?.kind === "single"));
  const names = aggregations.filter((how) =>
    !hasSingles || !(how === "majority" || how === "borda")
  );
  // Of each count the scores alone are kept: those of large files would not fit side by side.
  const aggregates = names.map((aggregation) =>
    tally(table.rows, { ...options, aggregation })
      .map((vote) => vote.kind === "best_of_n" ? vote.scores : [])
  );
  const prompts = table.rows.flatMap((row, place): GoldPrompt[] => {
    if (!row.some((scores) => scores?.kind === "best_of_n")) return [];
    const aggregated = aggregates.map((scores) => scores[place]!);
    const own = row.map((scores) => scores?.kind === "best_of_n" ? scores.scores : []);
    return [{ scores: [...aggregated, ...own], gold: qualities.get(place) ?? [] }];
  });
  if (!prompts.some(({ gold }) => gold.length > 0)) {
    throw new AssayError(
      "voting/no-quality",
      `Cannot draw curves of quality: expected rows of candidates with numbers in column "${column}", one ` +
        `per candidate, found none among ${table.rows.length} rows`,
    );
  }
  const voters = table.voters.map(({ name }) => `voter ${name}`);
  return goldCurves([...names, ...voters], prompts, { largest: options.bestOf });
}

async function qualitiesOf(table: VoterTable, column: string): Promise<Map<number, number[]>> {
  const qualities = new Map<number, number[]>();
  for await (const { item: { row }, place } of table.read()) {
    const numbers = row === undefined ? undefined : numbersOrNone(row, column);
    if (place !== undefined && numbers !== undefined) qualities.set(place, numbers);
  }
  return qualities;
}

/** A column that holds something else leaves its row out, as one that is not there does. */
function numbersOrNone(row: Readonly<Record<string, unknown>>, column: string) {
  try {
    return numbersInColumn(row, column)?.map((quality) => quality ?? NaN);
  } catch (error) {
    if (error instanceof AssayError) return undefined;
    throw error;
  }
}
