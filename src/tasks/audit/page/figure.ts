import { commandsHtml } from "./table_parts.ts";
import { type Html, html, type Table, tableHtml } from "./html.ts";

/** One model's picture in a figure. */
export interface Panel {
  /** Whose it is; told above it where there are several. */
  readonly name: string;
  /** The picture. */
  readonly chart: Html;
}

/** Pictures that show one thing, with the numbers and the command behind them. */
export interface Figure {
  /** What they show, in a sentence. */
  readonly caption: string;
  /** How to read them. */
  readonly reading: string;
  /** One picture per model. */
  readonly panels: readonly Panel[];
  /** The numbers. */
  readonly tables: readonly Table[];
  /** What gives the same numbers. */
  readonly commands: readonly string[];
}

/** The markup of a figure: pictures, then the numbers and the commands, folded. */
export function figureHtml({ caption, reading, panels, tables, commands }: Figure): Html {
  const isOne = panels.length === 1;
  return html`
    <figure>
      <figcaption><strong>${caption}</strong> <span class="quiet">${reading}</span></figcaption>
      <div class="${isOne ? "panels one" : "panels"}">${panels.map(({ name, chart }) =>
        html`
          <div class="panel">${isOne ? undefined : html`<h3>${name}</h3>`}${chart}</div>
        `
      )}</div>
      <details><summary>Numbers: ${caption}</summary>${tables.map(tableHtml)}</details>
      ${commandsHtml(caption, commands)}</figure>
  `;
}

/** What stands where a part could not be made. */
export function missingHtml(names: readonly string[], missing: string): Html {
  const whose = names.length === 0 ? "" : ` for ${names.join(", ")}`;
  return html`
    <p class="missing">Not here${whose}: it needs ${missing}.</p>
  `;
}
