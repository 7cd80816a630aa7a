import type { AsyncBuffer, ColumnMetaData, PageHeader } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { ChunkBytes } from "./parquet_bytes.ts";
import { largestPage, mostValues, type PageDecoder } from "./parquet_page.ts";
import type { PageRows } from "./parquet_rows.ts";
import { endOfThrift } from "./parquet_thrift.ts";

/** Bytes of a page's header at most: it may hold the smallest and the largest value. */
const longestHeader = 2 ** 24;
const shortestPeek = 2 ** 9;

/**
 * The rows of one column of a row group, decoded a page at a time. Pages of the first version may end
 * inside of a row, so the last row of a list stays back until the next page.
 */
export class ColumnRows {
  readonly #name: string;
  readonly #bytes: ChunkBytes;
  readonly #decoder: PageDecoder;
  readonly #rows: number;
  /** Rows that have begun in the pages so far. */
  #found = 0;
  /** Rows that are put together, and can be taken before those of the page. */
  #done: unknown[] = [];
  #page: PageRows | undefined;
  /** Rows of the page that can be taken. */
  #left = 0;
  /** Whether the page has one row more, which may go on in the next. */
  #hasLast = false;
  /** That row, once the page is gone, and about how many values it has. */
  #open: unknown[] = [];
  #openValues = 0;

  /** @param rows How many rows the row group has. */
  constructor(
    file: AsyncBuffer,
    metadata: ColumnMetaData,
    decoder: PageDecoder,
    rows: number,
    columns: number,
  ) {
    this.#name = metadata.path_in_schema.join(".");
    const range = chunkRange(metadata, file.byteLength);
    // A page that is not compressed is a part of the bytes.
    const isHeld = metadata.codec === "UNCOMPRESSED";
    this.#bytes = new ChunkBytes(file, range, columns, isHeld);
    this.#decoder = decoder;
    this.#rows = rows;
  }

  /** How many rows can be taken without another page; decodes until there are some. */
  async ready(): Promise<number> {
    try {
      while (this.#done.length === 0 && this.#left === 0) await this.#nextPage();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`column "${this.#name}": ${reason}`, { cause: error });
    }
    return this.#done.length > 0 ? this.#done.length : this.#left;
  }

  /** The next rows; not more than {@linkcode ready} told. */
  take(count: number): unknown[] {
    if (this.#done.length > 0) return this.#done.splice(0, count);
    this.#left -= count;
    return this.#page!.take(count);
  }

  async #nextPage(): Promise<void> {
    const isFlat = this.#decoder.repetition === 0;
    if (this.#hasLast) this.#open = this.#page!.take(1);
    this.#hasLast = false;
    this.#page?.release();
    this.#page = undefined;
    // What may stand after a column's last row is no matter of ours.
    if (this.#bytes.left === 0 || (isFlat && this.#found === this.#rows)) {
      this.#done = this.#open;
      this.#open = [];
      if (this.#found !== this.#rows || this.#done.length === 0) {
        throw new Error(`expected ${this.#rows} rows, found ${this.#found}`);
      }
      return;
    }
    const header = await this.#readHeader();
    const bytes = await this.#bytes.take(header.compressed_page_size);
    const page = this.#decoder.decode(header, bytes);
    if (page === undefined) return;
    this.#page = page;
    this.#count(page.starts);
    if (isFlat) this.#left = page.starts;
    else this.#goOn(page);
  }

  /** Ends the row that the page before began, where this one does, and sets the page's rows out. */
  #goOn(page: PageRows): void {
    const { continued, starts } = page;
    if (continued > 0 && this.#open.length === 0) throw new Error("a list without a beginning");
    this.#openValues = this.#open.length === 0 ? 0 : this.#openValues + continued;
    // Lists that go on over pages are one row, and must have an end.
    if (this.#openValues > mostValues) {
      throw new Error(`expected at most ${mostValues} values in a row, found more`);
    }
    page.continue(this.#open);
    if (starts === 0) return;
    this.#done = this.#open;
    this.#open = [];
    this.#openValues = 0;
    this.#left = starts - 1;
    this.#hasLast = true;
  }

  #count(rows: number): void {
    this.#found += rows;
    if (this.#found > this.#rows) {
      throw new Error(`expected ${this.#rows} rows, found ${this.#found}`);
    }
  }

  async #readHeader(): Promise<PageHeader> {
    for (let count = shortestPeek;; count *= 8) {
      const bytes = await this.#bytes.peek(count);
      const end = endOfThrift(bytes, 0);
      if (end === undefined) {
        if (bytes.length >= this.#bytes.left || count > longestHeader) {
          throw new Error("expected a page's header, found none that ends");
        }
        continue;
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, end);
      const header = parquetHeader({ view, offset: 0 });
      await this.#bytes.take(end);
      const { compressed_page_size: size } = header;
      if (!(size >= 0 && size <= Math.min(largestPage, this.#bytes.left))) {
        throw new Error(`expected a page inside of its column, found one of ${size} bytes`);
      }
      return header;
    }
  }
}

/** Where in the file a column's pages stand. */
function chunkRange(metadata: ColumnMetaData, byteLength: number): [number, number] {
  const { data_page_offset: data, dictionary_page_offset: dictionary } = metadata;
  // Some writers give a dictionary's place as 0 where there is none, or none where there is one.
  const start = Number(dictionary && dictionary < data ? dictionary : data);
  const end = start + Number(metadata.total_compressed_size);
  if (!(start >= 4 && end >= start && end <= byteLength)) {
    throw new Error(`expected a column inside of the file, found bytes ${start} to ${end}`);
  }
  return [start, end];
}
