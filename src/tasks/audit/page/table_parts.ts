import type {
  AbstentionSection,
  BenchmarkSection,
  CoverageSection,
  SkewSection,
} from "../audit_report.ts";
import {
  countCell,
  numberCell,
  plainRangeCell,
  pointsCell,
  rangeCell,
  shareCell,
} from "./cells.ts";
import { percent } from "../../../numbers/percent.ts";
import { type Html, html, shownName, type Table } from "./html.ts";

/** Rows that can be decided at a risk, and the errors among them. */
export function abstentionTable(
  models: readonly { readonly name: string; readonly section: AbstentionSection }[],
): Table {
  return {
    caption: "Rows that can be decided at a risk, by margin; measured on rows held out of the fit",
    header: [
      "model, most errors",
      "rows",
      "margin at least",
      "decided",
      "errors then",
      "errors if all",
    ],
    lines: models.flatMap(({ name, section }) =>
      section.reports.map((report) => [
        html`<bdi>${shownName(name)}</bdi>, ${100 * report.risk} %`,
        countCell(report.rows),
        numberCell(report.threshold),
        shareCell(report.coverage),
        shareCell(report.decidedRisk),
        shareCell(report.fullRisk),
      ])
    ),
  };
}

/** How many targets intervals hold that are made to hold a share of them. */
export function coverageTable(
  models: readonly { readonly name: string; readonly section: CoverageSection }[],
): Table {
  return {
    caption:
      "Conformal intervals: the share of targets inside, measured on rows held out of the fit",
    header: ["model, target, made to hold", "rows", "hold (95 % interval)", "mean width"],
    lines: models.flatMap(({ name, section: { of, target, reports } }) =>
      reports.map(({ nominal, rows, coverage, meanWidth }) => [
        html`<bdi>${shownName(name)}</bdi>, <bdi>${shownName(target)}</bdi> from the ${of}, ${
          percent(nominal)
        }`,
        countCell(rows),
        rangeCell(coverage),
        numberCell(meanWidth),
      ])
    ),
  };
}

/** How often traits win in pairs that differ in them alone. */
export function skewTable(
  { name, section }: { readonly name: string; readonly section: SkewSection },
): Table {
  return {
    caption: `Traits in pairs that differ in them alone: how often ${shownName(name)} prefers them${
      section.rows.failed === 0 ? "" : `; ${section.rows.failed} rows could not be used`
    }`,
    header: [
      "trait",
      "pairs",
      "the trait wins",
      "people prefer it",
      "difference",
      "decided otherwise",
      "margin",
    ],
    lines: section.traits.map((trait) => [
      html`<bdi>${shownName(trait.trait)}</bdi>`,
      countCell(trait.pairs),
      rangeCell(trait.skew),
      rangeCell(trait.human ?? unknown),
      pointsCell(trait.difference ?? unknown),
      rangeCell(trait.disagreement ?? unknown),
      plainRangeCell(trait.margin),
    ]),
  };
}

const unknown = { estimate: null, low: null, high: null };

/** A benchmark's own figures. */
export function benchmarkTable(
  { name, section }: { readonly name: string; readonly section: BenchmarkSection },
): Table {
  return {
    caption: `${section.title} of ${shownName(name)}, by its own rules and averages`,
    header: ["figure", "rows", "95 % interval", "longest", "shortest", "most formatted"],
    lines: section.figures.map((figure) => [
      html`<bdi>${shownName(figure.name)}</bdi> ${figure.metric}`,
      countCell(figure.rows),
      plainRangeCell(figure),
      numberCell(figure.baselines.longest),
      numberCell(figure.baselines.shortest),
      numberCell(figure.baselines.markdown),
    ]),
  };
}

/** Commands, folded. */
export function commandsHtml(what: string, commands: readonly string[]): Html {
  return html`
    <details class="command"><summary>Command: ${what}</summary>${[...new Set(commands)].map((
      command,
    ) => html`<pre tabindex="0"><code>${command}</code></pre>`)}</details>
  `;
}
