import type { AccuracySection, AuditedGroup } from "../audit_report.ts";
import { withRange } from "../summary_sentences.ts";
import { countCell, rangeCell, shareCell } from "./cells.ts";
import { type Chart, colours, marginFor, narrow, wide } from "./chart.ts";
import type { Figure } from "./figure.ts";
import { type Html, html, shownName, type Table } from "./html.ts";

/** Lines of a picture; a table has all of them. */
const mostLines = 30;

/** One model's accuracies. */
export interface NamedAccuracy {
  readonly name: string;
  readonly section: AccuracySection;
}

/** Accuracy by group, with intervals, beside what always taking the longer or the shorter one gives. */
export function accuracyFigure(chart: Chart, models: readonly NamedAccuracy[]): Figure {
  const order = groupOrder(models[0]!.section);
  const width = models.length === 1 ? wide : narrow;
  return {
    caption: "How often the scores pick the right response",
    reading:
      `A dot is the accuracy, its line the 95 % interval; L is what always taking the longest ` +
      "response gives, S the shortest, M the one with the most Markdown.",
    panels: models.map(({ name, section }) => ({
      name: shownName(name),
      chart: panel(chart, name, section, order, width),
    })),
    tables: models.map(accuracyTable),
    commands: models.map(({ section }) => section.command),
  };
}

function keyOf({ group, name }: AuditedGroup): string {
  return `${group} ${name}`;
}

/** All rows first, benchmarks and sections, then subsets from the best to the worst. */
function groupOrder({ groups }: AccuracySection): string[] {
  const ranks = { all: 0, benchmark: 1, section: 2, subset: 3 };
  const sorted = groups.toSorted((a, b) =>
    ranks[a.group] - ranks[b.group] || (b.accuracy.estimate ?? 0) - (a.accuracy.estimate ?? 0)
  );
  const subsets = sorted.filter(({ group }) => group === "subset");
  const others = sorted.filter(({ group }) => group !== "subset");
  const largest = new Set(
    subsets.toSorted((a, b) => b.rows - a.rows).slice(0, mostLines - others.length),
  );
  return [...others, ...subsets.filter((subset) => largest.has(subset))].map(keyOf);
}

function labelOf({ group, name }: AuditedGroup): string {
  if (group === "all") return "All rows";
  return group === "subset" ? shownName(name, 28) : `${shownName(name, 20)} (${group})`;
}

function panel(
  chart: Chart,
  model: string,
  { groups }: AccuracySection,
  order: readonly string[],
  width: number,
): Html {
  const lines = order.flatMap((key) => groups.find((group) => keyOf(group) === key) ?? [])
    .map((group, line) => ({
      line,
      label: labelOf(group),
      isBold: group.group === "all",
      accuracy: scaled(group.accuracy.estimate),
      low: scaled(group.accuracy.low),
      high: scaled(group.accuracy.high),
      longer: scaled(group.longerWins),
      shorter: scaled(group.shorterWins),
      formatted: scaled(group.formattedWins),
    }));
  const { plot: Plot } = chart;
  const labels = lines.map(({ label }) => label);
  const ends = lines.filter(({ low }) => low !== null);
  const letter = (x: "longer" | "shorter" | "formatted", text: string) =>
    Plot.text(lines.filter((line) => line[x] !== null), {
      x,
      y: "line",
      text: () => text,
      fill: colours.quiet,
      fontSize: 10,
    });
  return chart.draw({
    width,
    height: 44 + 20 * lines.length,
    marginLeft: marginFor(labels),
    marginRight: 16,
    marginTop: 4,
    marginBottom: 36,
    x: { domain: [0, 100], label: "accuracy (%)", grid: true, ticks: 5 },
    y: { type: "band", domain: lines.map(({ line }) => line), axis: null },
    marks: [
      Plot.ruleX([50], { stroke: colours.quiet, strokeDasharray: "2,3" }),
      ...chart.names(lines),
      letter("longer", "L"),
      letter("shorter", "S"),
      letter("formatted", "M"),
      Plot.ruleY(ends, { x1: "low", x2: "high", y: "line", stroke: colours.main, strokeWidth: 2 }),
      Plot.dot(lines, { x: "accuracy", y: "line", r: 4, fill: colours.main }),
    ],
  }, {
    title: `Accuracy of ${shownName(model)} by group`,
    description: groups.slice(0, mostLines).map((group) =>
      `${labelOf(group)}: ${withRange(group.accuracy)}`
    ).join("; "),
  });
}

function scaled(share: number | null): number | null {
  return share === null ? null : 100 * share;
}

function accuracyTable({ name, section }: NamedAccuracy): Table {
  return {
    caption: `Accuracy of ${shownName(name)}; equal scores count ${
      section.tie === "half" ? "one half" : "as wrong"
    }${
      section.subsetsLeftOut === 0
        ? ""
        : `; the ${section.subsetsLeftOut} smallest subsets are left out`
    }`,
    header: [
      "group",
      "rows",
      "accuracy (95 % interval)",
      "longest wins",
      "shortest wins",
      "most Markdown wins",
    ],
    lines: section.groups.map((group) => [
      group.group === "all" ? "All rows" : html`${group.group} <bdi>${shownName(group.name)}</bdi>`,
      countCell(group.rows),
      rangeCell(group.accuracy),
      shareCell(group.longerWins),
      shareCell(group.shorterWins),
      shareCell(group.formattedWins),
    ]),
  };
}

/** The accuracy of all rows, or of the benchmark or first group where no row counts plainly. */
export function overallOf({ groups }: AccuracySection): AuditedGroup | undefined {
  return groups.find(({ group }) => group === "all") ?? groups.at(-1);
}
