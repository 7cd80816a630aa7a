import { AssayError } from "../error.ts";
import type { ByteSource } from "./byte_source.ts";
import { excerpt, type JsonObject, type JsonValue, parseStrictJson } from "./strict_json.ts";
import { type Dtype, dtypeBits, type TensorInfo } from "./tensor.ts";

/** Largest header in bytes, the limit of the format's reference implementation. */
export const maxHeaderBytes = 100_000_000;

/** Bytes before the header: its length as an unsigned 64-bit integer, little endian. */
export const prefixBytes = 8;

/** A tensor and where its bytes begin in the file. */
export interface PlacedTensor extends TensorInfo {
  /** Offset of the first byte from the start of the file. */
  readonly offset: number;
}

/** A checked header: every range lies in the file and agrees with its dtype and shape. */
export interface SafetensorsHeader {
  /** The tensors by name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  /** The free-form `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads and checks the header of a safetensors file, which is untrusted: nothing it says is used
 * before it has been compared with the size of the file.
 *
 * Format: <https://github.com/huggingface/safetensors#format>. As there, keys of a tensor's entry
 * other than `dtype`, `shape` and `data_offsets` are ignored.
 *
 * @param source The file.
 * @param file Name that the tensors carry as their `file`.
 * @throws {AssayError} Of the file: `checkpoint/not-safetensors`, `checkpoint/file-too-small`,
 * `checkpoint/header-too-large`, `checkpoint/header-out-of-file`. Of the text:
 * `checkpoint/not-utf8`, `checkpoint/bad-json`, `checkpoint/duplicate-key`,
 * `checkpoint/json-too-deep`, `checkpoint/json-too-large`, `checkpoint/bad-header`,
 * `checkpoint/bad-metadata`. Of a tensor: `checkpoint/bad-tensor-entry`,
 * `checkpoint/unknown-dtype`, `checkpoint/bad-shape`, `checkpoint/bad-offsets`,
 * `checkpoint/size-overflow`, `checkpoint/size-mismatch`. Of all ranges together:
 * `checkpoint/out-of-file`, `checkpoint/overlap`, `checkpoint/hole`. And what reading throws.
 */
export async function readSafetensorsHeader(
  source: ByteSource,
  file: string,
): Promise<SafetensorsHeader> {
  const where = source.name;
  const headerBytes = await readHeaderLength(source);
  const bytes = await source.read(prefixBytes, headerBytes);
  const text = decodeUtf8(bytes, `the header of ${where}`);
  if (bytes[0] !== "{".charCodeAt(0)) {
    refuse("bad-header", where, `a header that starts with "{"`, excerpt(text));
  }
  const header = parseStrictJson(text, `the header of ${where}`) as JsonObject;

  const metadata = readMetadata(header.get("__metadata__"), where);
  const dataStart = prefixBytes + headerBytes;
  const tensors: PlacedTensor[] = [];
  for (const [name, entry] of header) {
    if (name !== "__metadata__") tensors.push(readEntry(name, entry, file, where, dataStart));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  checkRanges(tensors, dataStart, source);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
}

/**
 * Decodes UTF-8 strictly.
 *
 * @throws {AssayError} `checkpoint/not-utf8`.
 */
export function decodeUtf8(bytes: Uint8Array<ArrayBuffer>, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AssayError(
      "checkpoint/not-utf8",
      `Cannot read ${what}: expected UTF-8, found other bytes`,
      { cause },
    );
  }
}

function refuse(code: string, where: string, expected: string, found: string): never {
  throw new AssayError(
    `checkpoint/${code}`,
    `Cannot read ${where} as safetensors: expected ${expected}, found ${found}`,
  );
}

/** What lies in files that are often taken for safetensors, by their first bytes. */
const impostors: readonly (readonly [start: string, what: string])[] = [
  ["version ", `a Git LFS pointer; fetch the weights themselves with "git lfs pull"`],
  ["PK\u0003\u0004", "a PyTorch archive; convert it with the Python package safetensors"],
  ["GGUF", "a GGUF file; use the original safetensors weights"],
  ["<", "a web page; check the address it was downloaded from"],
];

async function readHeaderLength(source: ByteSource): Promise<number> {
  if (source.byteLength < prefixBytes) {
    refuse(
      "file-too-small",
      source.name,
      `at least ${prefixBytes} bytes`,
      `${source.byteLength}; download it again`,
    );
  }
  const prefix = await source.read(0, prefixBytes);
  const start = String.fromCharCode(...prefix);
  const impostor = impostors.find(([magic]) => start.startsWith(magic));
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (impostor !== undefined && length > maxHeaderBytes) {
    refuse("not-safetensors", source.name, "the length of a header", impostor[1]);
  }
  if (length > maxHeaderBytes) {
    refuse(
      "header-too-large",
      source.name,
      `a header of at most ${maxHeaderBytes} bytes`,
      `${length}`,
    );
  }
  if (prefixBytes + Number(length) > source.byteLength) {
    refuse(
      "header-out-of-file",
      source.name,
      `a header of ${length} bytes`,
      `a file of ${source.byteLength} bytes; download it again`,
    );
  }
  return Number(length);
}

function readMetadata(value: JsonValue | undefined, where: string): Map<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (!(value instanceof Map)) {
    return refuse("bad-metadata", where, "an object as __metadata__", kindOf(value));
  }
  for (const [key, text] of value as JsonObject) {
    if (typeof text !== "string") {
      return refuse(
        "bad-metadata",
        where,
        `a string as __metadata__ ${excerpt(key)}`,
        kindOf(text),
      );
    }
    metadata.set(key, text);
  }
  return metadata;
}

function readEntry(
  name: string,
  entry: JsonValue,
  file: string,
  where: string,
  dataStart: number,
): PlacedTensor {
  const what = `of tensor ${excerpt(name)}`;
  if (!(entry instanceof Map)) {
    return refuse("bad-tensor-entry", where, `an object as the entry ${what}`, kindOf(entry));
  }
  const fields = entry as JsonObject;
  const dtype = dtypeOf(fields.get("dtype"), what, where);
  const shape = integers(fields.get("shape"));
  if (shape === undefined) {
    return refuse("bad-shape", where, `a list of integers from 0 on as shape ${what}`, "another");
  }
  const [begin, end] = offsetsOf(fields.get("data_offsets"), what, where);
  const byteLength = tensorBytes(dtype, shape);
  if (byteLength === undefined) {
    return refuse(
      "size-overflow",
      where,
      `a size of whole bytes, less than 2^53 bits, ${what}`,
      `${dtype} [${shape.slice(0, 8)}]`,
    );
  }
  if (byteLength !== end - begin) {
    return refuse(
      "size-mismatch",
      where,
      `${byteLength} bytes ${what} with dtype ${dtype} and shape [${shape.slice(0, 8)}]`,
      `${end - begin} between its data_offsets`,
    );
  }
  return {
    name,
    dtype,
    shape: Object.freeze(shape),
    byteLength,
    file,
    offset: dataStart + begin,
  };
}

function dtypeOf(value: JsonValue | undefined, what: string, where: string): Dtype {
  if (typeof value === "string" && dtypeBits.has(value as Dtype)) return value as Dtype;
  return refuse(
    "unknown-dtype",
    where,
    `one of ${[...dtypeBits.keys()].join(", ")} as dtype ${what}`,
    typeof value === "string" ? excerpt(value) : kindOf(value),
  );
}

function offsetsOf(
  value: JsonValue | undefined,
  what: string,
  where: string,
): [begin: number, end: number] {
  const offsets = integers(value);
  const [begin, end] = offsets ?? [];
  if (offsets?.length === 2 && begin !== undefined && end !== undefined && begin <= end) {
    return [begin, end];
  }
  return refuse(
    "bad-offsets",
    where,
    `[begin, end], integers in ascending order, as data_offsets ${what}`,
    offsets === undefined ? "another value" : `[${offsets.slice(0, 3)}]`,
  );
}

/**
 * Bytes of a tensor, or `undefined` where they are not whole or their bits overflow 2^53 on the way.
 *
 * A product of two safe integers that is not safe stays so when rounded, hence the test is exact.
 */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number | undefined {
  let bits = dtypeBits.get(dtype)!;
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}

/** The value as numbers where it is a list of integers from 0 to 2^53 - 1, else `undefined`. */
function integers(value: JsonValue | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const numbers: number[] = [];
  for (const item of value as readonly JsonValue[]) {
    if (typeof item !== "bigint" || item < 0n || item > Number.MAX_SAFE_INTEGER) return undefined;
    numbers.push(Number(item));
  }
  return numbers;
}

/** The ranges must follow one another from the header to the end of the file, as the format asks. */
function checkRanges(
  tensors: readonly PlacedTensor[],
  dataStart: number,
  source: ByteSource,
): void {
  let end = dataStart;
  let before = "the header";
  for (const { name, offset, byteLength } of tensors) {
    const what = `tensor ${excerpt(name)}`;
    if (offset + byteLength > source.byteLength) {
      refuse(
        "out-of-file",
        source.name,
        `${what} to end within ${source.byteLength} bytes`,
        `its end at ${offset + byteLength}; the file may be cut off: download it again`,
      );
    }
    if (offset < end) {
      refuse("overlap", source.name, `${what} after ${before}, which ends at ${end}`, `${offset}`);
    }
    if (offset > end) {
      refuse("hole", source.name, `${what} right after ${before} at ${end}`, `it at ${offset}`);
    }
    end = offset + byteLength;
    before = what;
  }
  if (end !== source.byteLength) {
    refuse(
      "hole",
      source.name,
      `the end of the file right after ${before} at ${end}`,
      `${source.byteLength} bytes`,
    );
  }
}

function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return "none";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "an object";
  return typeof value === "bigint" ? "a number" : `a ${typeof value}`;
}
