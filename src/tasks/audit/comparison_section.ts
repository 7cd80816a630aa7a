import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { mcnemarExact, type McNemarTest } from "../../evaluation/mcnemar.ts";
import { joinVoters } from "../../voting/join_voters.ts";
import { strengthHistogram } from "../../voting/strength_plot.ts";
import { tally, type Vote } from "../../voting/tally.ts";
import { summarize } from "../vote/vote_summary.ts";
import { factsOf } from "../vote/voter_table.ts";
import { winOfScores } from "./accuracy_section.ts";
import {
  committeeName,
  type ComparedAccuracy,
  type ComparisonSection,
  type ModelDifference,
  type Section,
} from "./audit_report.ts";
import type { AuditedKeys, AuditedRows } from "./audited_rows.ts";
import { ClusterMeans } from "./cluster_means.ts";

/** What is kept of a model for the comparison with others. */
export interface ComparedModel {
  readonly name: string;
  readonly keys: AuditedKeys;
}

/** Which answers are right, as the first model's rows tell it. */
export interface ComparedLabels {
  /** By place: the prompt and how many candidates are right, where that is known. */
  readonly labels: ReadonlyMap<number, { readonly cluster: number; readonly correct: number }>;
  /** Number of prompts. */
  readonly clusters: number;
}

/** What the comparison needs of the first model's rows. */
export function comparedLabels(rows: AuditedRows): ComparedLabels {
  const labels = new Map<number, { readonly cluster: number; readonly correct: number }>();
  for (const { place, cluster, correct } of rows.labels.plain()) {
    labels.set(place, { cluster, correct });
  }
  return { labels, clusters: rows.clusters };
}

/** Groups by strength in the summary. */
const strengthGroups = 20;

/**
 * Several models on the same rows: accuracies, differences, votes and strengths, every voter's margins
 * brought to one spread.
 *
 * @param models The models; with one there is nothing to compare.
 * @param labelled What is right, as the first model's rows tell it.
 * @param command What gives the same numbers.
 */
export function comparisonSection(
  models: readonly ComparedModel[],
  labelled: ComparedLabels | undefined,
  command: string,
): Section<ComparisonSection> {
  if (models.length < 2 || labelled === undefined) {
    return { missing: "scores of a second model on the same rows" };
  }
  let joined;
  try {
    joined = joinVoters(models.map(({ name, keys }) => ({ name, ...keys })));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { missing: `rows that can be matched: ${error.message}` };
  }
  const rows = Array.from(
    { length: joined.rows },
    (_, row) => models.map(({ keys }, model) => keys.scores[joined.places[model]![row]!]),
  );
  const votes = tally(rows, { normalize: "std" });
  const names = models.map(({ name }) => name);
  const table = {
    voters: factsOf(names, rows),
    joinedBy: joined.by,
    rows,
    read: () => noRows(),
  };
  const pairs = votes.filter((vote) => vote.kind === "pair");
  return {
    command,
    matchedBy: joined.by,
    ...accuraciesOf(models, labelled, joined.places, votes),
    votes: summarize(table, votes, { normalize: "std" }, strengthGroups),
    strengths: strengthHistogram(
      pairs.map(({ strength: { mean, std }, category }) => ({ mean, std, category })),
    ),
  };
}

/** A row that all models scored: what each of them wins, and then their committee. */
interface ComparedRow {
  readonly cluster: number;
  readonly wins: readonly number[];
}

function accuraciesOf(
  models: readonly ComparedModel[],
  { labels, clusters: prompts }: ComparedLabels,
  places: readonly Int32Array[],
  votes: readonly Vote[],
): { accuracies: ComparedAccuracy[]; differences: ModelDifference[] } {
  const rows = votes.flatMap((vote, row) => {
    const label = labels.get(places[0]![row]!);
    if (label === undefined) return [];
    const scores = [
      ...models.map(({ keys }, model) => candidatesOf(keys.scores[places[model]![row]!])),
      candidatesOf(vote),
    ];
    if (!scores.every((each) => each.length > label.correct && each.every(Number.isFinite))) {
      return [];
    }
    const wins = scores.map((each) => winOfScores(each, label.correct));
    return [{ cluster: label.cluster, wins }];
  });
  if (rows.length === 0) return { accuracies: [], differences: [] };
  const means = new ClusterMeans(prompts);
  const names = [...models.map(({ name }) => name), committeeName];
  const win = (model: number) => (row: number) => rows[row]!.wins[model]!;
  const clusters = Uint32Array.from(rows, ({ cluster }) => cluster);
  return {
    accuracies: names.map((name, model) => ({
      name,
      rows: rows.length,
      accuracy: means.mean(clusters, win(model)),
    })),
    differences: names.flatMap((first, one) =>
      names.slice(one + 1).map((second, other) => ({
        first,
        second,
        difference: means.difference(clusters, win(one), win(one + 1 + other)),
        test: testOf(rows, one, one + 1 + other),
      }))
    ),
  };
}

/** Rows that one of two models gets right and the other does not; rows where one has a tie tell neither. */
function testOf(rows: readonly ComparedRow[], one: number, other: number): McNemarTest {
  const only = (right: number, wrong: number) =>
    rows.filter(({ wins }) => wins[right] === 1 && wins[wrong] === 0).length;
  return mcnemarExact(only(one, other), only(other, one));
}

/** Scores of a row's candidates, a pair's chosen one first; none for what has no candidates. */
function candidatesOf(scores: AuditedKeys["scores"][number] | Vote): readonly number[] {
  if (scores?.kind === "pair") return [scores.chosen, scores.rejected];
  return scores?.kind === "best_of_n" ? scores.scores : [];
}

/** The votes are counted only; nobody writes the rows. */
async function* noRows(): AsyncGenerator<
  { item: { line: number; row: Row; error: undefined }; place: number }
> {}
