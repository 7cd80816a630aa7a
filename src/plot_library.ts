import { AssayError } from "./error.ts";

/** Observable Plot, as it is imported. */
export type PlotLibrary = typeof import("@observablehq/plot");

/** What drawing needs. */
export interface PlotTools {
  readonly Plot: PlotLibrary;
  readonly document: unknown;
}

/** What is used of a drawn plot; Deno has no types of a document's elements. */
export interface DrawnPanel {
  readonly outerHTML: string;
}

/** Pixels of one panel of a picture. */
export const panelWidth = 480;
/** Pixels of one panel of a picture. */
export const panelHeight = 340;

/**
 * Loads Observable Plot, and outside a browser linkedom's document for it: when something is drawn,
 * and never before, because both are large.
 *
 * @param code What the error is called where they can't be loaded.
 */
export async function loadPlot(code: string): Promise<PlotTools> {
  try {
    const Plot = await import("@observablehq/plot");
    const inBrowser = (globalThis as { document?: unknown }).document;
    if (inBrowser !== undefined) return { Plot, document: inBrowser };
    const { parseHTML } = await import("linkedom");
    const { document } = parseHTML("<html><body></body></html>") as { document?: unknown };
    return { Plot, document };
  } catch (cause) {
    throw new AssayError(
      code,
      "Cannot draw a plot: expected the packages @observablehq/plot and linkedom, found that they " +
        "can't be loaded (is the network reachable?)",
      { cause },
    );
  }
}

/** A panel inside a whole picture: its SVG text, moved to a place. */
export function placedPanel(
  panel: DrawnPanel,
  place: { readonly x: number; readonly y?: number | undefined },
): string {
  const attributes = Object.entries(place).map(([name, pixels]) => `${name}="${pixels}" `).join("");
  // Its style sheet sizes a picture that stands alone in a page, and would move one that does not.
  return panel.outerHTML.replace(/<style>.*?<\/style>/s, "").replace("<svg ", `<svg ${attributes}`);
}

/** A complete SVG file of placed panels. */
export function svgPicture(width: number, height: number, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" style="background:white;color:#222">${body}</svg>`;
}
