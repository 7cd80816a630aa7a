import { type Piece, totalLength } from "./protobuf.ts";

/** A value of the metadata; whole numbers are u32, fractions f32. */
export type Metadata =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly text: string }
  | { readonly flag: boolean }
  | { readonly texts: readonly string[] }
  | { readonly f32s: readonly number[] }
  | { readonly i32s: readonly number[] };

/** Element types of GGUF tensors (`ggml_type`), and bytes of one element. */
export const ggmlTypes = {
  F32: { code: 0, bytes: 4 },
  F16: { code: 1, bytes: 2 },
  BF16: { code: 30, bytes: 2 },
} as const;

/** A tensor of the file. */
export interface GgufTensor {
  readonly name: string;
  readonly type: keyof typeof ggmlTypes;
  /** Row major, outermost first; the file lists it the other way round. */
  readonly shape: readonly number[];
  make(): Promise<Uint8Array<ArrayBuffer>>;
}

const alignment = 32;

/** A GGUF file, version 3 (the specification: ggml's docs/gguf.md). */
export function ggufFile(
  metadata: Readonly<Record<string, Metadata>>,
  tensors: readonly GgufTensor[],
): Piece[] {
  let offset = 0;
  const infos: Piece[] = [];
  const data: Piece[] = [];
  for (const { name, type, shape, make } of tensors) {
    const { code, bytes } = ggmlTypes[type];
    const sizes = shape.toReversed().map((size) => number64(size));
    infos.push(text(name), number32(shape.length), ...sizes, number32(code), number64(offset));
    const length = bytes * shape.reduce((a, b) => a * b, 1);
    const padding = padded(length) - length;
    data.push({ length, make }, new Uint8Array(padding));
    offset += length + padding;
  }
  const entries = Object.entries(metadata);
  const head = [
    new TextEncoder().encode("GGUF"),
    number32(3),
    number64(tensors.length),
    number64(entries.length),
    ...entries.flatMap(([key, value]) => [text(key), ...metadataValue(value)]),
    ...infos,
  ];
  const length = totalLength(head);
  return [...head, new Uint8Array(padded(length) - length), ...data];
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function number32(value: number): Piece {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

function number64(value: number): Piece {
  return new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);
}

function text(value: string): Piece {
  const bytes = new TextEncoder().encode(value);
  const all = new Uint8Array(8 + bytes.length);
  all.set(new Uint8Array(new BigUint64Array([BigInt(bytes.length)]).buffer));
  all.set(bytes, 8);
  return all;
}

/** A value's type, as the specification numbers it, and its bytes. */
function metadataValue(value: Metadata): Piece[] {
  const [u32, i32, f32, bool, string, array] = [4, 5, 6, 7, 8, 9];
  const list = (type: number, count: number, ...items: Piece[]): Piece[] => [
    number32(array),
    number32(type),
    number64(count),
    ...items,
  ];
  const bytes = (numbers: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): Piece =>
    new Uint8Array(numbers.buffer);
  if ("u32" in value) return [number32(u32), number32(value.u32)];
  if ("f32" in value) return [number32(f32), bytes(new Float32Array([value.f32]))];
  if ("text" in value) return [number32(string), text(value.text)];
  if ("flag" in value) return [number32(bool), Uint8Array.of(value.flag ? 1 : 0)];
  if ("texts" in value) return list(string, value.texts.length, ...value.texts.map(text));
  if ("f32s" in value) return list(f32, value.f32s.length, bytes(Float32Array.from(value.f32s)));
  return list(i32, value.i32s.length, bytes(Int32Array.from(value.i32s)));
}
