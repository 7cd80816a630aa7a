import {
  type DrawnPanel,
  loadPlot,
  panelHeight,
  panelWidth,
  placedPanel,
  svgPicture,
} from "../plot_library.ts";
import type { ReliabilityBin, ReliabilityFigures, ReliabilityReport } from "./reliability.ts";

/** One dot of the picture: a bin that holds pairs. */
export interface ReliabilityDot {
  /** Mean confidence of its pairs. */
  readonly confidence: number;
  /** The share of them in the right order. */
  readonly accuracy: number;
  /** Lower end of that; the share itself where it is unknown. */
  readonly low: number;
  /** Upper end of that; the share itself where it is unknown. */
  readonly high: number;
}

/** The bins of equal mass that hold pairs, as dots. */
export function reliabilityDots({ equalMassBins }: ReliabilityFigures): ReliabilityDot[] {
  return equalMassBins.flatMap((bin: ReliabilityBin) => {
    const { confidence, accuracy: { estimate, low, high } } = bin;
    if (confidence === null || estimate === null) return [];
    return [{ confidence, accuracy: estimate, low: low ?? estimate, high: high ?? estimate }];
  });
}

/**
 * Draws how often pairs are right against how sure their margins are, with intervals: as given, and
 * beside it with the fitted temperature. On the diagonal a confidence can be believed.
 *
 * @param report What `reliability` measured.
 * @returns An SVG file's text.
 * @throws {AssayError} `evaluation/cannot-plot` where the plotting packages can't be loaded.
 */
export async function drawReliability(report: ReliabilityReport): Promise<string> {
  const { Plot, document } = await loadPlot("evaluation/cannot-plot");
  const panel = (figures: ReliabilityFigures, title: string) => {
    const dots = reliabilityDots(figures);
    const least = dots.reduce((low, dot) => Math.min(low, dot.low), 0.5);
    return Plot.plot({
      document: document as never,
      width: panelWidth,
      height: panelHeight,
      marginLeft: 52,
      marginTop: 34,
      x: { domain: [0.5, 1], label: `confidence, ${title}` },
      y: { domain: [Math.floor(least * 10) / 10, 1], label: "in the right order", grid: true },
      marks: [
        Plot.line([[0.5, 0.5], [1, 1]], { stroke: "#222", strokeDasharray: "3,3" }),
        Plot.ruleX(dots, { x: "confidence", y1: "low", y2: "high", stroke: "#4269d0" }),
        Plot.dot(dots, { x: "confidence", y: "accuracy", r: 4, fill: "#4269d0" }),
      ],
    }) as unknown as DrawnPanel;
  };
  const { asGiven, fitted } = report;
  const panels = [panel(asGiven, `temperature ${asGiven.temperature}`)];
  if (fitted !== null) {
    panels.push(panel(fitted, `temperature ${fitted.temperature.toPrecision(3)}, fitted`));
  }
  const body = panels.map((one, index) => placedPanel(one, { x: index * panelWidth })).join("");
  return svgPicture(panels.length * panelWidth, panelHeight, body);
}
