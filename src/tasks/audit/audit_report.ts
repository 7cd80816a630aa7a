import type { AbstentionReport } from "../../calibration/abstention.ts";
import type { BenchmarkReport } from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import type { TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import type { McNemarTest } from "../../evaluation/mcnemar.ts";
import type { EvaluatedGroup } from "../../evaluation/evaluation.ts";
import type { ConformalCoverage } from "../../calibration/conformal_coverage.ts";
import type { ReliabilityReport } from "../../evaluation/reliability.ts";
import type { Interval } from "../../numbers/bootstrap.ts";
import type { ProbeReport } from "../../probing/probe_report.ts";
import type { SkewReport } from "../../probing/skew.ts";
import type { GoldCurves } from "../../voting/gold_curve.ts";
import type { JoinKey } from "../../voting/join_voters.ts";
import type { StrengthBin } from "../../voting/strength_plot.ts";
import type { VoteSummary } from "../vote/vote_summary.ts";

/** Format of `audit.json`; counted up where a field changes its meaning or goes. */
export const auditVersion = 1;

/** What an audit found: what `audit.json` holds and the page shows. */
export interface AuditReport {
  /** Tells the file from others. */
  readonly format: "assay-audit";
  /** Version of the format, {@linkcode auditVersion}. */
  readonly version: number;
  /** Version of Assay. */
  readonly assay: string;
  /** The command line that made it. */
  readonly command: string;
  /** What every interval is. */
  readonly intervals: IntervalRule;
  /** One per model, in the order given. */
  readonly models: readonly ModelAudit[];
  /** Differences between the models; missing where there is one. */
  readonly comparison: Section<ComparisonSection>;
}

/** How intervals were computed. */
export interface IntervalRule {
  /** Nominal coverage, from 0 to 1. */
  readonly coverage: number;
  /** What was drawn again: prompts where rows tell them, else rows. */
  readonly over: "prompts" | "rows";
  /** How many there are; those of the model with the most. */
  readonly clusters: number;
  /** Draws. */
  readonly draws: number;
  /** Seed of the draws. */
  readonly seed: number;
}

/** A part of a report, or why there is none. */
export type Section<Content> = Content | MissingSection;

/** A part that could not be made. */
export interface MissingSection {
  /** What it would need, in words. */
  readonly missing: string;
}

/** Whether a part could not be made. */
export function isMissing(section: Section<object>): section is MissingSection {
  return "missing" in section && typeof section.missing === "string";
}

/** What was found of one model. */
export interface ModelAudit {
  /** Its name: the file, the column, or the checkpoint. */
  readonly name: string;
  /** What its scores were read from. */
  readonly source: string;
  /** Rows of each kind. */
  readonly rows: AuditedRowCounts;
  /** What a reader should take away. */
  readonly summary: readonly SummaryLine[];
  /** How often it is right. */
  readonly accuracy: Section<AccuracySection>;
  /** How its scores follow length, and what taking that out changes. */
  readonly length: Section<LengthSection>;
  /** How well its margins tell how sure it is. */
  readonly reliability: Section<ReliabilitySection>;
  /** How many rows it can decide at a risk. */
  readonly abstention: Section<AbstentionSection>;
  /** How many targets conformal intervals hold. */
  readonly coverage: Section<CoverageSection>;
  /** A benchmark's own figures. */
  readonly benchmark: Section<BenchmarkSection>;
  /** What changes that keep the meaning do. */
  readonly probe: Section<ProbeSection>;
  /** How often traits win in pairs that differ in them alone. */
  readonly skew: Section<SkewSection>;
  /** What the best of n by its scores is worth. */
  readonly bestOf: Section<BestOfSection>;
}

/** What a reader should take away of one matter. */
export interface SummaryLine {
  /** The matter: `Accuracy`, `Length`, … */
  readonly about: string;
  /** Sentences. */
  readonly text: string;
}

/** Rows of one model. */
export interface AuditedRowCounts {
  /** Rows read. */
  readonly read: number;
  /** Pairs with both scores. */
  readonly pairs: number;
  /** Rows of several candidates. */
  readonly bestOfN: number;
  /** Rows of one response. */
  readonly single: number;
  /** Rows that could not be used. */
  readonly failed: number;
  /** Why the first of those could not. */
  readonly firstFailure?: { readonly code: string; readonly message: string } | undefined;
}

/** How often a model is right, by group. */
export interface AccuracySection {
  /** What gives the same numbers. */
  readonly command: string;
  /** What equal scores counted as. */
  readonly tie: TieRule;
  /** All rows, subsets, sections and benchmarks. */
  readonly groups: readonly AuditedGroup[];
  /** Subsets that are left out because there are too many; the smallest are. */
  readonly subsetsLeftOut: number;
}

/** One group's accuracy with its interval. */
export interface AuditedGroup extends Omit<EvaluatedGroup, "accuracy" | "calibrated"> {
  /** By the scores, from 0 to 1. */
  readonly accuracy: Interval;
  /** If the response with the most Markdown elements always won; `null` unless all texts are there. */
  readonly formattedWins: number | null;
}

/** How scores follow length. */
export interface LengthSection {
  /** What gives the same numbers. */
  readonly command: string;
  /** How the calibrator was fitted. */
  readonly method: string;
  /** Share of the fitted bias that was taken out. */
  readonly gamma: number;
  /** Responses with a score and a length. */
  readonly responses: number;
  /** Rank correlation of score and length; `null` where one of them is constant. */
  readonly spearmanBefore: number | null;
  /** The same of the calibrated scores. */
  readonly spearmanAfter: number | null;
  /** Share of preferences that calibration changes, and of what. */
  readonly preferencesChanged: { readonly share: number | null; readonly basis: string };
  /** What calibration changes in accuracy; empty without labels. All rows first. */
  readonly changes: readonly AccuracyChange[];
  /** Names of the parts of 30 rows or more whose change is below 0 by its whole interval. */
  readonly hurts: readonly string[];
  /** The fitted bias: expected score at a length. */
  readonly curve: readonly LengthPoint[];
  /** What is left of it in the calibrated scores. */
  readonly left: readonly LengthPoint[];
  /** Responses by intervals of length, of about equal numbers. */
  readonly bands: readonly LengthBand[];
  /** Responses by cells of length and score, for the plot; empty cells are left out. */
  readonly cells: LengthCells;
  /** What calibration warned of. */
  readonly warnings: readonly string[];
}

/** Accuracy before and after calibration. */
export interface AccuracyChange {
  /** Which rows. */
  readonly group: "all" | "longer is better" | "shorter is better" | "subset";
  /** The subset's name. */
  readonly name: string;
  /** Rows counted. */
  readonly rows: number;
  /** By the scores as they came. */
  readonly before: Interval;
  /** By the calibrated scores. */
  readonly after: Interval;
  /** After minus before, row by row. */
  readonly difference: Interval;
}

/** A point of a curve over length. */
export interface LengthPoint {
  /** Length, in code points or what the rows give. */
  readonly length: number;
  /** Score. */
  readonly score: number;
}

/** Responses of similar length. */
export interface LengthBand {
  /** Shortest. */
  readonly from: number;
  /** Longest. */
  readonly to: number;
  /** How many. */
  readonly responses: number;
  /** Mean score. */
  readonly score: number;
  /** Mean calibrated score. */
  readonly calibrated: number;
}

/** Counts by cells of length and score. */
export interface LengthCells {
  /** Whether the widths are equal in the logarithm of the length. */
  readonly logarithmic: boolean;
  /** Borders of length, ascending. */
  readonly lengths: readonly number[];
  /** Borders of score, ascending. */
  readonly scores: readonly number[];
  /** `[column, row, responses]` of each cell that holds any. */
  readonly counts: readonly (readonly [number, number, number])[];
}

/** How well margins, read as log odds, tell how often the model is right. */
export interface ReliabilitySection extends ReliabilityReport {
  /** What gives the same numbers. */
  readonly command: string;
}

/** Rows decided and errors among them, where rows of small margins are left undecided. */
export interface AbstentionSection {
  /** What fits such a threshold on all rows. */
  readonly command: string;
  /** One per risk: fitted on a random half of the rows, measured on the other. */
  readonly reports: readonly Omit<AbstentionReport, "tested">[];
}

/** How many targets conformal intervals hold, for several shares that they may miss. */
export interface CoverageSection {
  /** What fits such intervals on all rows. */
  readonly command: string;
  /** What has an interval. */
  readonly of: "score" | "margin";
  /** Column that holds what it stands for. */
  readonly target: string;
  /** One per share: fitted on a random half of the rows, measured on the other. */
  readonly reports: readonly ConformalCoverage[];
}

/** A benchmark's own figures. */
export interface BenchmarkSection extends BenchmarkReport {
  /** What gives the same numbers. */
  readonly command: string;
}

/** What changes that keep the meaning do to some of the rows. */
export interface ProbeSection extends ProbeReport {
  /** What gives such numbers on all rows. */
  readonly command: string;
}

/** How often traits win in pairs that differ in them alone, beside how often people prefer them. */
export interface SkewSection extends SkewReport {
  /** What gives the same numbers. */
  readonly command: string;
}

/** Quality of the best of n by the scores, and by the calibrated ones, against n and KL. */
export interface BestOfSection extends GoldCurves {
  /** What gives the same numbers. */
  readonly command: string;
  /** Column that holds the quality. */
  readonly quality: string;
}

/** Several models on the same rows. */
export interface ComparisonSection {
  /** What gives the same numbers. */
  readonly command: string;
  /** How rows of different files were matched. */
  readonly matchedBy: JoinKey;
  /** Accuracy of each model and of their committee on the rows that all of them scored. */
  readonly accuracies: readonly ComparedAccuracy[];
  /** Every two of them. */
  readonly differences: readonly ModelDifference[];
  /** Votes, agreement and preference strengths, every voter's margins brought to one spread. */
  readonly votes: VoteSummary;
  /** Pairs by preference strength. */
  readonly strengths: readonly StrengthBin[];
}

/** One model among others. */
export interface ComparedAccuracy {
  /** Its name; the committee's is {@linkcode committeeName}. */
  readonly name: string;
  /** Rows that all models scored. */
  readonly rows: number;
  /** Accuracy on them. */
  readonly accuracy: Interval;
}

/** What the models are called together. */
export const committeeName = "committee of all";

/** How much more often one model is right than another on the rows that all models scored. */
export interface ModelDifference {
  /** The first model. */
  readonly first: string;
  /** The second model. */
  readonly second: string;
  /** Accuracy of the first minus that of the second. */
  readonly difference: Interval;
  /** McNemar's exact test: on how many rows only one of them is right, and how likely that is by chance. */
  readonly test: McNemarTest;
}
