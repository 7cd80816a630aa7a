import type { ReliabilityFigures } from "../../../evaluation/reliability.ts";
import { percent } from "../../../numbers/percent.ts";
import type { ReliabilitySection } from "../audit_report.ts";
import { countCell, numberCell, plainRangeCell, rangeCell, shareCell } from "./cells.ts";
import { type Chart, colours, narrow } from "./chart.ts";
import type { Figure } from "./figure.ts";
import { type Html, html, shownName, type Table } from "./html.ts";

/** One model's reliability. */
export interface NamedReliability {
  readonly name: string;
  readonly section: ReliabilitySection;
}

/** How often the model is right, against how sure its margins are. */
export function reliabilityFigure(chart: Chart, models: readonly NamedReliability[]): Figure {
  return {
    caption: "How sure the margins are, and how often they are right",
    reading:
      "A dot is a fifteenth of the pairs, with its 95 % interval, at the confidence that the " +
      "fitted temperature gives; a ring at the one that margins give as log odds. On the diagonal, " +
      "confidence can be believed.",
    panels: models.map(({ name, section }) => ({
      name: shownName(name),
      chart: panel(chart, name, section),
    })),
    tables: [figuresTable(models), ...models.map(binTable)],
    commands: models.map(({ section }) => section.command),
  };
}

/** Bins of equal mass that hold pairs. */
function binsOf(figures: ReliabilityFigures) {
  return figures.equalMassBins.filter(({ pairs }) => pairs > 0).map((bin) => ({
    confidence: 100 * bin.confidence!,
    accuracy: 100 * (bin.accuracy.estimate ?? NaN),
    low: 100 * (bin.accuracy.low ?? NaN),
    high: 100 * (bin.accuracy.high ?? NaN),
  }));
}

function panel(chart: Chart, model: string, section: ReliabilitySection): Html {
  const { plot: Plot } = chart;
  const asGiven = binsOf(section.asGiven);
  const fitted = section.fitted === null ? [] : binsOf(section.fitted);
  const main = fitted.length === 0 ? asGiven : fitted;
  const lowest = Math.min(
    50,
    ...main.map(({ low, accuracy }) => Number.isFinite(low) ? low : accuracy),
  );
  return chart.draw({
    width: narrow,
    height: 340,
    marginLeft: 52,
    marginRight: 20,
    marginBottom: 40,
    x: { domain: [50, 100], label: "confidence (%)", ticks: 5 },
    y: {
      domain: [Math.max(0, Math.floor(lowest / 10) * 10), 100],
      label: "right (%)",
      grid: true,
      ticks: 5,
    },
    marks: [
      Plot.line([[50, 50], [100, 100]], { stroke: colours.quiet, strokeDasharray: "2,3" }),
      Plot.dot(asGiven, {
        x: "confidence",
        y: "accuracy",
        r: 4,
        stroke: colours.quiet,
        clip: true,
      }),
      Plot.ruleX(fitted, {
        x: "confidence",
        y1: "low",
        y2: "high",
        stroke: colours.main,
        strokeWidth: 1.5,
      }),
      Plot.dot(fitted, { x: "confidence", y: "accuracy", r: 4, fill: colours.main }),
    ],
  }, {
    title: `Reliability of ${shownName(model)}`,
    description: `Of pairs by confidence: ${
      main.map(({ confidence, accuracy }) =>
        `${confidence.toFixed(0)} % sure, right in ${accuracy.toFixed(0)} %`
      ).join("; ")
    }.`,
  });
}

function figuresTable(models: readonly NamedReliability[]): Table {
  const line = (name: string, how: string, figures: ReliabilityFigures) => [
    html`<bdi>${shownName(name)}</bdi>, ${how}`,
    numberCell(figures.temperature),
    shareCell(figures.confidence),
    rangeCell(figures.ece),
    rangeCell(figures.eceEqualMass),
    plainRangeCell(figures.brier),
    plainRangeCell(figures.nll),
  ];
  return {
    caption: "Calibration error (ECE, 15 bins), Brier score, likelihood; 95 % intervals",
    header: [
      "margins",
      "temperature",
      "confidence",
      "ECE",
      "ECE, equal mass",
      "Brier",
      "−log likelihood",
    ],
    lines: models.flatMap(({ name, section }) => [
      line(name, "as log odds", section.asGiven),
      ...(section.fitted === null ? [] : [line(name, "temperature fitted", section.fitted)]),
    ]),
  };
}

function binTable({ name, section }: NamedReliability): Table {
  const figures = section.fitted ?? section.asGiven;
  return {
    caption: `Pairs of ${shownName(name)} by confidence, at a temperature of ${
      Number(figures.temperature.toPrecision(3))
    }`,
    header: ["confidence", "pairs", "mean confidence", "right (95 % interval)"],
    lines: figures.equalMassBins.filter(({ pairs }) => pairs > 0).map((bin) => [
      `${percent(bin.low)} to ${percent(bin.high)}`,
      countCell(bin.pairs),
      shareCell(bin.confidence),
      rangeCell(bin.accuracy),
    ]),
  };
}
