import type { Interval } from "../numbers/bootstrap.ts";
import type { Output, PaintedText } from "./output.ts";
import { visibleLine } from "./visible_text.ts";

/** One line of a table: a cell for every column. */
export type TableLine = readonly string[];

/** What may stand below a line: text, or coloured text, which stands there on a terminal alone. */
export type TableDetail = string | readonly PaintedText[];

/** Lines that the widths of the columns are found from. */
const measuredLines = 200;

/** A table for people: aligned columns under a header, written while the lines come. */
export interface Table {
  /**
   * Adds a line.
   *
   * @param line Its cells.
   * @param details Lines to stand below it, indented.
   */
  add(line: TableLine, details?: readonly TableDetail[]): Promise<void>;
  /** Writes what is left. */
  close(): Promise<void>;
}

/**
 * A table on standard output. The first 200 lines set the widths; in later lines, longer cells push the rest
 * to the right.
 *
 * @param output The command's output.
 * @param header The columns' names; columns whose name ends in `#` are aligned to the right.
 */
export function table(output: Output, header: TableLine): Table {
  const isNumber = header.map((name) => name.endsWith("#"));
  const names = header.map((name) => name.replace(/#$/, ""));
  let waiting: Entry[] | undefined = [{ line: names, details: [] }];
  let widths: readonly number[] = [];
  const write = async (entries: readonly Entry[]) => {
    let text = "";
    for (const { line, details } of entries) {
      text += `${lineText(line, widths, isNumber)}\n`;
      for (const detail of details) {
        if (typeof detail === "string") text += `    ${oneLine(detail)}\n`;
        else if (output.stdout.isTerminal) {
          if (text !== "") await output.writeText(text);
          text = "";
          await output.writePainted([{ text: "    ", heat: 0 }, ...detail]);
        }
      }
    }
    if (text !== "") await output.writeText(text);
  };
  const release = async () => {
    if (waiting === undefined) return;
    const entries = waiting;
    waiting = undefined;
    widths = names.map((_, column) =>
      Math.max(...entries.map(({ line }) => widthOf(line[column]!)))
    );
    await write(entries);
  };
  return {
    async add(line: TableLine, details: readonly TableDetail[] = []): Promise<void> {
      const entry = { line: line.map(oneLine), details };
      if (waiting === undefined) return await write([entry]);
      waiting.push(entry);
      if (waiting.length > measuredLines) await release();
    },
    close: release,
  };
}

interface Entry {
  readonly line: TableLine;
  readonly details: readonly TableDetail[];
}

/** Line breaks would tear the table; what else could steer the terminal is seen, and has a width. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return visibleLine(text.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " "));
}

function widthOf(cell: string): number {
  return [...cell].length;
}

function lineText(
  line: TableLine,
  widths: readonly number[],
  isNumber: readonly boolean[],
): string {
  return line.map((cell, column) => {
    const padding = " ".repeat(Math.max(0, widths[column]! - widthOf(cell)));
    return isNumber[column] ? padding + cell : cell + padding;
  }).join("  ").trimEnd();
}

/**
 * An interval for a cell: `0.5000 (0.4512 to 0.5488)`, its estimate alone where its ends are unknown.
 *
 * @param interval The interval.
 * @param shown How its numbers look.
 */
export function withEnds(
  { estimate, low, high }: Interval,
  shown: (value: number | null) => string = rounded,
): string {
  if (low === null || high === null) return shown(estimate);
  return `${shown(estimate)} (${shown(low)} to ${shown(high)})`;
}

/** A number for a cell, to four digits; empty for anything else. */
export function rounded(value: unknown): string {
  return typeof value === "number" ? value.toFixed(4) : "";
}
