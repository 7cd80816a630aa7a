import { bestOfNWin, checkCandidates, type TieRule } from "./best_of_n_accuracy.ts";
import {
  publishedSubset,
  rewardBench2Score,
  rewardBench2Subsets,
  rewardBenchScore,
  rewardBenchSections,
  rewardBenchWeights,
} from "./rewardbench_sections.ts";
import { isTiesId, type TiesRow, tiesScore } from "./ties_subset.ts";
import { checkOptions, oneOf } from "../check_options.ts";

/** One scored row whose right candidates are known. A pair is a row of two, the chosen one first. */
export interface LabelledRow {
  /** One finite score per candidate, the right candidates first. */
  readonly scores: readonly number[];
  /** How many candidates are right; 1 for a pair. */
  readonly correct: number;
  /** Calibrated scores of the candidates, where there is a calibrator. */
  readonly calibrated?: readonly number[] | undefined;
  /** Lengths of the candidates in code points, where they are known. */
  readonly lengths?: readonly number[] | undefined;
  /** The row's subset, where it names one. */
  readonly subset?: string | undefined;
  /** The row's id; `ref:N` and `tied:N` in the subset `Ties` mark rows of RewardBench 2. */
  readonly id?: unknown;
}

/** Accuracies of some rows by several ways of choosing, from 0 to 1. */
export interface Accuracies {
  /** By the scores. */
  readonly accuracy: number;
  /** By the calibrated scores; `null` unless every row has them. */
  readonly calibrated: number | null;
  /** If the longest candidate always won; `null` unless the length of every candidate is known. */
  readonly longerWins: number | null;
  /** If the shortest candidate always won; `null` as above. */
  readonly shorterWins: number | null;
}

/** Accuracies of all rows, of a subset, of a section, or of a whole benchmark. */
export interface EvaluatedGroup extends Accuracies {
  /** What the rows have in common. */
  readonly group: "all" | "subset" | "section" | "benchmark";
  /** Its name. */
  readonly name: string;
  /** Rows counted. */
  readonly rows: number;
  /** Subsets of a section that were not among the rows. */
  readonly missing: readonly string[];
}

/** What an evaluation amounts to. */
export interface EvaluationReport {
  /** What equal scores counted as. */
  readonly tie: TieRule;
  /** Rows whose highest score a right and a wrong candidate share. */
  readonly tiedRows: number;
  /** Rows of RewardBench 2's subset Ties that stand in no group: no prompt has both counterparts. */
  readonly leftOut: number;
  /** Rows of a subset called Ties that have other ids than `ref:N` and `tied:N`: they count plainly. */
  readonly plainTies: number;
  /** All rows, then subsets in order of appearance, RewardBench's sections, and benchmarks. */
  readonly groups: readonly EvaluatedGroup[];
}

/** A way of choosing among candidates; each gives them numbers of which the highest is chosen. */
const ratings = {
  accuracy: (row: LabelledRow) => row.scores,
  calibrated: (row: LabelledRow) => row.calibrated,
  longerWins: (row: LabelledRow) => row.lengths,
  shorterWins: (row: LabelledRow) => row.lengths?.map((length) => -length),
};

type Rating = keyof typeof ratings;
const ratingNames = Object.keys(ratings) as readonly Rating[];

/** Rows counted in a group, and how many of them each rating wins; NaN where it is not known for all. */
class Tally {
  rows = 0;
  readonly wins: Record<Rating, number> = {
    accuracy: 0,
    calibrated: 0,
    longerWins: 0,
    shorterWins: 0,
  };
}

/**
 * Gathers the accuracy of scores on rows whose right candidates are known: over all rows, by subset,
 * by section of RewardBench 1 and for RewardBench 2, always beside "the longer one wins" and "the
 * shorter one wins". Rows of RewardBench 2's subset Ties count by its own rule (see `tiesScore`) and
 * in their subset only.
 *
 * @example
 * ```ts
 * import { Evaluation } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const evaluation = new Evaluation();
 * evaluation.add({ scores: [1.5, 0.2], correct: 1, lengths: [10, 40] });
 * evaluation.add({ scores: [0.1, 0.7], correct: 1, lengths: [30, 20] });
 * const [all] = evaluation.report().groups;
 * assert.equal(all?.accuracy, 0.5);
 * assert.equal(all?.shorterWins, 0.5);
 * ```
 */
export class Evaluation {
  readonly #tie: TieRule;
  readonly #all = new Tally();
  /** By published name, where RewardBench has one. */
  readonly #subsets = new Map<string, { readonly name: string; readonly tally: Tally }>();
  readonly #tiesRows: LabelledRow[] = [];
  #tiedRows = 0;

  /**
   * An empty evaluation.
   *
   * @param tie What equal scores count as. Default `"half"`.
   */
  constructor(tie: TieRule = "half") {
    checkOptions("evaluation/bad-option", "evaluate", { tie }, { tie: oneOf("half", "wrong") });
    this.#tie = tie;
  }

  /**
   * Counts one row.
   *
   * @throws {AssayError} `evaluation/bad-row` where no candidate is right or none is wrong, or a score
   *   is not finite; nothing is counted then.
   */
  add(row: LabelledRow): void {
    checkCandidates(row.scores, row.correct);
    if (isTies(row.subset) && isTiesId(row.id)) {
      this.#tiesRows.push(row);
      return;
    }
    const win = bestOfNWin(row.scores, row.correct, "half");
    if (win > 0 && win < 1) this.#tiedRows++;
    for (const tally of [this.#all, ...this.#subsetTally(row.subset)]) {
      tally.rows++;
      for (const name of ratingNames) tally.wins[name] += this.#win(row, name);
    }
  }

  /** What was gathered so far. */
  report(): EvaluationReport {
    const subsets = [...this.#subsets.values()].map(({ name, tally }) =>
      groupOf("subset", name, tally)
    );
    // A subset that is called Ties and counts plainly is somebody else's: no benchmark has it.
    const published = subsets.filter(({ name }) => !isTies(name));
    const ties = tiesGroup(this.#tiesRows);
    if (ties !== undefined) {
      subsets.push(ties);
      published.push(ties);
    }
    return {
      tie: this.#tie,
      tiedRows: this.#tiedRows,
      leftOut: ties === undefined ? this.#tiesRows.length : 0,
      plainTies: this.#subsets.get("Ties")?.tally.rows ?? 0,
      groups: [
        ...(this.#all.rows === 0 ? [] : [groupOf("all", "all", this.#all)]),
        ...subsets,
        ...sectionGroups(published),
        ...benchmarkGroup("RewardBench", rewardBenchNames, rewardBenchScore, published),
        ...benchmarkGroup("RewardBench 2", rewardBench2Subsets, rewardBench2Score, published),
      ],
    };
  }

  #win(row: LabelledRow, name: Rating): number {
    const values = ratings[name](row);
    return isKnown(values) ? bestOfNWin(values, row.correct, this.#tie) : NaN;
  }

  #subsetTally(subset: string | undefined): Tally[] {
    if (subset === undefined) return [];
    const published = publishedSubset(subset);
    let found = this.#subsets.get(published);
    if (found === undefined) {
      this.#subsets.set(published, found = { name: subset, tally: new Tally() });
    }
    return [found.tally];
  }
}

const rewardBenchNames = Object.values(rewardBenchWeights).flatMap(Object.keys);

function isTies(subset: string | undefined): boolean {
  return subset !== undefined && publishedSubset(subset) === "Ties";
}

function isKnown(values: readonly number[] | undefined): values is readonly number[] {
  return values !== undefined && values.every(Number.isFinite);
}

function groupOf(group: EvaluatedGroup["group"], name: string, tally: Tally): EvaluatedGroup {
  const share = (rating: Rating) => {
    const value = tally.wins[rating] / tally.rows;
    return Number.isNaN(value) ? null : value;
  };
  return groupBy({ group, name, rows: tally.rows, missing: [] }, share);
}

/** A group whose accuracies a function gives; a score is always known. */
function groupBy(
  group: Omit<EvaluatedGroup, keyof Accuracies>,
  accuracyBy: (rating: Rating) => number | null,
): EvaluatedGroup {
  return {
    ...group,
    accuracy: accuracyBy("accuracy")!,
    calibrated: accuracyBy("calibrated"),
    longerWins: accuracyBy("longerWins"),
    shorterWins: accuracyBy("shorterWins"),
  };
}

/** The subset Ties by its own rule; `undefined` where no prompt has both counterparts. */
function tiesGroup(rows: readonly LabelledRow[]): EvaluatedGroup | undefined {
  const score = (rating: Rating) => {
    const rated: TiesRow[] = [];
    for (const row of rows) {
      const values = ratings[rating](row);
      if (!isKnown(values)) return null;
      rated.push({ id: row.id as string, scores: values, correct: row.correct });
    }
    return tiesScore(rated)?.score ?? null;
  };
  if (score("accuracy") === null) return undefined;
  return groupBy({ group: "subset", name: "Ties", rows: rows.length, missing: [] }, score);
}

/** The subsets' accuracies by one rating, where it is known for them. */
function accuraciesBy(rating: Rating, subsets: readonly EvaluatedGroup[]): Map<string, number> {
  return new Map(subsets.flatMap((subset) => {
    const accuracy = subset[rating];
    return accuracy === null ? [] : [[publishedSubset(subset.name), accuracy]];
  }));
}

function rowsOf(names: readonly string[], subsets: readonly EvaluatedGroup[]): number {
  return subsets.filter(({ name }) => names.includes(publishedSubset(name)))
    .reduce((sum, { rows }) => sum + rows, 0);
}

function sectionGroups(subsets: readonly EvaluatedGroup[]): EvaluatedGroup[] {
  return rewardBenchSections(accuraciesBy("accuracy", subsets)).map((section) => {
    const { name, present, missing } = section;
    return groupBy(
      { group: "section", name, rows: rowsOf(present, subsets), missing },
      (rating) => {
        const same = rewardBenchSections(accuraciesBy(rating, subsets))
          .find((other) => other.name === name);
        // On fewer subsets it would not be comparable.
        return same?.present.length === present.length ? same.accuracy : null;
      },
    );
  });
}

function benchmarkGroup(
  name: string,
  names: readonly string[],
  score: (accuracies: ReadonlyMap<string, number>) => number | null,
  subsets: readonly EvaluatedGroup[],
): EvaluatedGroup[] {
  if (score(accuraciesBy("accuracy", subsets)) === null) return [];
  return [groupBy(
    { group: "benchmark", name, rows: rowsOf(names, subsets), missing: [] },
    (rating) => score(accuraciesBy(rating, subsets)),
  )];
}
