import { crc32 } from "node:zlib";
import type { ColumnMetaData, DecodedArray, PageHeader } from "hyparquet";
import { readPage } from "hyparquet/src/column.js";
import { convert, convertWithDictionary } from "hyparquet/src/convert.js";
import { decompressPage, readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from "hyparquet/src/schema.js";
import { pageCodecs } from "./parquet_codecs.ts";
import { checkSharedPrefixes, endOfDeltas } from "./parquet_deltas.ts";
import { PageRows } from "./parquet_rows.ts";
import { checkRuns } from "./parquet_runs.ts";
import { PageTexts } from "./parquet_texts.ts";

type Decoder = Parameters<typeof convert>[1];

/** Bytes of one page at most, before and after decompression. */
export const largestPage = 2 ** 29;
/** Values of one page at most, and of one row of a list. */
export const mostValues = 2 ** 24;

/** A data page without its levels. */
interface Levelled {
  readonly definition: Uint8Array;
  readonly repetition: Uint8Array;
  /** The values' bytes, and where they begin. */
  readonly page: Uint8Array;
  readonly start: number;
  /** How many values there are that are not null. */
  readonly filled: number;
}

/** What the pages of one column chunk decode to. */
export class PageDecoder {
  /** How many lists a value stands in; 0 for a column with one value for each row. */
  readonly repetition: number;
  readonly #definition: number;
  readonly #decoder: Decoder;
  readonly #isText: boolean;
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
    const isString = element.converted_type === "UTF8" || element.logical_type?.type === "STRING";
    this.#isText = type === "BYTE_ARRAY" && isString;
    this.repetition = getMaxRepetitionLevel(schemaPath);
    this.#definition = getMaxDefinitionLevel(schemaPath);
  }

  /**
   * Decodes the next page.
   *
   * @param header The page's header.
   * @param bytes The page as it stands in the file.
   * @returns The page's rows; `undefined` for a page that holds none.
   */
  decode(header: PageHeader, bytes: Uint8Array): PageRows | undefined {
    checkSum(header, bytes);
    switch (header.type) {
      case "DICTIONARY_PAGE":
        this.#readDictionary(header, bytes);
        return undefined;
      case "DATA_PAGE":
      case "DATA_PAGE_V2":
        return this.#readData(header, bytes);
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
    checkSize(header.uncompressed_page_size);
    const page = this.#unpack(bytes, header.uncompressed_page_size);
    const { data } = readPage(readerOf(bytes), header, this.#unpacked(page), undefined, [], 0);
    if (data?.length !== count) throw new Error(`expected a dictionary of ${count} values`);
    this.#dictionary = convert(data!, this.#decoder);
  }

  #readData(header: PageHeader, bytes: Uint8Array): PageRows | undefined {
    const facts = header.data_page_header_v2 ?? header.data_page_header;
    checkCount("a page", facts?.num_values);
    const { num_values: count, encoding } = facts!;
    if (count === 0) return undefined;
    const isIndexed = encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY";
    if (isIndexed && this.#dictionary === undefined) {
      throw new Error("expected a dictionary before its indices, found none");
    }
    const levelled = header.type === "DATA_PAGE_V2"
      ? this.#second(header, bytes)
      : this.#first(header, bytes);
    const { definition, repetition, page, start, filled } = levelled;
    const path = this.#decoder.schemaPath;
    if (encoding === "PLAIN" && this.#isText) {
      const { codec, parsers } = this.#decoder;
      const isOwned = codec !== "UNCOMPRESSED";
      const values = new PageTexts(page, start, filled, parsers.stringFromBytes, isOwned);
      return new PageRows({ definition, repetition, count, values }, path, this.#definition);
    }
    this.#checkValues(levelled, encoding);
    const raw = header.type === "DATA_PAGE_V2"
      ? readDataPageV2(bytes, header, this.#unpacked(page))
      : readDataPage(page, header.data_page_header!, this.#decoder);
    const values = convertWithDictionary(raw.dataPage, this.#dictionary, encoding, this.#decoder);
    if (values.length !== filled || isMissing(values)) {
      throw new Error("expected a value for each place, found indices or values that are missing");
    }
    return new PageRows({ definition, repetition, count, values }, path, this.#definition);
  }

  /** The decoder of a page that is unpacked already. */
  #unpacked(page: Uint8Array): Decoder {
    return { ...this.#decoder, compressors: { [this.#decoder.codec]: () => page } };
  }

  #unpack(bytes: Uint8Array, size: number): Uint8Array {
    const { codec } = this.#decoder;
    if (codec !== "UNCOMPRESSED" && size === 0) return new Uint8Array(0);
    return decompressPage(bytes, size, codec, pageCodecs);
  }

  /** A data page of the first version: lengths of levels stand before them. */
  #first(header: PageHeader, bytes: Uint8Array): Levelled {
    const facts = header.data_page_header;
    if (facts === undefined) throw new Error("a data page without its header");
    checkSize(header.uncompressed_page_size);
    const page = this.#unpack(bytes, header.uncompressed_page_size);
    const count = facts.num_values;
    const { view } = readerOf(page);
    let start = 0;
    const levels = (most: number, stored: string): Uint8Array => {
      if (most === 0) return noLevels;
      // Only files of before 2014 have them packed, and hyparquet would take them for runs.
      if (stored !== "RLE") throw new Error(`expected levels as runs, found ${stored}`);
      const end = start + 4 + view.getUint32(start, true);
      const values = readLevels(page, start + 4, end, most, count);
      start = end;
      return values;
    };
    const repetition = levels(this.repetition, facts.repetition_level_encoding);
    const definition = levels(this.#definition, facts.definition_level_encoding);
    return { definition, repetition, page, start, filled: this.#filled(definition, count) };
  }

  /** A data page of the second version: levels are not compressed. */
  #second(header: PageHeader, bytes: Uint8Array): Levelled {
    const facts = header.data_page_header_v2;
    if (facts === undefined) throw new Error("a data page without its header");
    const size = header.uncompressed_page_size;
    const { repetition_levels_byte_length: middle, num_values: count } = facts;
    const end = middle + facts.definition_levels_byte_length;
    for (const bound of [size, middle, end]) checkSize(bound);
    if (middle > end || end > size || end > bytes.length) {
      throw new Error("expected levels inside of their page, found longer ones");
    }
    const repetition = readLevels(bytes, 0, middle, this.repetition, count);
    const definition = readLevels(bytes, middle, end, this.#definition, count);
    const filled = this.#filled(definition, count);
    if (facts.num_nulls !== count - filled) {
      throw new Error(`expected ${facts.num_nulls} nulls, found ${count - filled}`);
    }
    const packed = bytes.subarray(end);
    // A copy, because the file's bytes are given back where pages are compressed.
    const page = facts.is_compressed === false ? packed.slice() : this.#unpack(packed, size - end);
    return { definition, repetition, page, start: 0, filled };
  }

  #filled(definition: Uint8Array, count: number): number {
    if (this.#definition === 0) return count;
    let filled = 0;
    for (const level of definition) if (level === this.#definition) filled++;
    return filled;
  }

  #checkValues({ page, start, filled: count }: Levelled, encoding: string): void {
    const end = page.length;
    const { type } = this.#decoder;
    if (count === 0) return;
    if (encoding === "RLE" && type === "BOOLEAN") {
      checkRuns(page, { what: "truth values", start: start + 4, end, width: 1, count });
    } else if (encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY") {
      if (type === "BOOLEAN") throw new Error("truth values by a dictionary");
      const width = page[start] ?? 0;
      checkRuns(page, { what: "indices", start: start + 1, end, width, count });
    } else if (encoding === "DELTA_BINARY_PACKED" || encoding === "DELTA_LENGTH_BYTE_ARRAY") {
      endOfDeltas(page, start, count);
    } else if (encoding === "DELTA_BYTE_ARRAY") {
      checkSharedPrefixes(page, start, count, largestPage);
    } else if (encoding === "RLE") {
      throw new Error(`values of ${type} as runs`);
    }
  }
}

const noLevels = new Uint8Array(0);

/** The levels of a page, whose runs are checked before they are written out. */
function readLevels(
  bytes: Uint8Array,
  start: number,
  end: number,
  most: number,
  count: number,
): Uint8Array {
  if (most === 0) return noLevels;
  if (most > 255) throw new Error(`expected at most 255 levels, found ${most}`);
  const width = 32 - Math.clz32(most);
  checkRuns(bytes, { what: "levels", start, end, width, count });
  const levels = new Uint8Array(count);
  readRleBitPackedHybrid({ ...readerOf(bytes), offset: start }, width, levels, end - start);
  if (levels.some((level) => level > most)) throw new Error(`expected levels up to ${most}`);
  return levels;
}

function readerOf(bytes: Uint8Array): { view: DataView; offset: number } {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
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

/** Whether a value is missing where one should be. */
function isMissing(values: DecodedArray): boolean {
  return Array.isArray(values) && values.includes(undefined);
}
