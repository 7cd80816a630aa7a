import type { Calibrator } from "../../calibration/calibrator.ts";
import { fit, type FitDiagnostics } from "../../calibration/fit.ts";
import { calibrationPanel } from "../../calibration/plot.ts";
import { AssayError } from "../../error.ts";
import { labelsBySubset, plainLabels, winOfScores } from "./accuracy_section.ts";
import type {
  AccuracyChange,
  LengthPoint,
  LengthSection,
  MissingSection,
  Section,
} from "./audit_report.ts";
import { type AuditedLabel, type AuditedRows, calibratedTogether } from "./audited_rows.ts";
import type { ClusterMeans } from "./cluster_means.ts";
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

/** A labelled row with what its scores and its calibrated scores win. */
interface RowChange {
  readonly cluster: number;
  readonly before: number;
  readonly after: number;
}

function changesOf(
  { labels }: AuditedRows,
  calibrator: Calibrator,
  means: ClusterMeans,
): AccuracyChange[] {
  const plain = plainLabels(labels);
  const changes = new Map<AuditedLabel, RowChange>();
  for (const label of plain) {
    const calibrated = calibratedTogether(label.scores, label.lengths, calibrator);
    if (!calibrated.every(isKnown)) continue; // a response without a length
    changes.set(label, {
      cluster: label.cluster,
      before: winOfScores(label.scores, label.correct),
      after: winOfScores(calibrated, label.correct),
    });
  }
  const change = (
    group: AccuracyChange["group"],
    name: string,
    rows: readonly AuditedLabel[],
  ): AccuracyChange[] => {
    const known = rows.flatMap((label) => changes.get(label) ?? []);
    if (known.length === 0) return [];
    return [{
      group,
      name,
      rows: known.length,
      before: means.mean(known, ({ before }) => before),
      after: means.mean(known, ({ after }) => after),
      difference: means.difference(known, ({ after }) => after, ({ before }) => before),
    }];
  };
  const longer = ({ lengths }: AuditedLabel) => lengths![0]! - lengths![1]!;
  const pairs = plain.filter(({ isPair, lengths }) => isPair && lengths !== undefined);
  return [
    ...change("all", "all", plain),
    ...change("longer is better", "longer is better", pairs.filter((pair) => longer(pair) > 0)),
    ...change("shorter is better", "shorter is better", pairs.filter((pair) => longer(pair) < 0)),
    ...[...labelsBySubset(plain)].flatMap(([name, rows]) => change("subset", name, rows)),
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
