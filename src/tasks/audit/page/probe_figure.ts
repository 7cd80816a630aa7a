import type { ChangeReport } from "../../../probing/probe_report.ts";
import type { Interval } from "../../../numbers/bootstrap.ts";
import type { ProbeSection } from "../audit_report.ts";
import { withRange } from "../summary_sentences.ts";
import { countCell, numberCell, plainRangeCell, rangeCell } from "./cells.ts";
import { type Chart, colours, marginFor, narrow } from "./chart.ts";
import type { Figure } from "./figure.ts";
import { type Html, html, shownName, type Table } from "./html.ts";

/** Changes that a picture shows; the table has all. */
const mostLines = 24;

/** What changes that keep the meaning do: how far scores move, and how many preferences flip. */
export function probeFigure(chart: Chart, model: string, section: ProbeSection): Figure {
  const changes = section.changes.slice(0, mostLines);
  return {
    caption: "What changes that keep the meaning do",
    reading:
      "Scores should not move, and no preference should flip. Left: mean change of score, in " +
      "standard deviations of the scores, with 95 % intervals; grey may be chance. Right: preferences " +
      "that turn round where only the response that lost is changed, or the prompt.",
    panels: [
      { name: "Change of score", chart: scorePanel(chart, model, changes) },
      { name: "Preferences that flip", chart: flipPanel(chart, model, changes) },
    ],
    tables: [probeTable(section)],
    commands: [section.command],
  };
}

/** Flips by changing the loser alone; of a change to the prompt, which has no loser, of everything. */
function flipsOf({ flips }: ChangeReport): Interval | null {
  return flips?.loser ?? flips?.both ?? null;
}

function linesOf(
  changes: readonly ChangeReport[],
  value: (change: ChangeReport) => Interval | null,
) {
  return changes.map((change, line) => {
    const { estimate, low, high } = value(change) ?? { estimate: null, low: null, high: null };
    const isClear = (low ?? 0) > 0 || (high ?? 0) < 0;
    return {
      line,
      label: shownName(change.change, 28),
      isBold: false,
      value: estimate,
      low,
      high,
      colour: isClear ? colours.main : colours.quiet,
    };
  });
}

function layout(lines: ReturnType<typeof linesOf>) {
  return {
    width: narrow,
    height: 44 + 20 * lines.length,
    marginLeft: marginFor(lines.map(({ label }) => label)),
    marginRight: 16,
    marginTop: 4,
    marginBottom: 36,
    y: { type: "band", domain: lines.map(({ line }) => line), axis: null },
  } as const;
}

function scorePanel(chart: Chart, model: string, changes: readonly ChangeReport[]): Html {
  const { plot: Plot } = chart;
  const lines = linesOf(changes, ({ scoreChange }) => scoreChange);
  const known = lines.filter(({ value }) => value !== null);
  const ends = lines.filter(({ low }) => low !== null);
  return chart.draw({
    ...layout(lines),
    x: { label: "change of score (standard deviations)", grid: true, ticks: 5 },
    marks: [
      Plot.ruleX([0], { stroke: colours.ink }),
      ...chart.names(lines),
      Plot.ruleY(ends, { x1: "low", x2: "high", y: "line", stroke: "colour", strokeWidth: 2 }),
      Plot.dot(known, { x: "value", y: "line", r: 4, fill: "colour" }),
    ],
  }, {
    title: `Change of the scores of ${shownName(model)} by changes that keep the meaning`,
    description: changes.map(({ change, scoreChange: { estimate } }) =>
      `${change}: ${estimate === null ? "unknown" : estimate.toFixed(2)}`
    ).join("; "),
  });
}

function flipPanel(chart: Chart, model: string, changes: readonly ChangeReport[]): Html {
  const { plot: Plot } = chart;
  const lines = linesOf(changes, (change) => scaled(flipsOf(change)));
  const known = lines.filter(({ value }) => value !== null);
  const ends = lines.filter(({ low }) => low !== null);
  return chart.draw({
    ...layout(lines),
    x: { domain: [0, 100], label: "preferences that flip (%)", grid: true, ticks: 5 },
    marks: [
      ...chart.names(lines),
      Plot.ruleY(ends, { x1: "low", x2: "high", y: "line", stroke: "colour", strokeWidth: 2 }),
      Plot.dot(known, { x: "value", y: "line", r: 4, fill: "colour" }),
    ],
  }, {
    title: `Preferences of ${shownName(model)} that flip by changes that keep the meaning`,
    description: changes.flatMap((change) => {
      const flips = flipsOf(change);
      return flips === null ? [] : [`${change.change}: ${withRange(flips)}`];
    }).join("; "),
  });
}

function scaled(interval: Interval | null): Interval | null {
  if (interval === null) return null;
  const { estimate, low, high } = interval;
  const percent = (share: number | null) => share === null ? null : 100 * share;
  return { estimate: percent(estimate), low: percent(low), high: percent(high) };
}

function probeTable({ changes, rows, noise, conversations }: ProbeSection): Table {
  const flips = (interval: Interval | null | undefined) =>
    interval === null || interval === undefined ? html`–` : rangeCell(interval);
  return {
    caption: `${rows.read.toLocaleString("en")} rows probed, ${
      conversations.toLocaleString("en")
    } conversations scored; of ${noise.repeated} scored once more, ${noise.different} got another score`,
    header: [
      "change",
      "of the",
      "rows",
      "added length",
      "change of score",
      "flips, loser alone",
      "winner alone",
      "both",
    ],
    lines: changes.map((change) => [
      change.change,
      change.target,
      countCell(change.rows),
      numberCell(change.addedLength),
      plainRangeCell(change.scoreChange),
      flips(change.flips?.loser),
      flips(change.flips?.winner),
      flips(change.flips?.both),
    ]),
  };
}
