import type { AbstentionSection, BenchmarkSection } from "../audit_report.ts";
import { countCell, numberCell, plainRangeCell, shareCell } from "./cells.ts";
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
