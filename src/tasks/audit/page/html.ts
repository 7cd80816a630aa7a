/** Text from rows and file names is shown up to so many characters. */
const mostCharacters = 80;

/** Markup; made by this file's functions, so that no text gets into a page unescaped. */
export interface Html {
  /** The markup. */
  readonly markup: string;
}

/** What may stand in a template: text is escaped. */
export type HtmlPart = Html | string | number | readonly HtmlPart[] | undefined;

/** Markup of a template; every text in it is escaped. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  const markup = strings.reduce((text, string, index) =>
    text + markupOf(parts[index - 1]) + string
  );
  return { markup };
}

/** Markup that is known to be safe: what Plot has drawn, and this room's style sheet. */
export function trusted(markup: string): Html {
  return { markup };
}

function markupOf(part: HtmlPart): string {
  if (part === undefined) return "";
  if (typeof part === "number") return String(part);
  if (typeof part === "string") return escaped(part);
  return "markup" in part ? part.markup : part.map(markupOf).join("");
}

/** Text with the characters that mean something in markup replaced. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * A name from outside as it is shown: without control characters and those that turn the direction of
 * text, and cut where it is long.
 */
export function shownName(name: string, most: number = mostCharacters): string {
  const visible = name.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, "\uFFFD");
  const characters = [...visible];
  return characters.length <= most ? visible : `${characters.slice(0, most - 1).join("")}…`;
}

/** A table; the first column names the line, the others are numbers. */
export interface Table {
  /** What it shows. */
  readonly caption: string;
  /** Names of the columns. */
  readonly header: readonly string[];
  /** Lines of cells. */
  readonly lines: readonly (readonly HtmlPart[])[];
}

/** The markup of a table that scrolls by itself where it is wide. */
export function tableHtml({ caption, header, lines }: Table): Html {
  return html`
    <p class="caption">${caption}</p>
    <div class="scroll" role="region" tabindex="0" aria-label="${caption}">
      <table aria-label="${caption}">
        <thead>
          <tr>${header.map((name) => html`<th scope="col">${name}</th>`)}</tr>
        </thead>
        <tbody>${lines.map(([name, ...cells]) =>
          html`
            <tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
          `
        )}</tbody>
      </table>
    </div>
  `;
}

/** A number in full, shown shorter. */
export function dataHtml(value: number | null, shown: string): Html {
  return value === null ? html`–` : html`<data value="${String(value)}">${shown}</data>`;
}
