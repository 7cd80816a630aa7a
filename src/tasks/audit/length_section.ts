import type { Calibrator } from "../../calibration/calibrator.ts";
import { fit, type FitDiagnostics } from "../../calibration/fit.ts";
import { calibrationPanel } from "../../calibration/plot.ts";
import { AssayError } from "../../error.ts";
import { labelsBySubset, winOfScores } from "./accuracy_section.ts";
import type {
  AccuracyChange,
  LengthPoint,
  LengthSection,
  MissingSection,
  Section,
} from "./audit_report.ts";
import { type AuditedRows, calibratedTogether } from "./audited_rows.ts";
import type { ClusterMeans } from "./cluster_means.ts";
import type { Labels } from "./label_columns.ts";
import { lengthBands, lengthCells } from "./length_cells.ts";

/** Pairs that a subset needs before a loss in it is told. */
export const leastPairs = 30;
/** Points that a curve is drawn with. */
const curvePoints = 40;

/** The fitted calibrator, for the parts that use calibrated scores. */
export interface FittedLength {
  readonly calibrator: Calibrator;
  readonly section: LengthSection;
}

/**
 * How a model's scores follow length and what taking that out changes: `calibrate` as it is without
 * flags, fitted on the same rows, with intervals of the change in accuracy.
 *
 * @param rows The model's rows.
 * @param means Takes the intervals.
 * @param command What gives the same numbers.
 * @returns The part with its calibrator, or what is missing.
 */
export function lengthSection(
  rows: AuditedRows,
  means: ClusterMeans,
  command: string,
): FittedLength | MissingSection {
  const { pool } = rows;
  const lengths = pool?.features.length;
  if (pool === undefined || lengths === undefined || !Array.prototype.some.call(lengths, isKnown)) {
    return {
      missing: "lengths of the responses: their texts, or the columns length, chosen_length and " +
        "rejected_length, lengths",
    };
  }
  try {
    const { calibrator, scores, diagnostics } = fit(pool, { features: ["length"] });
    const panel = calibrationPanel(calibrator, "length", {
      x: lengths,
      before: pool.scores,
      after: scores,
    });
    const changes = changesOf(rows, calibrator, means);
    const section: LengthSection = {
      command,
      method: calibrator.method,
      gamma: 1,
      ...facts(diagnostics),
      changes,
      hurts: changes.filter(isLoss).map(({ name }) => name),
      curve: thinned(panel.fitted),
      left: thinned(panel.remaining),
      bands: lengthBands(lengths, pool.scores, scores),
      cells: lengthCells(lengths, pool.scores),
    };
    return { calibrator, section };
  } catch (error) {
    if (error instanceof AssayError) {
      return { missing: `a calibration for length: ${error.message}` };
    }
    throw error;
  }
}

/** The part itself, for the report. */
export function reportedLength(fitted: FittedLength | MissingSection): Section<LengthSection> {
  return "section" in fitted ? fitted.section : fitted;
}

function facts(diagnostics: FitDiagnostics) {
  const { rows, dropped, features, preferencesChanged, warnings } = diagnostics;
  return {
    responses: rows - dropped,
    spearmanBefore: features.length?.spearmanBefore ?? null,
    spearmanAfter: features.length?.spearmanAfter ?? null,
    preferencesChanged,
    warnings,
  };
}

function changesOf(
  { labels }: AuditedRows,
  calibrator: Calibrator,
  means: ClusterMeans,
): AccuracyChange[] {
  // By row: what its scores and its calibrated scores win, and how much longer a pair's right response is.
  const before = new Float64Array(labels.length).fill(NaN);
  const after = new Float64Array(labels.length);
  const longer = new Float64Array(labels.length).fill(NaN);
  let row = -1;
  for (const { scores, lengths, correct, isPair } of labels) {
    row++;
    if (isPair) longer[row] = lengths[0]! - lengths[1]!;
    const calibrated = calibratedTogether(scores, lengths, calibrator);
    if (!calibrated.every(isKnown)) continue; // a response without a length
    before[row] = winOfScores(scores, correct);
    after[row] = winOfScores(calibrated, correct);
  }
  const change = (
    group: AccuracyChange["group"],
    name: string,
    labels: Labels,
  ): AccuracyChange[] => {
    const { rows } = labels;
    if (rows.length === 0) return [];
    const clusters = labels.clusters();
    const one = (place: number) => before[rows[place]!]!;
    const other = (place: number) => after[rows[place]!]!;
    return [{
      group,
      name,
      rows: rows.length,
      before: means.mean(clusters, one),
      after: means.mean(clusters, other),
      difference: means.difference(clusters, other, one),
    }];
  };
  const plain = labels.plain();
  const known = plain.where((row) => isKnown(before[row]!));
  return [
    ...change("all", "all", known),
    ...change("longer is better", "longer is better", known.where((row) => longer[row]! > 0)),
    ...change("shorter is better", "shorter is better", known.where((row) => longer[row]! < 0)),
    ...[...labelsBySubset(plain)].flatMap(([name, rows]) =>
      change("subset", name, rows.where((row) => isKnown(before[row]!)))
    ),
  ];
}

/** Whether a part of some size loses by its whole interval. */
function isLoss({ group, rows, difference }: AccuracyChange): boolean {
  return group !== "all" && rows >= leastPairs && difference.high !== null && difference.high < 0;
}

function thinned(points: readonly { readonly x: number; readonly y: number }[]): LengthPoint[] {
  const most = Math.min(points.length, curvePoints);
  return Array.from({ length: most }, (_, index) => {
    const { x, y } = points[most === 1 ? 0 : Math.round(index * (points.length - 1) / (most - 1))]!;
    return { length: x, score: y };
  });
}

function isKnown(value: number): boolean {
  return Number.isFinite(value);
}
