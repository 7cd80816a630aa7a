import { type AuditReport, isMissing, type ModelAudit, type Section } from "../audit_report.ts";
import { accuracyFigure, overallOf } from "./accuracy_figure.ts";
import { bestOfFigure } from "./best_of_figure.ts";
import { correlationCell, countCell, pointsCell, rangeCell, shareCell } from "./cells.ts";
import { Chart } from "./chart.ts";
import { comparisonText, differenceFigure, strengthFigure } from "./comparison_figures.ts";
import { figureHtml, missingHtml } from "./figure.ts";
import { type Html, html, type HtmlPart, shownName, tableHtml, trusted } from "./html.ts";
import { changeFigure, lengthFigure } from "./length_figures.ts";
import {
  abstentionTable,
  benchmarkTable,
  commandsHtml,
  coverageTable,
  skewTable,
} from "./table_parts.ts";
import { probeFigure } from "./probe_figure.ts";
import { reliabilityFigure } from "./reliability_figure.ts";
import { pageStyle } from "./page_style.ts";

/** Nothing is fetched, nothing runs. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; " +
  "form-action 'none'";

/** One part of the page. */
interface PagePart {
  readonly id: string;
  readonly heading: string;
  readonly body: HtmlPart;
}

/**
 * The page of an audit: one file that loads nothing and runs nothing, with every number that it shows
 * taken from the report.
 *
 * @param report The report, as `audit.json` holds it.
 * @returns HTML text.
 * @throws {AssayError} `evaluation/cannot-plot` where the plotting library can't be loaded.
 */
export async function auditPage(report: AuditReport): Promise<string> {
  const chart = await Chart.open();
  const parts: PagePart[] = [
    { id: "summary", heading: "Summary", body: summaryPart(report) },
    { id: "accuracy", heading: "Accuracy", body: accuracyPart(chart, report) },
    { id: "length", heading: "Length", body: lengthPart(chart, report) },
    { id: "reliability", heading: "How sure", body: reliabilityPart(chart, report) },
    { id: "benchmark", heading: "Benchmark", body: benchmarkPart(report) },
    { id: "probe", heading: "Probe", body: probePart(chart, report) },
    { id: "best-of", heading: "Best of n", body: bestOfPart(chart, report) },
    { id: "comparison", heading: "Models side by side", body: comparisonPart(chart, report) },
  ];
  const title = `Audit of ${titleNames(report)}`;
  return html`
    ${trusted("<!doctype html>")}
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${policy}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="generator" content="Assay ${report.assay}">
        <title>${title}</title>
        <link rel="icon" href="data:,">
        <style>${trusted(pageStyle)}</style>
      </head>
      <body>
        <a class="skip" href="#summary">Skip to the summary</a>
        <header>
          <h1>${title}</h1>
          <p class="quiet">${rowsText(report)}</p>
          <nav aria-label="Parts">
            <ul>${parts.map(({ id, heading }) =>
              html`<li><a href="#${id}">${heading}</a></li>`
            )}</ul>
          </nav>
        </header>
        <main>
    ${parts.map(({ id, heading, body }) =>
      html`
        <section id="${id}" aria-labelledby="${id}-heading" tabindex="-1">
        <h2 id="${id}-heading">${heading}</h2>
        ${body}</section>
      `
    )}</main>
        <footer class="quiet">
          <p>Made by Assay ${report.assay}: <code>${report.command}</code></p>
          <p>${intervalText(
            report,
          )} Every number of this page stands in full in audit.json beside it.</p>
        </footer>
      </body>
    </html>
  `.markup;
}

function titleNames({ models }: AuditReport): string {
  const names = models.slice(0, 4).map(({ name }) => shownName(name));
  const more = models.length - names.length;
  if (more > 0) return `${names.join(", ")} and ${more} more`;
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function rowsText({ models }: AuditReport): string {
  return models.map(({ name, source, rows }) => {
    const kinds = [
      [rows.pairs, "pairs"],
      [rows.bestOfN, "rows of candidates"],
      [rows.single, "single responses"],
    ] as const;
    const told = kinds.filter(([count]) => count > 0)
      .map(([count, kind]) => `${count.toLocaleString("en")} ${kind}`).join(", ");
    const failed = rows.failed === 0 ? "" : `; ${rows.failed} rows could not be used`;
    return { name, told: `${told} from ${shownName(source)}${failed}` };
  }).reduce<{ name: string; told: string }[]>((all, one) => {
    const same = all.find(({ told }) => told === one.told);
    if (same === undefined) all.push({ ...one });
    return all;
  }, []).map(({ told }) => told).join("; ");
}

function intervalText({ intervals }: AuditReport): string {
  const { coverage, over, clusters, draws, seed } = intervals;
  return `Intervals are ${100 * coverage} % bootstrap intervals: ${
    clusters.toLocaleString("en")
  } ` +
    `${over} drawn again ${draws.toLocaleString("en")} times, seed ${seed}.${
      over === "rows" ? " The rows do not tell their prompts, so each counts as its own." : ""
    }`;
}

function summaryPart(report: AuditReport): Html {
  const { models } = report;
  const table = tableHtml({
    caption: models.length === 1 ? "At a glance" : "The models at a glance",
    header: [
      "model",
      "rows",
      "accuracy",
      "longest wins",
      "length correlation",
      "calibration changes",
    ],
    lines: models.map((model) => [
      html`<bdi>${shownName(model.name)}</bdi>`,
      ...glance(model),
    ]),
  });
  return html`${table}<div class="models">${
    models.map(({ name, summary }) =>
      html`
        <div>${models.length === 1 ? undefined : html`<h3><bdi>${shownName(name)}</bdi></h3>`}
        <dl>${summary.map(({ about, text }) =>
          html`
            <dt>${about}</dt>
            <dd>${text}</dd>
          `
        )}</dl></div>
      `
    )
  }</div>`;
}

function glance({ accuracy, length, rows }: ModelAudit): Html[] {
  const all = isMissing(accuracy) ? undefined : overallOf(accuracy);
  const change = isMissing(length) ? undefined : length.changes[0];
  const none = html`–`;
  return [
    countCell(all?.rows ?? rows.read),
    all === undefined ? none : rangeCell(all.accuracy),
    all === undefined ? none : shareCell(all.longerWins),
    isMissing(length) ? none : correlationCell(length.spearmanBefore),
    change === undefined ? none : pointsCell(change.difference),
  ];
}

/** The models that have a part, and what the others lack. */
function split<Content extends object>(
  models: readonly ModelAudit[],
  part: (model: ModelAudit) => Section<Content>,
): { present: { name: string; section: Content }[]; missing: Html[] } {
  const present: { name: string; section: Content }[] = [];
  const lacking = new Map<string, string[]>();
  for (const model of models) {
    const section = part(model);
    if (!isMissing(section)) present.push({ name: model.name, section });
    else lacking.set(section.missing, [...lacking.get(section.missing) ?? [], model.name]);
  }
  return {
    present,
    missing: [...lacking].map(([what, names]) =>
      missingHtml(names.length === models.length ? [] : names.map((name) => shownName(name)), what)
    ),
  };
}

function accuracyPart(chart: Chart, { models }: AuditReport): Html {
  const { present, missing } = split(models, ({ accuracy }) => accuracy);
  if (present.length === 0) return html`${missing}`;
  return html`${figureHtml(accuracyFigure(chart, present))}${missing}`;
}

function lengthPart(chart: Chart, { models }: AuditReport): Html {
  const { present, missing } = split(models, ({ length }) => length);
  const changed = present.filter(({ section }) => section.changes.length > 0);
  return html`${present.length === 0 ? undefined : figureHtml(lengthFigure(chart, present))}${
    changed.length === 0 ? undefined : figureHtml(changeFigure(chart, changed))
  }${
    present.flatMap(({ name, section: { warnings } }) =>
      warnings.map((warning) =>
        html`
          <p class="quiet">Calibration warns${models.length === 1
            ? ""
            : ` of ${shownName(name)}`}: ${warning}.</p>
        `
      )
    )
  }${missing}`;
}

function reliabilityPart(chart: Chart, { models }: AuditReport): Html {
  const { present, missing } = split(models, ({ reliability }) => reliability);
  const decided = split(models, ({ abstention }) => abstention).present;
  const held = split(models, ({ coverage }) => coverage);
  return html`${present.length === 0 ? undefined : figureHtml(reliabilityFigure(chart, present))}${
    decided.length === 0
      ? undefined
      : html`${tableHtml(abstentionTable(decided))}${
        commandsHtml("Rows that can be decided", decided.map(({ section }) => section.command))
      }`
  }${
    held.present.length === 0
      ? undefined
      : html`${tableHtml(coverageTable(held.present))}${
        commandsHtml("Conformal intervals", held.present.map(({ section }) => section.command))
      }`
  }${missing}${held.missing}`;
}

function benchmarkPart({ models }: AuditReport): Html {
  const { present, missing } = split(models, ({ benchmark }) => benchmark);
  return html`${present.map((each) => tableHtml(benchmarkTable(each)))}${
    present.length === 0
      ? undefined
      : commandsHtml("Benchmark", present.map(({ section }) => section.command))
  }${missing}`;
}

function probePart(chart: Chart, { models }: AuditReport): Html {
  const { present, missing } = split(models, ({ probe }) => probe);
  const skew = split(models, ({ skew }) => skew);
  return html`${present.map(({ name, section }) => figureHtml(probeFigure(chart, name, section)))}${
    skew.present.map((each) => tableHtml(skewTable(each)))
  }${
    skew.present.length === 0
      ? undefined
      : commandsHtml("Traits", skew.present.map(({ section }) => section.command))
  }${missing}${skew.missing}`;
}

function bestOfPart(chart: Chart, { models }: AuditReport): Html {
  const { present, missing } = split(models, ({ bestOf }) => bestOf);
  if (present.length === 0) return html`${missing}`;
  return html`${figureHtml(bestOfFigure(chart, present))}${missing}`;
}

function comparisonPart(chart: Chart, { comparison }: AuditReport): Html {
  if (isMissing(comparison)) return missingHtml([], comparison.missing);
  const { differences, strengths } = comparison;
  return html`<p>${comparisonText(comparison)}</p>
${differences.length === 0 ? undefined : figureHtml(differenceFigure(chart, comparison))}${
    strengths.length === 0 ? undefined : figureHtml(strengthFigure(chart, comparison))
  }`;
}
