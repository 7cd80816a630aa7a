import assert from "node:assert/strict";
import { blobSource } from "../../src/checkpoint/blob_source.ts";
import type { ByteSource } from "../../src/checkpoint/byte_source.ts";
import {
  type TensorToWrite,
  type WriteOptions,
  writeSafetensors,
} from "../../src/checkpoint/safetensors_writer.ts";
import { AssayError } from "../../src/error.ts";

/** A safetensors file made by hand: any text or bytes as its header, then `dataBytes` zero bytes. */
export function handMade(
  header: string | Uint8Array,
  dataBytes = 0,
  headerLength?: bigint,
): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, headerLength ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** What {@linkcode writeSafetensors} writes, in memory. */
export async function writtenFile(
  tensors: Iterable<TensorToWrite>,
  options?: WriteOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
  const [bytes] = await Promise.all([
    new Response(readable).bytes(),
    writeSafetensors(writable, tensors, options),
  ]);
  return bytes;
}

/** A source over bytes in memory, which notes every read made of it. */
export function watchedSource(
  bytes: Uint8Array<ArrayBuffer>,
): ByteSource & { readonly reads: [offset: number, length: number][]; disposed: boolean } {
  const source = blobSource("watched.safetensors", new Blob([bytes]));
  return {
    ...source,
    reads: [],
    disposed: false,
    read(offset, length) {
      this.reads.push([offset, length]);
      return source.read(offset, length);
    },
    [Symbol.dispose]() {
      this.disposed = true;
    },
  };
}

/** Asserts that `action` fails with an {@linkcode AssayError} of this code, and returns it. */
export async function failsWith(
  code: string,
  action: () => unknown,
  message?: RegExp,
): Promise<AssayError> {
  try {
    await action();
  } catch (error) {
    assert.ok(error instanceof AssayError, `expected an AssayError, found ${error}`);
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return error;
  }
  assert.fail(`expected ${code}, found no error`);
}
