import { bestOfNWin, type TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import { type EvaluatedGroup, Evaluation } from "../../evaluation/evaluation.ts";
import { publishedSubset } from "../../evaluation/rewardbench_sections.ts";
import type { Interval } from "../../numbers/bootstrap.ts";
import type { AccuracySection, AuditedGroup, Section } from "./audit_report.ts";
import type { AuditedRows } from "./audited_rows.ts";
import type { ClusterMeans } from "./cluster_means.ts";
import type { Labels } from "./label_columns.ts";

/** Subsets that a report lists; more would make no page that anyone reads. */
export const mostSubsets = 100;

/** What equal scores count as in all parts of an audit, as in `evaluate` without a flag. */
export const auditTie: TieRule = "half";

/** Labelled rows by the name of their subset, the largest subsets, in order of appearance. */
export function labelsBySubset(labels: Labels): Map<string, Labels> {
  const all = labels.bySubset();
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
  const plain = labels.plain();
  const formatted = markdownWins(labels);
  const subsets = labelsBySubset(plain);
  const shown = groups.filter(({ group, name }) =>
    group !== "subset" || subsets.has(name) || publishedSubset(name) === "Ties"
  );
  return {
    command,
    tie: auditTie,
    groups: shown.map((group) =>
      withInterval(group, group.group === "all" ? plain : subsets.get(group.name), means, formatted)
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
  labels: Labels | undefined,
  means: ClusterMeans,
  formatted: ReadonlyMap<string, number>,
): AuditedGroup {
  // A section, a benchmark and the subset Ties are no means of rows.
  const isMean = (group.group === "all" || group.group === "subset") && labels !== undefined;
  const interval: Interval = isMean
    ? meanWin(labels, means)
    : { estimate: null, low: null, high: null };
  return {
    ...group,
    accuracy: { ...interval, estimate: accuracy },
    formattedWins: formatted.get(keyOf(group)) ?? null,
  };
}

function meanWin(labels: Labels, means: ClusterMeans): Interval {
  const wins = new Float64Array(labels.length);
  let place = 0;
  for (const { scores, correct } of labels) wins[place++] = winOfScores(scores, correct);
  return means.mean(labels.clusters(), (row) => wins[row]!);
}

/** What always taking the response with the most Markdown gives, by group; nothing without all texts. */
function markdownWins(labels: Labels): Map<string, number> {
  if (!labels.hasMarkdown) return new Map();
  const evaluation = new Evaluation(auditTie);
  for (const label of labels) evaluation.add({ ...label, scores: label.markdown! });
  return new Map(
    evaluation.report().groups.map((group) => [keyOf(group), group.accuracy] as const),
  );
}

function keyOf({ group, name }: Pick<EvaluatedGroup, "group" | "name">): string {
  return `${group} ${name}`;
}
