import type { AccuracyChange, LengthSection } from "../audit_report.ts";
import { pointsWithRange, signed } from "../summary_sentences.ts";
import {
  correlationCell,
  countCell,
  numberCell,
  plainNumber,
  pointsCell,
  rangeCell,
} from "./cells.ts";
import { type Chart, colours, marginFor, narrow, wide } from "./chart.ts";
import type { Figure } from "./figure.ts";
import { type Html, html, shownName, type Table } from "./html.ts";

/** Lines of a picture; a table has all of them. */
const mostLines = 30;

/** One model's part on length. */
export interface NamedLength {
  readonly name: string;
  readonly section: LengthSection;
}

/** Score against length, with the fitted bias and with what is left of it. */
export function lengthFigure(chart: Chart, models: readonly NamedLength[]): Figure {
  const width = models.length === 1 ? wide : narrow;
  return {
    caption: "Score against length",
    reading:
      "The stronger a cell's colour, the more responses it holds. The line is what the scores expect of a " +
      "length; the dashed one what is left of that in calibrated scores: level where nothing is.",
    panels: models.map(({ name, section }) => ({
      name: shownName(name),
      chart: lengthPanel(chart, name, section, width),
    })),
    tables: [correlationTable(models), ...models.map(bandTable)],
    commands: models.map(({ section }) => section.command),
  };
}

function lengthPanel(
  chart: Chart,
  model: string,
  { cells, curve, left, spearmanBefore, spearmanAfter, responses, bands }: LengthSection,
  width: number,
): Html {
  const { plot: Plot } = chart;
  const most = cells.counts.reduce((high, [, , count]) => Math.max(high, count), 1);
  const boxes = cells.counts.map(([column, row, count]) => ({
    x1: cells.lengths[column]!,
    x2: cells.lengths[column + 1]!,
    y1: cells.scores[row]!,
    y2: cells.scores[row + 1]!,
    share: 0.12 + 0.88 * Math.sqrt(count / most),
  }));
  const line = (points: LengthSection["curve"], stroke: string, dashes: string | undefined) =>
    Plot.line(points, {
      x: "length",
      y: "score",
      stroke,
      strokeWidth: 2.5,
      clip: true,
      ...(dashes !== undefined && { strokeDasharray: dashes }),
    });
  return chart.draw({
    width,
    height: width === wide ? 380 : 300,
    marginLeft: 56,
    marginRight: 16,
    marginBottom: 40,
    x: {
      type: cells.logarithmic ? "log" : "linear",
      domain: [cells.lengths[0]!, cells.lengths.at(-1)!],
      label: `length in characters${cells.logarithmic ? ", log scale" : ""}`,
      ticks: 5,
      tickFormat: (length: number) => plainNumber(length, 3),
    },
    y: { label: "score", ticks: 5 },
    marks: [
      Plot.rect(boxes, {
        x1: "x1",
        x2: "x2",
        y1: "y1",
        y2: "y2",
        fill: colours.main,
        fillOpacity: (box: { share: number }) => 0.55 * box.share,
        inset: 0.5,
      }),
      line(curve, colours.ink, undefined),
      line(left, colours.ink, "3,4"),
    ],
  }, {
    title: `Score of ${shownName(model)} against length`,
    description: `${responses} responses; rank correlation ${
      spearmanBefore === null ? "undefined" : signed(spearmanBefore, 3)
    } before and ${
      spearmanAfter === null ? "undefined" : signed(spearmanAfter, 3)
    } after calibration. Mean score ${plainNumber(bands[0]?.score ?? NaN)} of the shortest tenth, ${
      plainNumber(bands.at(-1)?.score ?? NaN)
    } of the longest.`,
  });
}

function correlationTable(models: readonly NamedLength[]): Table {
  return {
    caption: "Rank correlation (Spearman) of score and length",
    header: ["model", "responses", "before", "after calibration"],
    lines: models.map(({ name, section }) => [
      html`<bdi>${shownName(name)}</bdi>`,
      countCell(section.responses),
      correlationCell(section.spearmanBefore),
      correlationCell(section.spearmanAfter),
    ]),
  };
}

function bandTable({ name, section }: NamedLength): Table {
  return {
    caption: `Mean score of ${shownName(name)} by length`,
    header: ["length", "responses", "mean score", "calibrated"],
    lines: section.bands.map(({ from, to, responses, score, calibrated }) => [
      from === to ? plainNumber(from) : `${plainNumber(from)} to ${plainNumber(to)}`,
      countCell(responses),
      numberCell(score),
      numberCell(calibrated),
    ]),
  };
}

/** What calibration changes in accuracy, by part, with intervals; one scale for all models. */
export function changeFigure(chart: Chart, models: readonly NamedLength[]): Figure {
  const width = models.length === 1 ? wide : narrow;
  const ends = models.flatMap(({ section }) =>
    section.changes.slice(0, mostLines).flatMap(({ difference: { low, high } }) => [low, high])
  );
  const reach = ends.reduce<number>((most, end) => Math.max(most, 100 * Math.abs(end ?? 0)), 1);
  return {
    caption: "What taking length out changes in accuracy",
    reading:
      "Points of accuracy gained (right) or lost (left), with 95 % intervals. Bold colours are " +
      "clear gains and losses; grey may be chance.",
    panels: models.map(({ name, section }) => ({
      name: shownName(name),
      chart: changePanel(chart, name, section.changes, { width, reach }),
    })),
    tables: models.map(changeTable),
    commands: models.map(({ section }) => section.command),
  };
}

function changeLabel({ group, name }: AccuracyChange): string {
  if (group === "all") return "All rows";
  return group === "subset"
    ? shownName(name, 28)
    : `${group.startsWith("longer") ? "Longer" : "Shorter"} is better`;
}

function changePanel(
  chart: Chart,
  model: string,
  changes: readonly AccuracyChange[],
  { width, reach }: { readonly width: number; readonly reach: number },
): Html {
  const { plot: Plot } = chart;
  const lines = changes.slice(0, mostLines).map((change, line) => ({
    line,
    label: changeLabel(change),
    isBold: change.group === "all",
    value: 100 * (change.difference.estimate ?? NaN),
    low: 100 * (change.difference.low ?? NaN),
    high: 100 * (change.difference.high ?? NaN),
    colour: colourOf(change),
  }));
  const ends = lines.filter(({ low }) => Number.isFinite(low));
  return chart.draw({
    width,
    height: 44 + 20 * lines.length,
    marginLeft: marginFor(lines.map(({ label }) => label)),
    marginRight: 16,
    marginTop: 4,
    marginBottom: 36,
    x: { domain: [-reach, reach], label: "change in accuracy (points)", grid: true, ticks: 5 },
    y: { type: "band", domain: lines.map(({ line }) => line), axis: null },
    marks: [
      Plot.ruleX([0], { stroke: colours.ink }),
      ...chart.names(lines),
      Plot.ruleY(ends, { x1: "low", x2: "high", y: "line", stroke: "colour", strokeWidth: 2 }),
      Plot.dot(lines, { x: "value", y: "line", r: 4, fill: "colour" }),
    ],
  }, {
    title: `Change in accuracy of ${shownName(model)} by calibration`,
    description: changes.slice(0, mostLines).map((change) =>
      `${changeLabel(change)}: ${pointsWithRange(change.difference)}`
    ).join("; "),
  });
}

function colourOf({ difference: { low, high } }: AccuracyChange): string {
  if (low !== null && low > 0) return colours.up;
  return high !== null && high < 0 ? colours.down : colours.quiet;
}

function changeTable({ name, section }: NamedLength): Table {
  return {
    caption: `Accuracy of ${shownName(name)} before and after calibration`,
    header: ["part", "rows", "before", "after", "change (95 % interval)"],
    lines: section.changes.map((change) => [
      html`<bdi>${changeLabel(change)}</bdi>`,
      countCell(change.rows),
      rangeCell(change.before),
      rangeCell(change.after),
      pointsCell(change.difference),
    ]),
  };
}
