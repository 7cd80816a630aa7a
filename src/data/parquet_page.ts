import { crc32 } from "node:zlib";
import type { ColumnMetaData, DecodedArray, PageHeader } from "hyparquet";
import { readPage } from "hyparquet/src/column.js";
import { convert } from "hyparquet/src/convert.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from "hyparquet/src/schema.js";
import { pageCodecs } from "./parquet_codecs.ts";
import { checkSharedPrefixes, endOfDeltas } from "./parquet_deltas.ts";
import { checkRuns } from "./parquet_runs.ts";

type Decoder = Parameters<typeof convert>[1];

/** Bytes of one page at most, before and after decompression. */
export const largestPage = 2 ** 29;
/** Values of one page at most, and of one row of a list. */
export const mostValues = 2 ** 24;

/** What the pages of one column chunk decode to. */
export class PageDecoder {
  /** How many lists a value stands in; 0 for a column with one value for each row. */
  readonly repetition: number;
  readonly #definition: number;
  readonly #decoder: Decoder;
  #dictionary: DecodedArray | undefined;

  constructor(
    schemaPath: Decoder["schemaPath"],
    metadata: ColumnMetaData,
    parsers: Decoder["parsers"],
  ) {
    const { path_in_schema: pathInSchema, type, codec } = metadata;
    const element = schemaPath.at(-1)!.element;
    if (element.type !== type) {
      throw new Error(`expected ${element.type} as the schema says, found ${type}`);
    }
    this.#decoder = { pathInSchema, type, codec, element, schemaPath, parsers, utf8: false };
    this.repetition = getMaxRepetitionLevel(schemaPath);
    this.#definition = getMaxDefinitionLevel(schemaPath);
  }

  /**
   * Decodes the next page.
   *
   * @param header The page's header.
   * @param bytes The page as it stands in the file.
   * @param open Lists of rows that the page may go on with; the rows are added to it.
   * @returns The values by rows; `undefined` for a page that holds no rows.
   */
  decode(header: PageHeader, bytes: Uint8Array, open: unknown[]): DecodedArray | undefined {
    checkSum(header, bytes);
    switch (header.type) {
      case "DICTIONARY_PAGE":
        this.#readDictionary(header, bytes);
        return undefined;
      case "DATA_PAGE":
      case "DATA_PAGE_V2":
        return this.#readData(header, bytes, open);
      case "INDEX_PAGE":
        return undefined;
      default:
        throw new Error(`a page of type ${header.type}`);
    }
  }

  #readDictionary(header: PageHeader, bytes: Uint8Array): void {
    if (this.#dictionary !== undefined) throw new Error("expected one dictionary, found another");
    const count = header.dictionary_page_header?.num_values;
    checkCount("the dictionary", count);
    const { data } = readPage(readerOf(bytes), header, this.#with(header, bytes), undefined, [], 0);
    if (data?.length !== count) throw new Error(`expected a dictionary of ${count} values`);
    this.#dictionary = convert(data!, this.#decoder);
  }

  #readData(header: PageHeader, bytes: Uint8Array, open: unknown[]): DecodedArray | undefined {
    const facts = header.data_page_header_v2 ?? header.data_page_header;
    checkCount("a page", facts?.num_values);
    const { num_values: count, encoding } = facts!;
    if (count === 0) return undefined;
    const decoder = this.#with(header, bytes);
    const isIndexed = encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY";
    if (isIndexed && this.#dictionary === undefined) {
      throw new Error("expected a dictionary before its indices, found none");
    }
    // -1: no page is skipped.
    const { data } = readPage(readerOf(bytes), header, decoder, this.#dictionary, open, -1);
    if (data === undefined || holdsNothing(data)) {
      throw new Error("expected a value for each place, found indices or values that are missing");
    }
    if (this.repetition === 0 && data.length !== count) {
      throw new Error(`expected ${count} values, found ${data.length}`);
    }
    return data;
  }

  /** The decoder of one page, whose bytes it unpacks and checks. */
  #with(header: PageHeader, bytes: Uint8Array): Decoder {
    const { codec } = this.#decoder;
    const { uncompressed_page_size: size, data_page_header_v2: second } = header;
    checkSize(size);
    const unpack = (from: Uint8Array, length: number) =>
      codec !== "UNCOMPRESSED" && length === 0
        ? new Uint8Array(0)
        : decompressPage(from, length, codec, pageCodecs);
    if (second === undefined || header.type !== "DATA_PAGE_V2") {
      const page = unpack(bytes, size);
      if (header.type === "DATA_PAGE") this.#checkFirst(header, page);
      return { ...this.#decoder, compressors: { [codec]: () => page } };
    }
    const { repetition_levels_byte_length: first, definition_levels_byte_length: middle } = second;
    checkSize(first);
    checkSize(middle);
    const levels = first + middle;
    if (levels > size || levels > bytes.length) throw new Error("levels longer than their page");
    checkCount("a page's nulls", second.num_nulls);
    this.#checkLevels(bytes, 0, first, this.repetition, second.num_values);
    this.#checkLevels(bytes, first, levels, this.#definition, second.num_values);
    const packed = bytes.subarray(levels);
    const isPacked = second.is_compressed !== false;
    const values = isPacked ? unpack(packed, size - levels) : packed;
    this.#checkValues(values, 0, second.encoding, second.num_values - second.num_nulls, true);
    return { ...this.#decoder, compressors: { [codec]: () => values } };
  }

  /** Checks a data page of the first version: lengths of levels stand before them. */
  #checkFirst(header: PageHeader, page: Uint8Array): void {
    const facts = header.data_page_header;
    if (facts === undefined) throw new Error("a data page without its header");
    const { num_values: count, encoding } = facts;
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    let at = 0;
    let filled = count;
    for (const most of [this.repetition, this.#definition]) {
      if (most === 0) continue;
      const end = at + 4 + view.getUint32(at, true);
      this.#checkLevels(page, at + 4, end, most, count);
      if (most === this.#definition && encoding.startsWith("DELTA")) {
        const levels = new Array<number>(count);
        readRleBitPackedHybrid({ view, offset: at }, bitsOf(most), levels);
        filled = levels.filter((level) => level === most).length;
      }
      at = end;
    }
    this.#checkValues(page, at, encoding, filled, false);
  }

  #checkLevels(bytes: Uint8Array, start: number, end: number, most: number, count: number): void {
    if (most === 0) return;
    checkRuns(bytes, { what: "levels", start, end, width: bitsOf(most), count, isExact: true });
  }

  #checkValues(
    bytes: Uint8Array,
    at: number,
    encoding: string,
    count: number,
    isExact: boolean,
  ): void {
    const end = bytes.length;
    const { type } = this.#decoder;
    if (count === 0) return;
    if (encoding === "RLE" && type === "BOOLEAN") {
      checkRuns(bytes, { what: "truth values", start: at + 4, end, width: 1, count, isExact });
    } else if (encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY") {
      if (type === "BOOLEAN") throw new Error("truth values by a dictionary");
      const width = bytes[at] ?? 0;
      checkRuns(bytes, { what: "indices", start: at + 1, end, width, count, isExact });
    } else if (encoding === "DELTA_BINARY_PACKED" || encoding === "DELTA_LENGTH_BYTE_ARRAY") {
      endOfDeltas(bytes, at, count);
    } else if (encoding === "DELTA_BYTE_ARRAY") {
      checkSharedPrefixes(bytes, at, count, largestPage);
    } else if (encoding === "RLE") {
      throw new Error(`values of ${type} as runs`);
    }
  }
}

function readerOf(bytes: Uint8Array): { view: DataView; offset: number } {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}

function bitsOf(level: number): number {
  return 32 - Math.clz32(level);
}

function checkCount(what: string, count: number | undefined): void {
  if (count === undefined || !(count >= 0 && count <= mostValues)) {
    throw new Error(`expected at most ${mostValues} values in ${what}, found ${count}`);
  }
}

function checkSize(size: number): void {
  if (!(size >= 0 && size <= largestPage)) {
    throw new Error(`expected at most ${largestPage} bytes in a page, found ${size}`);
  }
}

/** Checks a page's bytes against its checksum, where it has one. */
function checkSum({ crc }: PageHeader, bytes: Uint8Array): void {
  if (crc !== undefined && (crc32(bytes) | 0) !== (crc | 0)) {
    throw new Error("expected the page's checksum, found another: the file is damaged");
  }
}

/** Whether a value is missing where one should be; nulls are `null`. */
function holdsNothing(values: ArrayLike<unknown>): boolean {
  if (!Array.isArray(values)) return false;
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i];
    if (value === undefined || (Array.isArray(value) && holdsNothing(value))) return true;
  }
  return false;
}
