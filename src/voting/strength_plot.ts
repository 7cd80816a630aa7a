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
import type { Category } from "./categories.ts";
import { type StrengthGroup, strengthGroups } from "./groups.ts";

/** One pair of the picture. */
export interface PlottedStrength {
  /** Mean strength. */
  readonly mean: number;
  /** Standard deviation over the voters. */
  readonly std: number;
  /** Category, which gives the colour. */
  readonly category: Category;
}

/** One bar of the histogram: the pairs of one category in one interval of strengths. */
export interface StrengthBin {
  /** Lower end of the interval. */
  readonly from: number;
  /** Upper end. */
  readonly to: number;
  /** Category. */
  readonly category: Category;
  /** Number of pairs. */
  readonly count: number;
}

const colours: Readonly<Record<string, string>> = {
  incorrect: "#e15759",
  ambiguous: "#f1a340",
  normal: "#9ab6d3",
  strong: "#4269d0",
};
const defaultBins = 40;

/**
 * Histogram of mean strengths by category; pairs without a strength take no part.
 *
 * @param pairs The pairs.
 * @param bins Number of intervals between the lowest strength and the highest.
 * @returns The bars that hold pairs, by interval and category.
 *
 * @example
 * ```ts
 * import { strengthHistogram } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const pair = (mean: number) => ({ mean, std: 1, category: "normal" as const });
 * const bars = strengthHistogram([pair(0), pair(1), pair(4)], 2);
 * assert.deepEqual(bars.map(({ from, to, count }) => [from, to, count]), [[0, 2, 2], [2, 4, 1]]);
 * ```
 */
export function strengthHistogram(
  pairs: readonly PlottedStrength[],
  bins: number = defaultBins,
): StrengthBin[] {
  const scored = pairs.filter(({ mean }) => Number.isFinite(mean));
  const lowest = scored.reduce((least, { mean }) => Math.min(least, mean), Infinity);
  const highest = scored.reduce((most, { mean }) => Math.max(most, mean), -Infinity);
  const width = (highest - lowest) / bins || 1;
  const counts = new Map<string, number>();
  for (const { mean, category } of scored) {
    const bin = Math.min(bins - 1, Math.floor((mean - lowest) / width));
    const key = `${bin} ${category}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => {
    const [bin, category] = key.split(" ") as [string, Category];
    const from = lowest + Number(bin) * width;
    return { from, to: from + width, category, count };
  }).sort((a, b) =>
    a.from - b.from || drawingOrder.indexOf(a.category) - drawingOrder.indexOf(b.category)
  );
}

const drawingOrder: readonly string[] = Object.keys(colours);

/**
 * Draws a preference set: the histogram of strengths with the categories, and beside it the voters'
 * spread against strength by groups of equal size, which in the paper has the shape of a U (arXiv
 * 2401.06080, figures 2 and 3). Made with Observable Plot, which is loaded when this is first called;
 * outside a browser its document is linkedom's.
 *
 * @param pairs The pairs; those without a strength are left out.
 * @param groups Number of groups.
 * @returns A complete SVG file.
 * @throws {AssayError} `voting/nothing-to-plot` where no pair has a strength, `voting/cannot-plot`
 * where the plotting library can't be loaded.
 */
export async function drawStrengths(
  pairs: readonly PlottedStrength[],
  groups = 20,
): Promise<string> {
  const scored = pairs.filter(({ mean }) => Number.isFinite(mean));
  if (scored.length === 0) {
    throw new AssayError(
      "voting/nothing-to-plot",
      "Cannot draw preference strengths: expected pairs with scores, found none",
    );
  }
  const { Plot, document } = await loadPlot("voting/cannot-plot");
  const histogram = drawHistogram(Plot, document, strengthHistogram(scored));
  const spread = drawSpread(Plot, document, strengthGroups(scored, groups));
  const panels = [histogram, spread].map((panel, index) =>
    placedPanel(panel, { x: index * panelWidth })
  );
  return `${svgPicture(2 * panelWidth, panelHeight, panels.join("") + legend(scored))}\n`;
}

/**
 * A page that shows a picture and nothing else.
 *
 * @param svg The picture.
 * @param title Title of the page.
 * @returns A complete HTML file.
 */
export function plotPage(svg: string, title: string): string {
  const escaped = title.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>${escaped}</title>\n` +
    `<body style="margin:2rem;font-family:system-ui">\n<h1>${escaped}</h1>\n${svg}</body>\n</html>\n`;
}

function drawHistogram(
  Plot: PlotLibrary,
  document: unknown,
  bars: readonly StrengthBin[],
): DrawnPanel {
  return Plot.plot({
    document: document as never,
    width: panelWidth,
    height: panelHeight,
    marginLeft: 52,
    marginTop: 34,
    x: { label: "preference strength (mean margin)" },
    y: { label: "pairs", grid: true },
    color: { domain: [...drawingOrder], range: drawingOrder.map((category) => colours[category]!) },
    marks: [
      Plot.rectY(bars, { x1: "from", x2: "to", y: "count", fill: "category" }),
      Plot.ruleY([0]),
      Plot.ruleX([0], { stroke: "#222", strokeDasharray: "3,3" }),
    ],
  }) as unknown as DrawnPanel;
}

function drawSpread(
  Plot: PlotLibrary,
  document: unknown,
  groups: readonly StrengthGroup[],
): DrawnPanel {
  return Plot.plot({
    document: document as never,
    width: panelWidth,
    height: panelHeight,
    marginLeft: 52,
    marginTop: 34,
    grid: true,
    x: { label: `mean strength of each of ${groups.length} equal groups` },
    y: { label: "mean spread over the voters", zero: true },
    marks: [
      Plot.line(groups, { x: "mean", y: "std", stroke: "#4269d0", strokeOpacity: 0.5 }),
      Plot.dot(groups, { x: "mean", y: "std", r: 3.5, fill: "#4269d0" }),
      Plot.ruleX([0], { stroke: "#222", strokeDasharray: "3,3" }),
    ],
  }) as unknown as DrawnPanel;
}

function legend(pairs: readonly PlottedStrength[]): string {
  const present = drawingOrder.filter((category) =>
    pairs.some((pair) => pair.category === category)
  );
  return present.map((category, index) => {
    const x = 60 + index * 105;
    const count = pairs.filter((pair) => pair.category === category).length;
    return `<rect x="${x}" y="4" width="10" height="10" fill="${colours[category]}"/>` +
      `<text x="${x + 14}" y="13" font-size="11" font-family="system-ui" fill="currentColor">` +
      `${category} ${count}</text>`;
  }).join("");
}
