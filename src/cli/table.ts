import type { OutputStream } from "./output.ts";

/** One line of a table: a cell for every column. */
export type TableLine = readonly string[];

/** Lines that the widths of the columns are found from. */
const measuredLines = 200;

/** A table for people: aligned columns under a header, written while the lines come. */
export interface Table {
  /** Adds a line. */
  add(line: TableLine): Promise<void>;
  /** Writes what is left. */
  close(): Promise<void>;
}

/**
 * A table on a stream. The first 200 lines set the widths; in later lines, longer cells push the rest
 * to the right.
 *
 * @param stream Where it is written.
 * @param header The columns' names; columns whose name ends in `#` are aligned to the right.
 */
export function table(stream: OutputStream, header: TableLine): Table {
  const isNumber = header.map((name) => name.endsWith("#"));
  const names = header.map((name) => name.replace(/#$/, ""));
  let waiting: TableLine[] | undefined = [names];
  let widths: readonly number[] = [];
  const write = (lines: readonly TableLine[]) => {
    const text = lines.map((line) => lineText(line, widths, isNumber) + "\n").join("");
    return stream.write(new TextEncoder().encode(text));
  };
  const release = async () => {
    if (waiting === undefined) return;
    const lines = waiting;
    waiting = undefined;
    widths = names.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column]!))));
    await write(lines);
  };
  return {
    async add(line: TableLine): Promise<void> {
      if (waiting === undefined) return await write([line]);
      waiting.push(line);
      if (waiting.length > measuredLines) await release();
    },
    close: release,
  };
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
