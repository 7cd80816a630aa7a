import { AssayError } from "../error.ts";
import {
  type DrawnPanel,
  loadPlot,
  panelHeight,
  panelWidth,
  placedPanel,
  type PlotLibrary,
  svgPicture,
} from "../plot_library.ts";
import { correctionOf } from "./correction.ts";
import type { Calibrator } from "./calibrator.ts";
import { lowess } from "./lowess.ts";
import { seededShuffle } from "../numbers/seeded_random.ts";

/** Rows to draw, by column. */
export interface PlottedRows {
  /** Values of one feature. */
  readonly x: ArrayLike<number>;
  /** Scores as they came. */
  readonly before: ArrayLike<number>;
  /** Calibrated scores. */
  readonly after: ArrayLike<number>;
}

/** What one row of panels shows. */
export interface CalibrationPanel {
  /** Feature name. */
  readonly feature: string;
  /** The drawn rows, a random sample where there are many. */
  readonly rows: readonly { readonly x: number; readonly before: number; readonly after: number }[];
  /** What the calibrator subtracts along the feature, up to a constant. */
  readonly fitted: readonly { readonly x: number; readonly y: number }[];
  /** LOWESS fit of the calibrated scores: level where nothing is left. */
  readonly remaining: readonly { readonly x: number; readonly y: number }[];
}

/** Dots that are drawn at most; more would make a heavy file and a black cloud. */
const mostDots = 1500;
const curveSteps = 120;

/**
 * Prepares the panels of one feature.
 *
 * @param calibrator The calibrator that was applied.
 * @param feature Feature name, one of the calibrator's.
 * @param rows The rows; NaN and infinite ones are left out.
 * @throws {AssayError} `calibration/too-few-rows` where no row can be drawn.
 */
export function calibrationPanel(
  calibrator: Calibrator,
  feature: string,
  rows: PlottedRows,
): CalibrationPanel {
  const usable: number[] = [];
  for (let row = 0; row < rows.x.length; row++) {
    const values = [rows.x[row], rows.before[row], rows.after[row]];
    if (values.every(Number.isFinite)) usable.push(row);
  }
  if (usable.length === 0) {
    throw new AssayError(
      "calibration/too-few-rows",
      `Cannot draw scores against the feature "${feature}": expected at least one finite row, found none`,
    );
  }
  const order = seededShuffle(usable.length, 1).slice(0, mostDots);
  const drawn = Array.from(order, (place) => usable[place]!)
    .map((row) => ({ x: rows.x[row]!, before: rows.before[row]!, after: rows.after[row]! }));
  const values = drawn.map(({ x }) => x);
  const steps = stepsOf(values);
  const mean = drawn.reduce((sum, { before }) => sum + before / drawn.length, 0);
  const subtracted = steps.map((x) => subtractedAt(calibrator, feature, x));
  const center = drawn.reduce(
    (sum, { x }) => sum + subtractedAt(calibrator, feature, x) / drawn.length,
    0,
  );
  const remaining = lowess(values, drawn.map(({ after }) => after), { frac: 0.5 });
  return {
    feature,
    rows: drawn,
    fitted: steps.map((x, step) => ({ x, y: mean + subtracted[step]! - center })),
    remaining: thinned(Array.from(remaining.x, (x, i) => ({ x, y: remaining.fit[i]! }))),
  };
}

function subtractedAt(calibrator: Calibrator, feature: string, x: number): number {
  return calibrator.components
    .filter((component) => component.feature === feature)
    .reduce((sum, component) => sum + correctionOf(component).at(x), 0);
}

function stepsOf(values: readonly number[]): number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  if (sorted.length <= curveSteps) return sorted;
  return Array.from(
    { length: curveSteps },
    (_, step) => sorted[Math.round(step * (sorted.length - 1) / (curveSteps - 1))]!,
  );
}

function thinned<Point>(points: readonly Point[]): Point[] {
  if (points.length <= curveSteps) return [...points];
  return Array.from(
    { length: curveSteps },
    (_, step) => points[Math.round(step * (points.length - 1) / (curveSteps - 1))]!,
  );
}

/** A drawn picture and how its calibrated dots map values to pixels. */
export interface CalibrationPicture {
  /** A complete SVG file. */
  readonly svg: string;
  /** For each panel: the vertical pixel of a calibrated score is `offset + slope · score`. */
  readonly scales: readonly { readonly offset: number; readonly slope: number }[];
}

/**
 * Draws score against feature, before with the fitted curve and after with what is left of it, one
 * row of panels per feature. Made with Observable Plot, which is loaded when this is first called;
 * outside a browser its document is linkedom's.
 *
 * @param panels What to show.
 * @throws {AssayError} `calibration/cannot-plot` where the plotting library can't be loaded.
 */
export async function drawCalibration(
  panels: readonly CalibrationPanel[],
): Promise<CalibrationPicture> {
  const { Plot, document } = await loadPlot("calibration/cannot-plot");
  const rows = panels.map((panel) => drawPanel(Plot, document, panel));
  const width = 2 * panelWidth;
  const height = panelHeight * panels.length;
  const body = rows.map(({ before, after }, row) =>
    placedPanel(before, { x: 0, y: row * panelHeight }) +
    placedPanel(after, { x: panelWidth, y: row * panelHeight })
  );
  return {
    svg: svgPicture(width, height, body.join("")),
    scales: rows.map(({ scale }) => scale),
  };
}

/** A panel that is asked where it puts a score. */
interface ScaledPanel extends DrawnPanel {
  scale(name: "y"): { apply(value: number): number } | undefined;
}

function drawPanel(Plot: PlotLibrary, document: unknown, panel: CalibrationPanel) {
  const scores = panel.rows.flatMap(({ before, after }) => [before, after]);
  const low = scores.reduce((least, score) => Math.min(least, score), Infinity);
  const high = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const margin = 0.03 * (high - low) || 1;
  const draw = (
    title: string,
    channel: "before" | "after",
    line: readonly { x: number; y: number }[],
  ) =>
    Plot.plot({
      document: document as never,
      width: panelWidth,
      height: panelHeight,
      marginLeft: 52,
      marginTop: 34,
      grid: true,
      x: { label: panel.feature },
      y: { label: title, domain: [low - margin, high + margin] },
      marks: [
        Plot.dot(panel.rows, { x: "x", y: channel, r: 1.6, fill: "#4269d0", fillOpacity: 0.35 }),
        Plot.line(line, { x: "x", y: "y", stroke: "#ff725c", strokeWidth: 2 }),
      ],
    }) as unknown as ScaledPanel;
  const before = draw("score, with the fitted bias", "before", panel.fitted);
  const after = draw("calibrated score, with what is left", "after", panel.remaining);
  const scale = after.scale("y")!;
  const zero = Number(scale.apply(0));
  return { before, after, scale: { offset: zero, slope: Number(scale.apply(1)) - zero } };
}
