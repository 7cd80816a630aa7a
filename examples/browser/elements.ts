/** The element of `index.html` with an id. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`Cannot find #${id} in the page`);
  return element as Kind;
}

/** Makes an element; what is given beside its properties goes inside, texts as texts. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...inside: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...inside);
  return element;
}

/** A table under its header; cells of columns whose name ends in `#` are numbers. */
export function makeTable(
  header: readonly string[],
  rows: readonly HTMLTableRowElement[],
): HTMLTableElement {
  const heads = header.map((name) =>
    make("th", {
      scope: "col",
      textContent: name.replace("#", ""),
      className: name.endsWith("#") ? "number" : "",
    })
  );
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
}

/** A line of such a table. */
export function makeLine(
  header: readonly string[],
  cells: readonly (Node | string)[],
): HTMLTableRowElement {
  return make(
    "tr",
    {},
    ...cells.map((cell, i) =>
      make("td", { className: header[i]?.endsWith("#") ? "number" : "" }, cell)
    ),
  );
}

/** Shows an element or hides it. */
export function show(element: HTMLElement, isShown: boolean): void {
  element.hidden = !isShown;
}

/** Bytes as people say them. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit === 0 ? bytes : bytes.toPrecision(3)} ${units[unit]}`;
}

/** What is told of an error: its message, and an `AssayError`'s code. */
export function errorText(error: unknown): string {
  const { message, code } = error as { message?: string; code?: unknown };
  return `${message ?? String(error)}${typeof code === "string" ? ` [${code}]` : ""}`;
}

/** Whether it is the end that somebody asked for. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Hands a file to the user. */
export function download(name: string, parts: readonly BlobPart[], type: string): void {
  const href = URL.createObjectURL(new Blob([...parts], { type }));
  make("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser may read it later
}
