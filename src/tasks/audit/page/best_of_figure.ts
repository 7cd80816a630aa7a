import type { GoldCurve } from "../../../voting/gold_curve.ts";
import type { BestOfSection } from "../audit_report.ts";
import { numberCell, plainNumber, plainRangeCell } from "./cells.ts";
import { type Chart, colours, narrow, wide } from "./chart.ts";
import type { Figure } from "./figure.ts";
import { type Html, shownName, type Table } from "./html.ts";

/** One model's best of n. */
export interface NamedBestOf {
  readonly name: string;
  readonly section: BestOfSection;
}

/** Quality of the best of n against n. */
export function bestOfFigure(chart: Chart, models: readonly NamedBestOf[]): Figure {
  const width = models.length === 1 ? wide : narrow;
  return {
    caption: "What the best of n is worth",
    reading:
      "Mean quality of the response that the scores put first among n, with 95 % intervals; the " +
      "dashed line is the choice of calibrated scores. A line that falls says that picking harder makes " +
      "responses worse.",
    panels: models.map(({ name, section }) => ({
      name: shownName(name),
      chart: panel(chart, name, section, width),
    })),
    tables: models.map(bestOfTable),
    commands: models.map(({ section }) => section.command),
  };
}

function pointsOf({ points }: GoldCurve) {
  return points.map(({ n, gold }) => ({
    n,
    gold: gold.estimate ?? NaN,
    low: gold.low ?? NaN,
    high: gold.high ?? NaN,
  }));
}

function panel(
  chart: Chart,
  model: string,
  { curves, quality, n }: BestOfSection,
  width: number,
): Html {
  const { plot: Plot } = chart;
  const first = pointsOf(curves[0]!);
  const others = curves.slice(1).map(pointsOf);
  return chart.draw({
    width,
    height: 300,
    marginLeft: 56,
    marginRight: 20,
    marginBottom: 40,
    x: {
      type: "log",
      domain: [1, Math.max(2, n)],
      label: "n, log scale",
      ticks: 5,
      tickFormat: (value: number) => plainNumber(value, 3),
    },
    y: { label: shownName(quality, 30), grid: true, ticks: 5 },
    marks: [
      Plot.areaY(first, { x: "n", y1: "low", y2: "high", fill: colours.main, fillOpacity: 0.15 }),
      Plot.line(first, { x: "n", y: "gold", stroke: colours.main, strokeWidth: 2.5 }),
      ...others.map((points) =>
        Plot.line(points, {
          x: "n",
          y: "gold",
          stroke: colours.ink,
          strokeWidth: 2,
          strokeDasharray: "3,4",
        })
      ),
    ],
  }, {
    title: `Quality of the best of n by ${shownName(model)}`,
    description: curves.map(({ proxy, points }) =>
      `By ${proxy}: ${
        points.map((point) => `best of ${point.n} ${plainNumber(point.gold.estimate ?? NaN)}`)
          .join(", ")
      }`
    ).join("; "),
  });
}

function bestOfTable({ name, section: { curves, quality, prompts } }: NamedBestOf): Table {
  return {
    caption: `Mean ${shownName(quality, 30)} of the best of n by ${shownName(name)}, over ${
      prompts.toLocaleString("en")
    } prompts`,
    header: ["n", "KL (nats)", ...curves.map(({ proxy }) => `by ${proxy} (95 % interval)`)],
    lines: (curves[0]?.points ?? []).map(({ n, kl }, place) => [
      String(n),
      numberCell(kl),
      ...curves.map(({ points }) => plainRangeCell(points[place]!.gold)),
    ]),
  };
}
