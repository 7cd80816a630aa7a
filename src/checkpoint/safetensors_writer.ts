import { AssayError } from "../error.ts";
import { maxHeaderBytes, prefixBytes, tensorBytes } from "./safetensors_header.ts";
import { excerpt } from "./strict_json.ts";
import { dtypeBits, type TensorInfo } from "./tensor.ts";

/** What is known of a tensor before its bytes are. */
export type TensorDeclaration = Pick<TensorInfo, "name" | "dtype" | "shape">;

/** A tensor to write. */
export interface TensorToWrite extends TensorDeclaration {
  /**
   * The elements, little endian, row major, in pieces of any size; asked for when the tensor's turn
   * comes, so that a generator may make or read them then.
   */
  readonly bytes: Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** What else to write. */
export interface WriteOptions {
  /** The free-form `__metadata__`; by default `{format: "pt"}`, without which some readers refuse. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes a safetensors file piece by piece, the header first.
 *
 * As the format's reference implementation does, tensors are laid out by falling size of their
 * elements and then by name, and the header is padded with spaces to a multiple of 8 bytes, so that
 * every tensor is aligned. Equal tensors give equal files.
 *
 * @param sink Where the file goes, for example `(await Deno.open(path, {write: true, create: true,
 * truncate: true})).writable`. It is closed at the end, and aborted where this throws.
 * @param tensors The tensors, in any order.
 * @param options The file's metadata.
 * @throws {AssayError} `checkpoint/bad-tensor-name`, `checkpoint/duplicate-tensor`,
 * `checkpoint/unknown-dtype`, `checkpoint/bad-shape`, `checkpoint/bad-metadata`,
 * `checkpoint/header-too-large`, `checkpoint/wrong-byte-count`, `checkpoint/write-failed`.
 *
 * @example
 * ```ts
 * import { writeSafetensors } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
 * const file = new Response(readable).bytes();
 * async function* bytes() {
 *   yield new Uint8Array(4);
 *   yield new Uint8Array(4);
 * }
 * await writeSafetensors(writable, [{ name: "bias", dtype: "F32", shape: [2], bytes: bytes() }]);
 * assert.equal((await file).length % 8, 0);
 * ```
 */
export async function writeSafetensors(
  sink: WritableStream<Uint8Array<ArrayBuffer>>,
  tensors: Iterable<TensorToWrite>,
  options: WriteOptions = {},
): Promise<void> {
  const writer = sink.getWriter();
  const write = (chunk: Uint8Array<ArrayBuffer>) => explainFailure(writer.write(chunk));
  try {
    const laidOut = [...tensors].sort(compareLayout);
    await write(encodeHeader(laidOut, options.metadata ?? { format: "pt" }));
    for (const tensor of laidOut) await writeTensor(tensor, write);
  } catch (error) {
    await writer.abort(error).catch(() => {}); // the error that led here tells more
    throw error;
  }
  await explainFailure(writer.close());
}

async function explainFailure(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (cause) {
    if (cause instanceof AssayError) throw cause; // it names the file
    throw new AssayError("checkpoint/write-failed", `Cannot write safetensors: ${cause}`, {
      cause,
    });
  }
}

const dtypeOrder = [...dtypeBits.keys()];

function compareLayout(a: TensorDeclaration, b: TensorDeclaration): number {
  const order = dtypeOrder.indexOf(b.dtype) - dtypeOrder.indexOf(a.dtype);
  return order || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** The length of the header and the header, padded with spaces to a multiple of 8 bytes. */
function encodeHeader(
  tensors: readonly TensorDeclaration[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string" || !key.isWellFormed() || !value.isWellFormed()) {
      refuse("bad-metadata", "well-formed strings as metadata", `others at ${excerpt(key)}`);
    }
  }
  // Put together by hand: an object would reorder keys that look like numbers.
  const members = [`"__metadata__":${JSON.stringify(metadata)}`];
  const names = new Set<string>();
  let end = 0;
  for (const tensor of tensors) {
    if (names.has(tensor.name)) {
      refuse("duplicate-tensor", "each name once", `${excerpt(tensor.name)} twice`);
    }
    names.add(tensor.name);
    const begin = end;
    end += declaredBytes(tensor);
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] };
    members.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`);
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > maxHeaderBytes) {
    refuse("header-too-large", `a header of at most ${maxHeaderBytes} bytes`, `${length}`);
  }
  const header = new Uint8Array(prefixBytes + length).fill(" ".charCodeAt(0));
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, prefixBytes);
  return header;
}

/**
 * Bytes that a tensor declares.
 *
 * @throws {AssayError} `checkpoint/bad-tensor-name`, `checkpoint/unknown-dtype`,
 * `checkpoint/bad-shape`.
 */
export function declaredBytes({ name, dtype, shape }: TensorDeclaration): number {
  if (name === "__metadata__" || !name.isWellFormed()) {
    refuse("bad-tensor-name", "a well-formed name other than __metadata__", excerpt(name));
  }
  if (!dtypeBits.has(dtype)) {
    refuse("unknown-dtype", `a dtype of the format for tensor ${excerpt(name)}`, excerpt(dtype));
  }
  const valid = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  const bytes = valid ? tensorBytes(dtype, shape) : undefined;
  if (bytes === undefined) {
    return refuse(
      "bad-shape",
      `sizes from 0 on that make whole bytes for tensor ${excerpt(name)}`,
      `${dtype} [${shape}]`,
    );
  }
  return bytes;
}

async function writeTensor(
  tensor: TensorToWrite,
  write: (chunk: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<void> {
  const expected = declaredBytes(tensor);
  let written = 0;
  for await (const chunk of tensor.bytes) {
    written += chunk.length;
    if (written > expected) break;
    await write(chunk);
  }
  if (written !== expected) {
    refuse(
      "wrong-byte-count",
      `${expected} bytes of tensor ${excerpt(tensor.name)}, ${tensor.dtype} [${tensor.shape}]`,
      written > expected ? `at least ${written}` : `${written}`,
    );
  }
}

function refuse(code: string, expected: string, found: string): never {
  throw new AssayError(
    `checkpoint/${code}`,
    `Cannot write safetensors: expected ${expected}, found ${found}`,
  );
}
