import { AssayError } from "../error.ts";
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
const panelWidth = 480;
const panelHeight = 340;

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
  const { Plot, document } = await loadPlot();
  const rows = panels.map((panel) => drawPanel(Plot, document, panel));
  const width = 2 * panelWidth;
  const height = panelHeight * panels.length;
  const body = rows.map(({ before, after }, row) =>
    placed(before, 0, row * panelHeight) + placed(after, panelWidth, row * panelHeight)
  );
  return {
    svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}" style="background:white;color:#222">${body.join("")}</svg>`,
    scales: rows.map(({ scale }) => scale),
  };
}

type PlotLibrary = typeof import("@observablehq/plot");

/** What is used of a drawn plot; Deno has no types of a document's elements. */
interface Drawn {
  readonly outerHTML: string;
  scale(name: "y"): { apply(value: number): number } | undefined;
}

async function loadPlot(): Promise<{ Plot: PlotLibrary; document: unknown }> {
  try {
    const Plot = await import("@observablehq/plot");
    const inBrowser = (globalThis as { document?: unknown }).document;
    if (inBrowser !== undefined) return { Plot, document: inBrowser };
    const { parseHTML } = await import("linkedom");
    const { document } = parseHTML("<html><body></body></html>") as { document?: unknown };
    return { Plot, document };
  } catch (cause) {
    throw new AssayError(
      "calibration/cannot-plot",
      "Cannot draw a plot: expected the packages @observablehq/plot and linkedom, found that they can't be loaded (is the network reachable?)",
      { cause },
    );
  }
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
    }) as unknown as Drawn;
  const before = draw("score, with the fitted bias", "before", panel.fitted);
  const after = draw("calibrated score, with what is left", "after", panel.remaining);
  const scale = after.scale("y")!;
  const zero = Number(scale.apply(0));
  return { before, after, scale: { offset: zero, slope: Number(scale.apply(1)) - zero } };
}

/** A panel inside the whole picture: its SVG text, moved to a place. */
function placed(panel: Drawn, x: number, y: number): string {
  // Its style sheet sizes a picture that stands alone in a page, and would move one that does not.
  return panel.outerHTML.replace(/<style>.*?<\/style>/s, "").replace(
    "<svg ",
    `<svg x="${x}" y="${y}" `,
  );
}
