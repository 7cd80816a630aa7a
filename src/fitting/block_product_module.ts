/** Most rows of either side of a block product. */
export const blockRows = 64;

/** Most numbers of a row that are multiplied in one go: all rows of both sides take 520 KiB, a second-level cache. */
export const blockInner = 512;

/** Numbers from a row to the next; not a power of two, or all rows would compete for the same cache lines. */
export const blockStride = blockInner + 8;

/** Where the left rows, the right rows and the products lie, in bytes. */
export const blockPlaces = {
  left: 0,
  right: 8 * blockRows * blockStride,
  products: 16 * blockRows * blockStride,
} as const;

const memoryBytes = blockPlaces.products + 8 * blockRows ** 2;

// Instructions of WebAssembly, by their names in the text format.
const localGet = (local: number): number[] => [0x20, local];
const localSet = (local: number): number[] => [0x21, local];
const i32Const = (value: number): number[] => [0x41, ...signed(value)];
const [i32Add, i32LessUnsigned] = [[0x6a], [0x49]];
const f64Add = [0xa0];
const f64Load = (offset: number): number[] => [0x2b, 3, ...unsigned(offset)];
const f64Store = (offset: number): number[] => [0x39, 3, ...unsigned(offset)];
const v128Load = (offset: number): number[] => [0xfd, 0x00, 3, ...unsigned(offset)];
const v128Zero = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
const f64x2Lane = (lane: number): number[] => [0xfd, 0x21, lane];
const [f64x2Add, f64x2Multiply] = [[0xfd, 0xf0, 0x01], [0xfd, 0xf2, 0x01]];
/** Repeats the body as long as it leaves something other than 0. */
const loopWhile = (...body: number[][]): number[] => [0x03, 0x40, ...body.flat(), 0x0d, 0, 0x0b];

/**
 * The WebAssembly module of the block product, with 128-bit vectors, which JavaScript does not have. It
 * exports `memory`, and
 *
 *     add(leftEnd, rightEnd, innerBytes):  products[i][j] += Σ_k left[i][k] · right[j][k]
 *
 * over the left rows from `left` up to the address `leftEnd`, four at a time, the right rows up to
 * `rightEnd`, two at a time, and the first `innerBytes` of each, 32 at a time. Multiplications and
 * additions are rounded apart, as everywhere in JavaScript: all machines give the same bits.
 */
export function blockProductModule(): Uint8Array<ArrayBuffer> {
  const pages = Math.ceil(memoryBytes / 65536);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
    ...section(1, list([[0x60, 3, 0x7f, 0x7f, 0x7f, 0]])), // type 0: (i32, i32, i32) → ()
    ...section(3, list([[0]])), // function 0 has type 0
    ...section(5, list([[0x00, ...unsigned(pages)]])),
    ...section(7, list([[...text("add"), 0x00, 0], [...text("memory"), 0x02, 0]])),
    ...section(10, list([sized([...declarations, ...addBody(), 0x0b])])),
  ]);
}

// Locals: the parameters, five numbers, eight sums of two lanes each, three vectors.
const [leftEnd, rightEnd, innerBytes] = [0, 1, 2];
const [left, right, k, end, product] = [3, 4, 5, 6, 7];
const sum = (i: number, j: number): number => 8 + 2 * i + j;
const [right0, right1, left0] = [16, 17, 18];
const declarations = list([[5, 0x7f], [11, 0x7b]]);

function addBody(): number[] {
  const rowBytes = 8 * blockStride;
  const productBytes = 8 * blockRows;
  const leftRow = [0, 1, 2, 3];
  const step = (offset: number): number[] => [
    ...[...localGet(k), ...localGet(right), ...i32Add, ...v128Load(offset), ...localSet(right0)],
    ...[...localGet(k), ...localGet(right), ...i32Add],
    ...[...v128Load(offset + rowBytes), ...localSet(right1)],
    ...leftRow.flatMap((i) => [
      ...[...localGet(k), ...localGet(left), ...i32Add],
      ...[...v128Load(offset + i * rowBytes), ...localSet(left0)],
      ...[right0, right1].flatMap((vector, j) => [
        ...[...localGet(sum(i, j)), ...localGet(left0), ...localGet(vector)],
        ...[...f64x2Multiply, ...f64x2Add, ...localSet(sum(i, j))],
      ]),
    ]),
  ];
  const eachSum = (of: (i: number, j: number) => number[]): number[] =>
    leftRow.flatMap((i) => [0, 1].flatMap((j) => of(i, j)));
  const advance = (local: number, bytes: number): number[] => [
    ...[...localGet(local), ...i32Const(bytes), ...i32Add, ...localSet(local)],
  ];
  const isBelow = (local: number, end: number): number[] => [
    ...[...localGet(local), ...localGet(end), ...i32LessUnsigned],
  ];
  return [
    ...[...i32Const(blockPlaces.left), ...localSet(left)],
    ...[...i32Const(blockPlaces.products), ...localSet(end)],
    ...loopWhile(
      [...i32Const(blockPlaces.right), ...localSet(right)],
      [...localGet(end), ...localSet(product)],
      loopWhile(
        eachSum((i, j) => [...v128Zero, ...localSet(sum(i, j))]),
        [...i32Const(0), ...localSet(k)],
        loopWhile(step(0), step(16), advance(k, 32), isBelow(k, innerBytes)),
        eachSum((i, j) => [
          ...[...localGet(product), ...localGet(product), ...f64Load(i * productBytes + 8 * j)],
          ...[...localGet(sum(i, j)), ...f64x2Lane(0), ...localGet(sum(i, j)), ...f64x2Lane(1)],
          ...[...f64Add, ...f64Add, ...f64Store(i * productBytes + 8 * j)],
        ]),
        advance(product, 16),
        advance(right, 2 * rowBytes),
        isBelow(right, rightEnd),
      ),
      advance(end, 4 * productBytes),
      advance(left, 4 * rowBytes),
      isBelow(left, leftEnd),
    ),
  ];
}

// The binary format's numbers (LEB128), vectors and sections.
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value < 64 ? [value] : [value & 127 | 128, ...signed(value >>> 7)];
}

function sized(bytes: number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function list(items: number[][]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, content: number[]): number[] {
  return [id, ...sized(content)];
}

function text(name: string): number[] {
  return sized([...new TextEncoder().encode(name)]);
}
