import type { Markish, PlotOptions } from "@observablehq/plot";
import { type DrawnPanel, loadPlot, type PlotTools } from "../../../plot_library.ts";
import { escaped, type Html, trusted } from "./html.ts";

/** Pixels of a panel where several stand side by side. */
export const narrow = 480;
/** Pixels of a panel that stands alone. */
export const wide = 760;

/** Colours by what they mean; the page's style sheet says what they are in light and in dark. */
export const colours = {
  ink: "var(--ink)",
  quiet: "var(--quiet)",
  line: "var(--line)",
  main: "var(--main)",
  up: "var(--up)",
  down: "var(--down)",
} as const;

/** Attributes that are places, which hundredths of a pixel are enough for. */
const places = /(?<=<[^<>]+) (?:d|[xyr][12]?|c[xy]|width|height|transform)="[^"]*"/g;

/** What a person who does not see the picture is told. */
export interface ChartText {
  /** What it is. */
  readonly title: string;
  /** What it shows, with its figures. */
  readonly description: string;
}

/** One line of a chart of lines. */
export interface NamedLine {
  /** Its place from the top. */
  readonly line: number;
  /** Its name. */
  readonly label: string;
  /** Whether the name stands out. */
  readonly isBold: boolean;
}

/** Draws charts that stand in a page. */
export class Chart {
  readonly #tools: PlotTools;
  #drawn = 0;

  constructor(tools: PlotTools) {
    this.#tools = tools;
  }

  /**
   * Loads what drawing needs.
   *
   * @throws {AssayError} `evaluation/cannot-plot` where it can't be loaded.
   */
  static async open(): Promise<Chart> {
    return new Chart(await loadPlot("evaluation/cannot-plot"));
  }

  /** Observable Plot, for its marks. */
  get plot(): PlotTools["Plot"] {
    return this.#tools.Plot;
  }

  /** Names to the left of lines that lie one below the other, with `y` as a band. */
  names(lines: readonly NamedLine[]): Markish[] {
    return [false, true].map((isBold) =>
      this.plot.text(lines.filter((line) => line.isBold === isBold), {
        frameAnchor: "left",
        y: "line",
        text: "label",
        textAnchor: "end",
        dx: -10,
        fontWeight: isBold ? 700 : 400,
        fill: colours.ink,
      })
    );
  }

  /** A drawn chart as markup: a picture with a title and a description. */
  draw(options: PlotOptions, { title, description }: ChartText): Html {
    const id = `chart-${++this.#drawn}`;
    const drawn = this.#tools.Plot.plot({
      ...options,
      document: this.#tools.document as never,
      className: "plot",
    }) as unknown as DrawnPanel;
    const svg = drawn.outerHTML
      .replace(/<style>.*?<\/style>/s, "") // the page has its own
      .replace(
        /^<svg ([^>]*)>/,
        `<svg $1 role="img" aria-labelledby="${id}-title ${id}-text"><title id="${id}-title">` +
          `${escaped(title)}</title><desc id="${id}-text">${escaped(description)}</desc>`,
      )
      // A group is no picture of its own, and may have no label.
      .replaceAll(
        /(<g [^<>]*?) aria-label="([xy]-grid)?[^"<>]*"/g,
        (_, group, grid) => grid === undefined ? group : `${group} class="grid"`,
      )
      .replaceAll(places, (place) => place.replaceAll(/(\d\.\d\d)\d+/g, "$1"));
    return trusted(svg);
  }
}

/** Pixels to the left of a chart for the longest of its names. */
export function marginFor(names: readonly string[]): number {
  return 16 + 6.6 * Math.max(4, ...names.map((name) => [...name].length));
}
