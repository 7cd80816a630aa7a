import { bestOfNWin, type TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import { type EvaluatedGroup, Evaluation } from "../../evaluation/evaluation.ts";
import { publishedSubset } from "../../evaluation/rewardbench_sections.ts";
import { isTiesId } from "../../evaluation/ties_subset.ts";
import type { Interval } from "../../numbers/bootstrap.ts";
import type { AccuracySection, AuditedGroup, Section } from "./audit_report.ts";
import type { AuditedLabel, AuditedRows } from "./audited_rows.ts";
import type { ClusterMeans } from "./cluster_means.ts";

/** Subsets that a report lists; more would make no page that anyone reads. */
export const mostSubsets = 100;

/** What equal scores count as in all parts of an audit, as in `evaluate` without a flag. */
export const auditTie: TieRule = "half";

/** Rows that count in "all": those of RewardBench 2's subset Ties have a rule of their own. */
export function plainLabels(labels: readonly AuditedLabel[]): AuditedLabel[] {
  return labels.filter((label) => !isOfTies(label));
}

/** Labelled rows by the name of their subset, the largest subsets, in order of appearance. */
export function labelsBySubset(labels: readonly AuditedLabel[]): Map<string, AuditedLabel[]> {
  const subsets = new Map<string, { name: string; rows: AuditedLabel[] }>();
  for (const label of labels) {
    if (label.subset === undefined) continue;
    const key = publishedSubset(label.subset);
    const found = subsets.get(key);
    if (found === undefined) subsets.set(key, { name: label.subset, rows: [label] });
    else found.rows.push(label);
  }
  const all = [...subsets.values()];
  const kept = new Set(
    all.toSorted((a, b) => b.rows.length - a.rows.length).slice(0, mostSubsets),
  );
  return new Map(all.filter((subset) => kept.has(subset)).map(({ name, rows }) => [name, rows]));
}

/**
 * Accuracies as `evaluate` tells them, with intervals over prompts.
 *
 * @param rows The model's rows.
 * @param means Takes the intervals.
 * @param command What gives the same numbers.
 */
export function accuracySection(
  rows: AuditedRows,
  means: ClusterMeans,
  command: string,
): Section<AccuracySection> {
  const { labels } = rows;
  if (labels.length === 0) {
    return {
      missing:
        "rows whose right answer is known: pairs (chosen_score, rejected_score), or scores of " +
        "candidates with num_correct",
    };
  }
  const evaluation = new Evaluation(auditTie);
  for (const label of labels) evaluation.add(label);
  const { groups } = evaluation.report();
  const plain = plainLabels(labels);
  const subsets = labelsBySubset(plain);
  const shown = groups.filter(({ group, name }) =>
    group !== "subset" || subsets.has(name) || publishedSubset(name) === "Ties"
  );
  return {
    command,
    tie: auditTie,
    groups: shown.map((group) =>
      withInterval(group, group.group === "all" ? plain : subsets.get(group.name), means)
    ),
    subsetsLeftOut: groups.length - shown.length,
  };
}

/** How far a row's scores pick a right candidate. */
export function winOfScores(scores: readonly number[], correct: number): number {
  return bestOfNWin(scores, correct, auditTie);
}

function withInterval(
  { accuracy, calibrated: _, ...group }: EvaluatedGroup,
  labels: readonly AuditedLabel[] | undefined,
  means: ClusterMeans,
): AuditedGroup {
  // A section, a benchmark and the subset Ties are no means of rows.
  const isMean = (group.group === "all" || group.group === "subset") && labels !== undefined;
  const interval: Interval = isMean
    ? means.mean(labels, ({ scores, correct }) => winOfScores(scores, correct))
    : { estimate: null, low: null, high: null };
  return { ...group, accuracy: { ...interval, estimate: accuracy } };
}

function isOfTies({ subset, id }: AuditedLabel): boolean {
  return subset !== undefined && publishedSubset(subset) === "Ties" && isTiesId(id);
}
