import type { Row } from "../../data/rows.ts";
import type { Interval } from "../../numbers/bootstrap.ts";
import type { ChangeReport, ProbeReport } from "../../probing/probe_report.ts";
import type { SkewReport } from "../../probing/skew.ts";

/** A probe's report as rows, one for each change, in the report's order. */
export function probeReportRows({ changes }: ProbeReport): Row[] {
  return changes.map((change) => ({
    change: change.change,
    kind: change.kind,
    target: change.target,
    rows: change.rows,
    unchanged: change.unchanged,
    failed: change.failed,
    ...columnsOf("score_change", change.scoreChange),
    ...flipColumns(change),
    added_length: change.addedLength,
    ...(change.accuracy !== null && {
      accuracy_before: change.accuracy.before,
      accuracy_both: change.accuracy.both,
      ...(change.accuracy.rejected !== null && { accuracy_rejected: change.accuracy.rejected }),
    }),
  }));
}

function flipColumns({ flips, preferences }: ChangeReport): Row {
  if (flips === null) return {};
  return {
    preferences,
    ...(flips.loser && columnsOf("flips_loser", flips.loser)),
    ...(flips.winner && columnsOf("flips_winner", flips.winner)),
    ...(flips.both && columnsOf("flips_both", flips.both)),
  };
}

/** A figure and the ends of its interval. */
function columnsOf(name: string, { estimate, low, high }: Interval): Row {
  return { [name]: estimate, [`${name}_low`]: low, [`${name}_high`]: high };
}

/** A probe's report as one object, as `assay probe --summary` writes it. */
export function probeSummary(report: ProbeReport): Row {
  const { rows, firstFailure, answerOrder, changes, ...others } = report;
  const told = probeReportRows(report);
  return {
    rows,
    ...(firstFailure !== null && { first_failure: firstFailure }),
    ...others,
    answer_order: answerOrder,
    changes: told.map((row, index) => {
      const { summary, firstFailure } = changes[index]!;
      return { ...row, summary, ...(firstFailure && { first_failure: firstFailure }) };
    }),
  };
}

/** A report of skew as rows, one for each trait. */
export function skewReportRows({ traits }: SkewReport): Row[] {
  return traits.map((trait) => ({
    trait: trait.trait,
    pairs: trait.pairs,
    ties: trait.ties,
    ...columnsOf("skew", trait.skew),
    ...columnsOf("margin", trait.margin),
    human_pairs: trait.humanPairs,
    ...(trait.human && columnsOf("human", trait.human)),
    ...(trait.difference && columnsOf("difference", trait.difference)),
    ...(trait.disagreement && columnsOf("disagreement", trait.disagreement)),
  }));
}

/** A report of skew as one object, as `assay probe --skew --summary` writes it. */
export function skewSummary(report: SkewReport): Row {
  const { rows, firstFailure, seed } = report;
  const told = firstFailure === null ? {} : { first_failure: firstFailure };
  return { rows, ...told, seed, traits: skewReportRows(report) };
}
