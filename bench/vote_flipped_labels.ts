/**
 * How well preference strength finds labels that are wrong. The labels of a share of held-back pairs
 * are flipped at random; then each detector ranks the pairs from the least to the most convincing:
 * all voters' mean margin, the share of their votes, one voter's margin alone (the mean over the
 * voters), and the longer response wins.
 *
 *     deno run --allow-read bench/vote_flipped_labels.ts voter1.jsonl voter2.jsonl … [options]
 *     deno run --allow-read bench/vote_flipped_labels.ts voted.jsonl [options]
 *
 * Takes one file of scores per voter, or one file that `assay vote --explain` wrote (`margins`), or a
 * table with columns `NAME__chosen`, `NAME__rejected`. Length is that of the response in code points,
 * or the columns `chosen_length`, `rejected_length` (`len_chosen`, `len_rejected`).
 *
 *     --subset EXPRESSION   only rows whose `subset` matches
 *     --normalize           divide each voter's margins by their own spread
 *     --repeats N           random draws, default 50
 *     --json                print the numbers as JSON
 *
 * Printed, as mean ± standard deviation over the draws: the area under the curve (chance that a
 * flipped pair stands before one that is not, ties one half), and precision and recall of the lowest
 * 20 % (the paper's category *incorrect*), and of as many pairs as were flipped, where both are one
 * number.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { seededShuffle } from "../src/numbers/seeded_random.ts";
import { readRows } from "../src/data/read_rows.ts";
import type { Row } from "../src/data/rows.ts";
import { averageRanks } from "../src/numbers/ranks.ts";
import { joinVoters } from "../src/voting/join_voters.ts";
import { mean, populationStd } from "../src/numbers/moments.ts";
import { normalizeMargins } from "../src/voting/normalize.ts";
import { preferenceStrength } from "../src/voting/preference_strength.ts";
import { readNumber } from "../src/voting/scored_row.ts";

/** Pairs with true labels: margins and lengths of chosen minus rejected. */
export interface HeldBackPairs {
  /** Margins by voter, then by pair. */
  readonly voters: readonly (readonly number[])[];
  /** Length of the chosen response minus that of the rejected one. */
  readonly lengths: readonly number[];
}

/** What a detector finds. */
export interface Detection {
  /** Chance that a flipped pair stands before one that is not. */
  readonly areaUnderCurve: number;
  /** Share of flipped pairs among the lowest 20 %. */
  readonly precision: number;
  /** Share of the flipped pairs that are among the lowest 20 %. */
  readonly recall: number;
  /** Share of flipped pairs among as many of the lowest as were flipped. */
  readonly precisionAtShare: number;
}

/** One line of the table. */
export interface DetectorResult {
  /** Share of the pairs whose labels were flipped. */
  readonly flipped: number;
  /** Name of the detector. */
  readonly detector: string;
  /** Means over the draws (and over the voters, for one voter alone). */
  readonly mean: Detection;
  /** Standard deviations over the draws. */
  readonly std: Detection;
}

/** Share of the pairs that the paper calls incorrect. */
const lowestShare = 0.2;

/**
 * How well a ranking finds the flipped pairs.
 *
 * @param strengths Strength of each pair under its (perhaps flipped) label.
 * @param flipped Whether each pair's label was flipped.
 */
export function detect(
  strengths: readonly number[],
  flipped: readonly boolean[],
): Detection {
  const ranks = [...averageRanks(strengths)];
  const positives = flipped.filter(Boolean).length;
  const negatives = flipped.length - positives;
  const rankSum = ranks.reduce((sum, rank, pair) => sum + (flipped[pair] ? rank : 0), 0);
  const area = 1 - (rankSum - positives * (positives + 1) / 2) / (positives * negatives);
  const found = (share: number) =>
    expectedFound(ranks, flipped, Math.round(share * flipped.length));
  const lowest = Math.round(lowestShare * flipped.length);
  return {
    areaUnderCurve: area,
    precision: found(lowestShare) / lowest,
    recall: found(lowestShare) / positives,
    precisionAtShare: found(positives / flipped.length) / positives,
  };
}

/** Flipped pairs among the `count` lowest, ties at the border broken by equal parts. */
function expectedFound(
  ranks: readonly number[],
  flipped: readonly boolean[],
  count: number,
): number {
  const order = [...ranks.keys()].sort((a, b) => ranks[a]! - ranks[b]!);
  const border = ranks[order[count - 1]!]!;
  let below = 0, belowFlipped = 0, tied = 0, tiedFlipped = 0;
  ranks.forEach((rank, pair) => {
    if (rank < border) {
      below++;
      if (flipped[pair]) belowFlipped++;
    } else if (rank === border) {
      tied++;
      if (flipped[pair]) tiedFlipped++;
    }
  });
  return belowFlipped + tiedFlipped * (count - below) / tied;
}

/**
 * Flips labels at random and lets every detector look for them.
 *
 * @param pairs Pairs whose labels are taken as true.
 * @param share Share of the labels to flip.
 * @param repeats Number of random draws; the same seeds for every share.
 */
export function flipAndDetect(
  pairs: HeldBackPairs,
  share: number,
  repeats: number,
): DetectorResult[] {
  const draws: Record<string, Detection[]> = {};
  const { length } = pairs.lengths;
  const count = Math.round(share * length);
  for (let seed = 1; seed <= repeats; seed++) {
    const order = seededShuffle(length, seed);
    const flipped = new Array<boolean>(length).fill(false);
    for (const pair of order.subarray(0, count)) flipped[pair] = true;
    const sign = flipped.map((isFlipped) => isFlipped ? -1 : 1);
    const margins = pairs.voters.map((voter) => voter.map((margin, pair) => margin * sign[pair]!));
    const strengths = sign.map((_, pair) => preferenceStrength(margins.map((row) => row[pair]!)));
    const found: Record<string, Detection> = {
      [`${margins.length} voters, mean margin`]: detect(strengths.map((s) => s.mean), flipped),
      [`${margins.length} voters, share of votes`]: detect(
        strengths.map((s) => s.voteShare),
        flipped,
      ),
      "one voter": average(margins.map((row) => detect(row, flipped))).mean,
      "length (longer wins)": detect(pairs.lengths.map((d, pair) => d * sign[pair]!), flipped),
    };
    for (const [detector, detection] of Object.entries(found)) {
      (draws[detector] ??= []).push(detection);
    }
  }
  return Object.entries(draws).map(([detector, all]) => ({
    flipped: share,
    detector,
    ...average(all),
  }));
}

function average(all: readonly Detection[]): { mean: Detection; std: Detection } {
  const of = (summary: (values: number[]) => number): Detection => ({
    areaUnderCurve: summary(all.map((one) => one.areaUnderCurve)),
    precision: summary(all.map((one) => one.precision)),
    recall: summary(all.map((one) => one.recall)),
    precisionAtShare: summary(all.map((one) => one.precisionAtShare)),
  });
  return { mean: of(mean), std: of((values) => populationStd(values)) };
}

/** What one row says: the voters' margins and the difference of the lengths. */
interface RowFacts {
  readonly id: string | undefined;
  readonly subset: string;
  readonly margins: readonly number[];
  readonly length: number;
}

/**
 * Reads held-back pairs from score files; pairs that some voter did not score are left out.
 *
 * @param paths One file per voter, or one file with several voters.
 * @param subset Only rows whose `subset` matches.
 */
export async function readHeldBackPairs(
  paths: readonly string[],
  subset = /(?:)/,
): Promise<HeldBackPairs & { left: number }> {
  const files: RowFacts[][] = [];
  for (const path of paths) {
    const facts: RowFacts[] = [];
    for await (const { row, error } of readRows(path)) {
      if (row === undefined) throw error;
      facts.push(factsOf(row));
    }
    files.push(facts);
  }
  const { places, rows } = joinVoters(files.map((facts, file) => ({
    name: paths[file]!,
    ids: facts.map(({ id }) => id),
    fingerprints: facts.map(() => undefined),
  })));
  const joined = Array.from({ length: rows }, (_, row) => {
    const parts = files.map((facts, file) => facts[places[file]![row]!]);
    return {
      margins: parts.flatMap((part) => part?.margins ?? [NaN]),
      length: parts.find((part) => part !== undefined)!.length,
      subset: parts.find((part) => part !== undefined)!.subset,
    };
  }).filter((row) => subset.test(row.subset));
  const complete = joined.filter(({ margins, length }) =>
    [...margins, length].every(Number.isFinite)
  );
  return {
    voters: (complete[0]?.margins ?? []).map((_, voter) =>
      complete.map((row) => row.margins[voter]!)
    ),
    lengths: complete.map(({ length }) => length),
    left: joined.length - complete.length,
  };
}

function factsOf(row: Row): RowFacts {
  const named = Object.keys(row).filter((column) => column.endsWith("__chosen"));
  const difference = (chosen: string, rejected: string) =>
    readNumber(row[chosen]) - readNumber(row[rejected]);
  const margins = Array.isArray(row.margins)
    ? row.margins.map(readNumber)
    : named.length > 0
    ? named.map((column) => difference(column, column.replace(/__chosen$/, "__rejected")))
    : [difference("chosen_score", "rejected_score")];
  const columns = [["chosen_length", "rejected_length"], ["len_chosen", "len_rejected"]] as const;
  const column = columns.find(([chosen]) => row[chosen] !== undefined);
  return {
    id: row.id === undefined ? undefined : String(row.id),
    subset: String(row.subset ?? ""),
    margins,
    length: column === undefined
      ? codePoints(row.chosen) - codePoints(row.rejected)
      : difference(column[0], column[1]),
  };
}

/** Code points of a response: a text, or the last message of a list. */
function codePoints(side: unknown): number {
  const text = Array.isArray(side) ? (side.at(-1) as { content?: unknown })?.content : side;
  return typeof text === "string" ? [...text].length : NaN;
}

function printTable(results: readonly DetectorResult[]): void {
  console.log(
    "| flipped | ranked by | area under curve | precision of lowest 20 % | recall of lowest 20 % | " +
      "precision = recall at the share flipped |",
  );
  console.log("|---|---|---|---|---|---|");
  for (const { flipped, detector, mean, std } of results) {
    const cell = (key: keyof Detection) => `${mean[key].toFixed(3)} ± ${std[key].toFixed(3)}`;
    console.log(
      `| ${Math.round(100 * flipped)} % | ${detector} | ${cell("areaUnderCurve")} | ` +
        `${cell("precision")} | ${cell("recall")} | ${cell("precisionAtShare")} |`,
    );
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: [...Deno.args],
    allowPositionals: true,
    options: {
      subset: { type: "string" },
      normalize: { type: "boolean" },
      repeats: { type: "string", default: "50" },
      json: { type: "boolean" },
    },
  });
  const pairs = await readHeldBackPairs(positionals, new RegExp(values.subset ?? ""));
  const voters = values.normalize
    ? pairs.voters.map((margins) => [...normalizeMargins(margins).values])
    : pairs.voters;
  const results = [0.1, 0.2, 0.4].flatMap((share) =>
    flipAndDetect({ voters, lengths: pairs.lengths }, share, Number(values.repeats))
  );
  if (values.json) console.log(JSON.stringify(results));
  else printTable(results);
  const accuracy = (margins: readonly number[]) =>
    (100 * mean(margins.map((d) => (Math.sign(d) + 1) / 2))).toFixed(1);
  const ensemble = pairs.lengths.map((_, pair) => mean(voters.map((margins) => margins[pair]!)));
  console.error(
    `${pairs.lengths.length} pairs (${pairs.left} left out), ${values.repeats} draws; accuracy with ` +
      `the labels as they are: ${voters.map(accuracy).join(", ")} % one by one, ` +
      `${accuracy(ensemble)} % together, ${accuracy(pairs.lengths)} % the longer one`,
  );
}
