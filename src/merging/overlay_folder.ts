import type { ByteSource } from "../checkpoint/byte_source.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import type { TensorDeclaration } from "../checkpoint/safetensors_writer.ts";
import { shardIndexFile, weightsFile } from "../checkpoint/shard_index.ts";
import { type Dtype, dtypeBits } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";

/** A tensor that is made when it is read. */
export interface LazyTensor extends TensorDeclaration {
  /**
   * Makes `count` rows from row `start` on; a row is what the first dimension counts, and a tensor
   * without dimensions is one row.
   *
   * @returns Their bytes, little endian, row major.
   */
  readonly readRows: (start: number, count: number) => Promise<Uint8Array<ArrayBuffer>>;
}

/** What an overlay changes. */
export interface Overlay {
  /** Tensors that take the place of the base's of the same name, or come on top of them. */
  readonly tensors?: Iterable<LazyTensor> | undefined;
  /** Names of the base's tensors that are left out. */
  readonly without?: Iterable<string> | undefined;
  /** `config.json` in place of the base's. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

/** Bytes made at once at most, where one row is not longer. */
const pieceBytes = 16 * 1024 * 1024;

/**
 * A checkpoint folder that exists only as far as it is read: the base's files, with some tensors
 * replaced, added or left out. Whatever loads a checkpoint loads it, and no merged copy is ever
 * written.
 *
 * @param name What messages call the folder.
 * @param folder The base's files.
 * @param base The base, opened; it must stay open as long as the folder is read.
 * @param overlay What differs.
 * @returns A folder whose weights are one file, `model.safetensors`, made row by row.
 */
export function overlayFolder(
  name: string,
  folder: CheckpointFolder,
  base: Checkpoint,
  overlay: Overlay,
): CheckpointFolder {
  const without = new Set(overlay.without);
  const tensors = new Map<string, LazyTensor>();
  for (const info of base.tensors.values()) {
    if (without.has(info.name)) continue;
    const { name, dtype, shape } = info;
    tensors.set(name, {
      name,
      dtype,
      shape,
      readRows: async (start, count) =>
        (shape.length === 0 ? await base.read(name) : await base.readRows(name, start, count))
          .bytes,
    });
  }
  for (const tensor of overlay.tensors ?? []) tensors.set(tensor.name, tensor);
  return {
    name,
    async open(file) {
      if (file === shardIndexFile) return undefined;
      if (file === weightsFile) return lazyWeights(`${name}/${weightsFile}`, [...tensors.values()]);
      if (file === "config.json" && overlay.config !== undefined) {
        return bytesSource(`${name}/${file}`, encode(JSON.stringify(overlay.config)));
      }
      return await folder.open(file);
    },
  };
}

/** A safetensors file that is made as it is read. */
function lazyWeights(name: string, tensors: readonly LazyTensor[]): ByteSource {
  const places: { tensor: LazyTensor; begin: number; end: number }[] = [];
  let end = 0;
  // Falling element size, so that every tensor is aligned.
  for (const tensor of tensors.toSorted((a, b) => bytesOf(b.dtype) - bytesOf(a.dtype))) {
    const begin = end;
    end += tensor.shape.reduce((product, size) => product * size, bytesOf(tensor.dtype));
    places.push({ tensor, begin, end });
  }
  const entries = places.map(({ tensor: { name, dtype, shape }, begin, end }) =>
    `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`
  );
  const json = `{"__metadata__":{"format":"pt"},${entries.join(",")}}`.replace(",}", "}");
  const header = encode(json.padEnd(json.length + (8 - encode(json).length % 8) % 8));
  const head = new Uint8Array(8 + header.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(header.length), true);
  head.set(header, 8);
  const byteLength = head.length + end;
  return {
    name,
    byteLength,
    async read(offset, length) {
      checkInside(name, byteLength, offset, length);
      const result = new Uint8Array(length);
      const inHead = head.subarray(Math.min(offset, head.length), offset + length);
      result.set(inHead);
      const from = offset - head.length;
      for (const { tensor, begin, end } of places) {
        const start = Math.max(begin, from);
        const stop = Math.min(end, from + length);
        if (start >= stop) continue;
        await readPart(tensor, start - begin, result.subarray(start - from, stop - from));
      }
      return result;
    },
    [Symbol.dispose]() {},
  };
}

/** Fills `target` with the tensor's bytes from `offset` on, row by row. */
async function readPart(tensor: LazyTensor, offset: number, target: Uint8Array): Promise<void> {
  const rowBytes = tensor.shape.slice(1).reduce((a, b) => a * b, bytesOf(tensor.dtype));
  const end = offset + target.length;
  const rowsAtOnce = Math.max(1, Math.floor(pieceBytes / rowBytes));
  const lastRow = Math.ceil(end / rowBytes);
  for (let row = Math.floor(offset / rowBytes); row < lastRow; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, lastRow - row);
    const bytes = await tensor.readRows(row, count);
    if (bytes.length !== count * rowBytes) {
      throw new AssayError(
        "voting/wrong-byte-count",
        `Cannot make tensor ${tensor.name}: expected ${
          count * rowBytes
        } bytes for ${count} rows, ` +
          `found ${bytes.length}`,
      );
    }
    const first = Math.max(offset, row * rowBytes);
    const last = Math.min(end, (row + count) * rowBytes);
    target.set(bytes.subarray(first - row * rowBytes, last - row * rowBytes), first - offset);
  }
}

function bytesSource(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    name,
    byteLength: bytes.length,
    read(offset, length) {
      checkInside(name, bytes.length, offset, length);
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
    [Symbol.dispose]() {},
  };
}

function checkInside(name: string, byteLength: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= byteLength) return;
  throw new AssayError(
    "checkpoint/out-of-range",
    `Cannot read ${name}: expected a range inside its ${byteLength} bytes, found ${length} bytes ` +
      `from ${offset} on`,
  );
}

function bytesOf(dtype: Dtype): number {
  const bits = dtypeBits.get(dtype) ?? NaN;
  const bytes = bits / 8;
  if (Number.isInteger(bytes)) return bytes;
  throw new AssayError(
    "voting/unsupported-dtype",
    `Cannot overlay a checkpoint: expected elements of whole bytes, found dtype ${dtype}`,
  );
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
