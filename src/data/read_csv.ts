import type { Transform } from "node:stream";
import { type Options, parse, type Parser } from "csv-parse";
import { AssayError } from "../error.ts";
import { badRow, longestLine } from "./read_json_lines.ts";
import type { ReadRow, Row } from "./rows.ts";

/** Fields of one record at most, about: they are counted where a record is longer than so many bytes. */
const mostFields = 2 ** 20;

/** How to read CSV. */
export interface CsvOptions {
  /** What stands between fields, one character; a comma by default. */
  readonly delimiter?: string | undefined;
  /** Whether somebody named it: then it is not doubted. */
  readonly isGiven?: boolean | undefined;
}

/** What else stands between fields, and how it is called. */
const delimiters: Readonly<Record<string, string>> = {
  ",": "commas",
  ";": "semicolons",
  "\t": "tabs",
  "|": "vertical bars",
};

/**
 * Reads rows from CSV, for each chunk those that end in it (RFC 4180: commas, `"` quotes, `""` for a quote, line breaks inside quotes).
 * The first record names the columns; every value is a string, and a quote where none belongs is
 * text. A record with another number of fields, or with bytes that are not UTF-8, is an item with an
 * error, and the reading goes on.
 *
 * @param name What error messages call the file.
 * @param chunks The bytes of the file, without a byte-order mark.
 * @param options What stands between fields.
 * @throws {AssayError} `data/bad-file` where the first record names a column twice, is not UTF-8 or is
 *   JSON, and where a record does not end within 64 MiB or 1,048,576 fields; `data/delimiter` and
 *   `data/line-ends` where it is of another kind of CSV.
 */
export async function* readCsv(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  options: CsvOptions = {},
): AsyncGenerator<readonly ReadRow[]> {
  const records = new CsvRecords(name, options.delimiter ?? ",");
  const rows = new CsvRows(name, options);
  for await (const chunk of chunks) {
    yield rows.of(await records.push(chunk));
  }
  yield rows.of(await records.end());
}

/** One record as csv-parse found it: the raw fields, or why there are none. */
interface CsvRecord {
  readonly line: number;
  readonly fields: readonly Uint8Array[] | undefined;
  readonly problem: string | undefined;
}

/**
 * csv-parse, fed one chunk at a time. Records and refusals are taken in its callbacks, where they
 * come in the file's order, and never enter its output side; fields stay bytes, because csv-parse
 * would turn bytes that are not UTF-8 into replacement characters in silence.
 */
class CsvRecords {
  readonly #name: string;
  readonly #delimiter: number;
  // Both, for browsers: their types have no streams of Node, which a parser is one of.
  readonly #parser: Parser & Transform;
  #found: CsvRecord[] = [];
  /** Bytes and delimiters since a record ended, or since the chunk in which one did. */
  #bytes = 0;
  #delimiters = 0;

  constructor(name: string, delimiter: string) {
    this.#name = name;
    this.#delimiter = delimiter.charCodeAt(0);
    const options: Options = {
      delimiter,
      encoding: null,
      // Named, because csv-parse's own discovery fails where a chunk ends between \r and \n.
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      // Strict about quotes, it would lose the records after a stray one.
      relax_quotes: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      on_record: (fields, { lines }) => {
        const record = fields as unknown as Uint8Array[];
        this.#found.push({ line: lines - breaksIn(record), fields: record, problem: undefined });
        return null;
      },
      on_skip: (error) => {
        const line = Number((error as unknown as { lines?: number })?.lines ?? 0);
        this.#found.push({ line, fields: undefined, problem: problemOf(error?.code) });
        return undefined;
      },
    };
    this.#parser = parse(options);
    this.#parser.resume(); // nothing comes out, but without a reader it would never end
  }

  async push(chunk: Uint8Array): Promise<CsvRecord[]> {
    this.#guard(chunk);
    await new Promise<void>((resolve, reject) => {
      this.#parser.write(chunk, (error) => error ? reject(error) : resolve());
    });
    if (this.#found.length > 0) this.#bytes = this.#delimiters = 0;
    return this.#take();
  }

  /** Refuses a record without end before csv-parse keeps it: a quote may lack its partner. */
  #guard(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > mostFields) {
      for (const byte of chunk) if (byte === this.#delimiter) this.#delimiters++;
    }
    if (this.#bytes <= longestLine && this.#delimiters <= mostFields) return;
    throw new AssayError(
      "data/bad-file",
      `Cannot read ${this.#name} at line ${this.#parser.info.lines}: expected a record of at ` +
        `most ${longestLine} bytes and ${mostFields} fields, found no end of it; ` +
        "look for a quote that is not closed",
    );
  }

  end(): Promise<CsvRecord[]> {
    return new Promise((resolve, reject) => {
      this.#parser.once("error", reject);
      this.#parser.once("end", () => resolve(this.#take()));
      this.#parser.end();
    });
  }

  #take(): CsvRecord[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }
}

function problemOf(code: string | undefined): string {
  return code === "CSV_QUOTE_NOT_CLOSED"
    ? 'expected a closing quote ("), found the end of the file'
    : `expected a CSV record, found text that is none (${code ?? "unknown"})`;
}

function breaksIn(fields: readonly Uint8Array[]): number {
  let breaks = 0;
  for (const field of fields) {
    for (let at = field.indexOf(10); at !== -1; at = field.indexOf(10, at + 1)) breaks++;
  }
  return breaks;
}

/** Gives records the names of their columns. */
class CsvRows {
  readonly #name: string;
  readonly #options: CsvOptions;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #columns: readonly string[] | undefined;

  constructor(name: string, options: CsvOptions) {
    this.#name = name;
    this.#options = options;
  }

  of(records: readonly CsvRecord[]): readonly ReadRow[] {
    if (this.#columns !== undefined || records.length === 0) {
      return records.map((record) => this.#row(this.#columns!, record));
    }
    const columns = this.#header(records[0]!);
    this.#columns = columns;
    return records.slice(1).map((record) => this.#row(columns, record));
  }

  #row(columns: readonly string[], { line, fields, problem }: CsvRecord): ReadRow {
    if (fields === undefined) return badRow(line, problem!);
    const expected = columns.length;
    if (fields.length !== expected) {
      return badRow(line, `expected ${expected} fields as in the header, found ${fields.length}`);
    }
    try {
      const values = fields.map((field) => this.#decoder.decode(field));
      // fromEntries, because assigning to a column called __proto__ would lose it.
      const row: Row = Object.fromEntries(
        columns.map((column, index) => [column, values[index]]),
      );
      return { line, row, error: undefined };
    } catch (error) {
      return badRow(line, "expected UTF-8 text, found bytes that are not UTF-8", error);
    }
  }

  #header({ fields, problem }: CsvRecord): string[] {
    const fail = (reason: string, cause?: unknown) =>
      new AssayError("data/bad-file", `Cannot read the header of ${this.#name}: ${reason}`, {
        cause,
      });
    if (fields === undefined) throw fail(problem!);
    let columns: string[];
    try {
      columns = fields.map((field) => this.#decoder.decode(field));
    } catch (error) {
      throw fail("expected UTF-8 text, found bytes that are not UTF-8", error);
    }
    this.#checkLayout(columns);
    const seen = new Set<string>();
    const twice = columns.find((column) => seen.size === seen.add(column).size);
    if (twice !== undefined) throw fail(`expected one column of each name, found "${twice}" twice`);
    return columns;
  }

  /** Refuses a header that says that fields or lines are separated by something else. */
  #checkLayout(columns: readonly string[]): void {
    const name = this.#name;
    if (columns.some((column) => column.includes("\r"))) {
      throw new AssayError(
        "data/line-ends",
        `Cannot read ${name}: expected lines that end with LF or CRLF, found lines that end with CR ` +
          "alone; convert it with `tr '\\r' '\\n'`",
      );
    }
    if (/^\s*[{[]\s*["{[]/.test(columns[0] ?? "")) {
      throw new AssayError(
        "data/bad-file",
        `Cannot read the header of ${name}: expected names of columns, found JSON; name the format ` +
          "(jsonl), or name the file *.jsonl",
      );
    }
    const { delimiter = ",", isGiven = false } = this.#options;
    const text = columns.join("\n");
    const [other, count] = Object.keys(delimiters).filter((mark) => mark !== delimiter)
      .map((mark) => [mark, text.split(mark).length - 1] as const)
      .reduce((most, next) => next[1] > most[1] ? next : most);
    if (isGiven || count < columns.length) return;
    throw new AssayError(
      "data/delimiter",
      `Cannot read the header of ${name}: expected names separated by ` +
        `${delimiters[delimiter] ?? JSON.stringify(delimiter)}, found ${count} ${
          delimiters[other]
        } in it; ` +
        `name what separates them (--delimiter ${other === "\t" ? "tab" : `'${other}'`})`,
    );
  }
}
