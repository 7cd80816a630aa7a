import type { ComparisonSection } from "../audit_report.ts";
import { pointsWithRange, withRange } from "../summary_sentences.ts";
import { countCell, numberCell, pointsCell, rangeCell, shareCell } from "./cells.ts";
import { type Chart, colours, marginFor, wide } from "./chart.ts";
import type { Figure } from "./figure.ts";
import { type Html, html, shownName, type Table } from "./html.ts";

/** Pairs of models that a picture shows; the table has all. */
const mostLines = 30;

/** How far models differ on the rows that all of them scored. */
export function differenceFigure(chart: Chart, section: ComparisonSection): Figure {
  return {
    caption: "Differences between the models",
    reading:
      "Points of accuracy by which the first is ahead, on the same rows, with 95 % intervals of " +
      "the paired difference. Grey may be chance.",
    panels: [{ name: "all models", chart: differencePanel(chart, section) }],
    tables: [comparedTable(section), differenceTable(section), agreementTable(section)],
    commands: [section.command],
  };
}

function differencePanel(chart: Chart, { differences }: ComparisonSection): Html {
  const { plot: Plot } = chart;
  const lines = differences.slice(0, mostLines).map(({ first, second, difference }, line) => ({
    line,
    isBold: false,
    label: `${shownName(first, 24)} − ${shownName(second, 24)}`,
    value: 100 * (difference.estimate ?? NaN),
    low: 100 * (difference.low ?? NaN),
    high: 100 * (difference.high ?? NaN),
    colour: (difference.low ?? 0) > 0 || (difference.high ?? 0) < 0 ? colours.main : colours.quiet,
  }));
  return chart.draw({
    width: wide,
    height: 44 + 22 * lines.length,
    marginLeft: marginFor(lines.map(({ label }) => label)),
    marginRight: 16,
    marginTop: 4,
    marginBottom: 36,
    x: { label: "difference in accuracy (points)", grid: true, ticks: 6 },
    y: { type: "band", domain: lines.map(({ line }) => line), axis: null },
    marks: [
      Plot.ruleX([0], { stroke: colours.ink }),
      ...chart.names(lines),
      Plot.ruleY(lines, { x1: "low", x2: "high", y: "line", stroke: "colour", strokeWidth: 2 }),
      Plot.dot(lines, { x: "value", y: "line", r: 4, fill: "colour" }),
    ],
  }, {
    title: "Differences in accuracy between the models",
    description: differences.slice(0, mostLines).map(({ first, second, difference }) =>
      `${shownName(first)} minus ${shownName(second)}: ${pointsWithRange(difference)}`
    ).join("; "),
  });
}

function comparedTable({ accuracies }: ComparisonSection): Table {
  return {
    caption: "Accuracy on the rows that all models scored",
    header: ["model", "rows", "accuracy (95 % interval)"],
    lines: accuracies.map(({ name, rows, accuracy }) => [
      html`<bdi>${shownName(name)}</bdi>`,
      countCell(rows),
      rangeCell(accuracy),
    ]),
  };
}

function differenceTable({ differences }: ComparisonSection): Table {
  return {
    caption: "Paired differences, with McNemar's exact test",
    header: [
      "first − second",
      "difference (95 % interval)",
      "only first right",
      "only second",
      "p",
    ],
    lines: differences.map(({ first, second, difference, test }) => [
      html`<bdi>${shownName(first)}</bdi> − <bdi>${shownName(second)}</bdi>`,
      pointsCell(difference),
      countCell(test.onlyFirst),
      countCell(test.onlySecond),
      numberCell(test.pValue, 2),
    ]),
  };
}

function agreementTable({ votes: { voters, agreement } }: ComparisonSection): Table {
  const names = voters.map(({ name }) => shownName(name));
  return {
    caption: "Share of pairs on which two models prefer the same side",
    header: ["model", ...names],
    lines: names.map((name, row) => [
      html`<bdi>${name}</bdi>`,
      ...agreement[row]!.map((share) => shareCell(share)),
    ]),
  };
}

/** Preference strengths of the pairs, by category. */
export function strengthFigure(chart: Chart, section: ComparisonSection): Figure {
  return {
    caption: "Preference strength of the pairs",
    reading:
      "Mean margin over the models, each brought to a spread of 1. Pairs to the left of 0 are " +
      "probably labelled wrongly, or what all models get wrong.",
    panels: [{ name: "all models", chart: strengthPanel(chart, section) }],
    tables: [categoryTable(section), groupTable(section)],
    commands: [section.command],
  };
}

function strengthPanel(chart: Chart, { strengths, votes }: ComparisonSection): Html {
  const { plot: Plot } = chart;
  return chart.draw({
    width: wide,
    height: 300,
    marginLeft: 56,
    marginRight: 16,
    marginBottom: 40,
    x: { label: "preference strength (mean margin)" },
    y: { label: "pairs", grid: true, ticks: 5 },
    marks: [
      Plot.rectY(strengths, {
        x1: "from",
        x2: "to",
        y: "count",
        fill: ({ from, to }: { from: number; to: number }) =>
          (from + to) / 2 < 0 ? colours.down : colours.main,
        fillOpacity: 0.75,
        insetLeft: 1,
      }),
      Plot.ruleX([0], { stroke: colours.ink }),
      Plot.ruleY([0], { stroke: colours.ink }),
    ],
  }, {
    title: "Preference strength of the pairs",
    description: votes.strength === null
      ? "No pairs."
      : `Mean ${votes.strength.mean.toFixed(3)}; ${
        (100 * votes.strength.negative).toFixed(1)
      } % of the pairs are below 0.`,
  });
}

function categoryTable({ votes }: ComparisonSection): Table {
  const categories: Readonly<Record<string, number>> = votes.strength?.categories ?? {};
  return {
    caption: "Pairs by category of strength, as assay vote tells them",
    header: ["category", "pairs"],
    lines: Object.entries(categories).map(([name, pairs]) => [name, countCell(pairs)]),
  };
}

function groupTable({ votes }: ComparisonSection): Table {
  return {
    caption: "Spread of the models against strength, by groups of equal size",
    header: ["strength", "pairs", "mean", "spread"],
    lines: (votes.strength?.groups ?? []).map(({ lowest, highest, count, mean, std }) => [
      `${lowest.toFixed(2)} to ${highest.toFixed(2)}`,
      countCell(count),
      numberCell(mean),
      numberCell(std),
    ]),
  };
}

/** What stands first in the section. */
export function comparisonText({ accuracies, matchedBy }: ComparisonSection): string {
  const all = accuracies.map(({ name, accuracy }) => `${shownName(name)} ${withRange(accuracy)}`);
  return `Rows are matched by ${matchedBy}. ${all.join("; ")}.`;
}
