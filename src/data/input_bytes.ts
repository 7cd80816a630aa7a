import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { AssayError } from "../error.ts";
import { checkText, kindBytes } from "./input_kind.ts";
import { ZstdFrames } from "./zstd_frames.ts";
import { failureOf, folderFound, permissionAdvice } from "../runtime/failure.ts";
import { files } from "../runtime/files.ts";
import { standardInput } from "../runtime/standard_streams.ts";

/** Bytes of an input so far; `byteLength` is the whole, where it is known. */
export interface BytesRead {
  /** Bytes taken from the input so far (before decompression). */
  readonly read: number;
  /** Bytes of the whole input; `undefined` for a pipe. */
  readonly byteLength: number | undefined;
}

/** An opened input: its bytes in order, unzipped, without a byte-order mark. */
export interface InputBytes {
  /** What error messages call it: the file's path, or `standard input`. */
  readonly name: string;
  /** The bytes; ends the file's use when the iteration ends, early or not. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The error of an input that can't be opened or read, in words that name the input and what to do. */
export function inputError(name: string, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause;
  const options = { cause };
  if (failureOf(cause) === "not-found") {
    return new AssayError(
      "data/no-such-file",
      `Cannot read ${name}: there is no such file`,
      options,
    );
  }
  if (failureOf(cause) === "is-a-folder") {
    return new AssayError(
      "data/no-such-file",
      `Cannot read ${name}: expected a file, found a folder`,
      options,
    );
  }
  if (failureOf(cause) === "not-capable") {
    return new AssayError(
      "data/no-permission",
      `Cannot read ${name}: ${permissionAdvice(`--allow-read=${name}`)}`,
      options,
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AssayError("data/bad-file", `Cannot read ${name}: ${reason}`, options);
}

/**
 * Opens a file, or standard input as `-`, as a sequence of bytes. Gzip and Zstandard are recognised by
 * their first bytes, whatever the name; several members in a row are read as one. What else is no text
 * is refused by its name.
 *
 * @param input A path, or `-` for standard input.
 * @param onBytes Told about every chunk that is read.
 * @param isText Whether what is no text is refused.
 * @throws {AssayError} `data/no-such-file`, `data/no-permission`, or `data/bad-file`.
 */
export async function openInput(
  input: string,
  onBytes?: (bytes: BytesRead) => void,
  isText = true,
): Promise<InputBytes> {
  if (input === "-") {
    const name = "standard input";
    return { name, chunks: inputChunks(name, standardInput().chunks, { onBytes, isText }) };
  }
  try {
    const file = await files.open(input, { read: true });
    let byteLength: number | undefined;
    try {
      const info = await file.stat();
      if (info.isDirectory) throw folderFound(input);
      byteLength = info.isFile ? info.size : undefined;
    } catch (error) {
      file.close();
      throw error;
    }
    return {
      name: input,
      chunks: inputChunks(input, file.readable, { byteLength, onBytes, isText }),
    };
  } catch (error) {
    throw inputError(input, error);
  }
}

/** Bytes that packed ones may make before its ratio is looked at. */
const unzippedFreely = 2 ** 30;
/** How many times its size packed rows may be; deflate can't do more than 1,032. */
const largestRatio = 1000;

/** What is known of a stream, and who is told of it. */
export interface InputChunksOptions {
  /** How many bytes there are in all, where that is known; for `onBytes`. */
  readonly byteLength?: number | undefined;
  /** Told of the bytes as they are read. */
  readonly onBytes?: ((bytes: BytesRead) => void) | undefined;
  /** Whether they are text, as by default: what is none is refused, and a byte-order mark left out. */
  readonly isText?: boolean | undefined;
}

/**
 * The bytes of a stream, unpacked where they are gzip or Zstandard.
 *
 * @param name What error messages call the stream.
 * @param stream The bytes, in pieces of any size.
 * @throws {AssayError} `data/bad-file` where reading fails, packed data is damaged or cut short, makes
 *   more than a GiB that is 1,000 times its own size, or the bytes are of another kind: an archive,
 *   another format, UTF-16.
 */
export async function* inputChunks(
  name: string,
  stream: AsyncIterable<Uint8Array>,
  { byteLength, onBytes, isText = true }: InputChunksOptions = {},
): AsyncGenerator<Uint8Array> {
  try {
    let zipped = 0;
    const count = (bytes: BytesRead) => {
      zipped = bytes.read;
      onBytes?.(bytes);
    };
    const counted = withFirstBytes(countBytes(stream, byteLength, count));
    const first = await counted.next();
    if (first.done) return;
    const whole = prepend(first.value, counted);
    const plain = startsWith(first.value, gzipMark)
      ? withFirstBytes(withinRatio(name, Readable.from(whole).pipe(createGunzip()), () => zipped))
      : startsWith(first.value, zstdMark)
      ? withFirstBytes(withinRatio(name, unpackZstd(name, whole), () => zipped))
      : whole;
    if (isText) yield* withoutByteOrderMark(name, plain);
    else yield* plain;
  } catch (error) {
    throw inputError(name, error);
  }
}

/** The same bytes, as long as they are not what only a bomb makes. */
async function* withinRatio(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  zipped: () => number,
): AsyncGenerator<Uint8Array> {
  let made = 0;
  for await (const chunk of chunks) {
    made += chunk.length;
    if (made > unzippedFreely && made > largestRatio * zipped()) {
      throw new AssayError(
        "data/bad-file",
        `Cannot read ${name}: expected rows, found ${zipped()} packed bytes that make more than ` +
          `${largestRatio} times as many; unpack it yourself if you trust it`,
      );
    }
    yield chunk;
  }
}

const gzipMark = [0x1f, 0x8b];
const zstdMark = [0x28, 0xb5, 0x2f, 0xfd];

function startsWith(bytes: Uint8Array, mark: readonly number[]): boolean {
  return mark.every((byte, index) => bytes[index] === byte);
}

/** Zstandard, frame by frame; the decoder holds no more than a window of 128 MiB. */
async function* unpackZstd(
  name: string,
  packed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames();
  const input = packed[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let isEnd = false;
  const oneFrame = async function* () {
    while (true) {
      if (rest.length === 0) {
        const next = await input.next();
        if (next.done) {
          isEnd = true;
          return;
        }
        rest = next.value;
      }
      const end = frames.push(rest);
      const piece = rest.subarray(0, end);
      rest = end === undefined ? new Uint8Array(0) : rest.subarray(end);
      yield piece;
      if (end !== undefined) return;
    }
  };
  try {
    while (!isEnd) yield* Readable.from(oneFrame()).pipe(createZstdDecompress());
  } finally {
    await input.return?.();
  }
  if (frames.isWhole) return;
  throw new AssayError(
    "data/bad-file",
    `Cannot read ${name}: expected whole Zstandard frames, found the end of the file inside one; it ` +
      "was cut short",
  );
}

async function* countBytes(
  stream: AsyncIterable<Uint8Array>,
  byteLength: number | undefined,
  onBytes: (bytes: BytesRead) => void,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const chunk of stream) {
    read += chunk.length;
    onBytes({ read, byteLength });
    yield chunk;
  }
}

/**
 * The same bytes, the first chunk at least four bytes long (where there are as many), so that it shows
 * marks. Not longer: rows that come through a pipe are read as they come.
 */
async function* withFirstBytes(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    const joined: Uint8Array = new Uint8Array(head.length + chunk.length);
    joined.set(head);
    joined.set(chunk, head.length);
    head = joined.length < 4 ? joined : undefined;
    if (head === undefined) yield joined;
  }
  if (head !== undefined && head.length > 0) yield head;
}

async function* prepend(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* withoutByteOrderMark(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of chunks) {
    if (!isFirst) {
      yield chunk;
      continue;
    }
    isFirst = false;
    checkText(name, chunk.subarray(0, kindBytes));
    const isMarked = chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
    yield isMarked ? chunk.subarray(3) : chunk;
  }
}
