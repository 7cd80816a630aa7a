import type { AsyncBuffer, ColumnMetaData, PageHeader } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { ChunkBytes } from "./parquet_bytes.ts";
import { largestPage, mostValues, type PageDecoder, type PageRows } from "./parquet_page.ts";
import { endOfThrift } from "./parquet_thrift.ts";

/** Bytes of a page's header at most: it may hold the smallest and the largest value. */
const longestHeader = 2 ** 24;
const shortestPeek = 2 ** 9;

const noRows: PageRows = { rows: [], texts: undefined };

/**
 * The rows of one column of a row group, decoded a page at a time. Pages of the first version may end
 * inside of a row, so the last row of a list stays back until the next page.
 */
export class ColumnRows {
  readonly #name: string;
  readonly #bytes: ChunkBytes;
  readonly #decoder: PageDecoder;
  readonly #rows: number;
  /** Rows that came out of pages, complete or not. */
  #found = 0;
  #open: unknown[] = [];
  #openValues = 0;
  #page = noRows;
  #taken = 0;

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
      while (this.#taken === this.#page.rows.length) {
        this.#page.texts?.release();
        this.#page = await this.#nextRows();
        this.#taken = 0;
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`column "${this.#name}": ${reason}`, { cause: error });
    }
    return this.#page.rows.length - this.#taken;
  }

  /** The next rows; not more than {@linkcode ready} told. */
  take(count: number): unknown[] {
    const { rows, texts } = this.#page;
    const some = rows.slice(this.#taken, this.#taken += count);
    return texts === undefined ? Array.from(some as unknown[]) : texts.fill(some);
  }

  async #nextRows(): Promise<PageRows> {
    const isFlat = this.#decoder.repetition === 0;
    // What may stand after a column's last row is no matter of ours.
    if (this.#bytes.left === 0 || (isFlat && this.#found === this.#rows)) {
      const rest = this.#open;
      this.#open = [];
      if (this.#found !== this.#rows || rest.length === 0) {
        throw new Error(`expected ${this.#rows} rows, found ${this.#found}`);
      }
      return { rows: rest, texts: undefined };
    }
    const header = await this.#readHeader();
    const bytes = await this.#bytes.take(header.compressed_page_size);
    if (isFlat) {
      const page = this.#decoder.decode(header, bytes, []) ?? noRows;
      this.#count(page.rows.length);
      return page;
    }
    return this.#wholeRows(header, bytes);
  }

  #wholeRows(header: PageHeader, bytes: Uint8Array): PageRows {
    const before = this.#open.length;
    const page = this.#decoder.decode(header, bytes, this.#open);
    if (page === undefined) return noRows;
    const { rows, texts } = page;
    this.#count(rows.length - before);
    const values = (header.data_page_header_v2 ?? header.data_page_header)?.num_values ?? 0;
    // Lists that go on over pages are one row, and must have an end.
    this.#openValues = rows.length === before ? this.#openValues + values : values;
    if (this.#openValues > mostValues) {
      throw new Error(`expected at most ${mostValues} values in a row, found more`);
    }
    // Numbers of texts mean nothing to the next page.
    const last = rows.slice(-1);
    this.#open = texts === undefined ? Array.from(last as unknown[]) : texts.fill(last);
    return { rows: rows.slice(0, -1), texts };
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
