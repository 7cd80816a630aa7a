import { AssayError } from "../error.ts";

/** Stored numbers that stay together: `count` of them, from place `from` on, come to lie from `to` on. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Where the numbers of one dimension of a tensor lie on a backend. Between them stand zeros. */
export interface Layout {
  /** Numbers there are on the backend, zeros included. */
  readonly size: number;
  /** In the order of `to`. */
  readonly runs: readonly Run[];
}

/** Lays a dimension out that has so many stored numbers. */
export type LayOut = (stored: number) => Layout;

/** Kernels read so many numbers at a time. */
const together = 8;

/** The next multiple of 8: what a dimension of any size takes on a backend. */
export function paddedSize(size: number): number {
  return Math.ceil(size / together) * together;
}

/** What a head of any size takes on a backend; see {@link byHead}. */
export function paddedHeadDim(headDim: number, rotaryDim: number = headDim): number {
  return headParts(headDim, rotaryDim).size;
}

/** As it is stored: for outputs that each mean something, as labels or experts do. */
export const asStored: LayOut = (stored) => ({
  size: stored,
  runs: [{ from: 0, to: 0, count: stored }],
});

/** Zeros at the end, up to a multiple of 8. */
export const padded: LayOut = (stored) => ({
  size: paddedSize(stored),
  runs: [{ from: 0, to: 0, count: stored }],
});

/**
 * Heads one after another, zeros after each half of the numbers that rope turns, so that what it turns
 * together still stands half a head apart, and after those that it does not turn.
 *
 * @param headDim Numbers of a head.
 * @param rotaryDim How many of them rope turns, the first ones; an even number.
 */
export function byHead(headDim: number, rotaryDim: number = headDim): LayOut {
  const { size, parts } = headParts(headDim, rotaryDim);
  return (stored) => {
    if (size === headDim) return asStored(stored);
    const heads = wholeParts(stored, headDim);
    const runs = Array.from(
      { length: heads },
      (_, head) =>
        parts.map(({ from, to, count }) => ({
          from: head * headDim + from,
          to: head * size + to,
          count,
        })),
    );
    return { size: heads * size, runs: runs.flat() };
  };
}

function headParts(headDim: number, rotaryDim: number): { size: number; parts: Run[] } {
  const half = rotaryDim / 2;
  const rest = headDim - rotaryDim;
  const paddedHalf = Math.ceil(half / (together / 2)) * (together / 2);
  const parts = [
    { from: 0, to: 0, count: half },
    { from: half, to: paddedHalf, count: half },
    { from: rotaryDim, to: 2 * paddedHalf, count: rest },
  ];
  return { size: 2 * paddedHalf + paddedSize(rest), parts };
}

/** What of a packed tensor is meant: of each group of `every` numbers, `count` from `from` on. */
export interface PackedPart {
  readonly every: number;
  readonly from: number;
  readonly count: number;
}

/** One of several maps that are stored as one, their numbers laid out as `layOut` does it. */
export function unpacked({ every, from, count }: PackedPart, layOut: LayOut): LayOut {
  return (stored) => {
    const groups = wholeParts(stored, every);
    const { size, runs } = layOut(groups * count);
    return { size, runs: runs.flatMap((run) => storedRuns(run)) };
  };

  /** A run of the part's own numbers, cut where the next group begins. */
  function storedRuns(run: Run): Run[] {
    const cut: Run[] = [];
    for (let done = 0; done < run.count;) {
      const group = Math.floor((run.from + done) / count);
      const inGroup = (run.from + done) % count;
      const length = Math.min(count - inGroup, run.count - done);
      cut.push({ from: group * every + from + inGroup, to: run.to + done, count: length });
      done += length;
    }
    return cut;
  }
}

function wholeParts(stored: number, size: number): number {
  if (stored % size === 0) return stored / size;
  throw new AssayError(
    "ops/shape",
    `Cannot lay ${stored} numbers out: expected a multiple of ${size}`,
  );
}

/** Whether nothing moves, and nothing is added. */
function isAsStored({ size, runs }: Layout, stored: number): boolean {
  const [first] = runs;
  return size === stored && runs.length === 1 && first!.from === 0 && first!.to === 0;
}

/** Bytes of a row major matrix, laid out anew. */
export function laidOut(
  bytes: Uint8Array<ArrayBuffer>,
  stored: { readonly rows: number; readonly columns: number; readonly bytesEach: number },
  rows: Layout,
  columns: Layout,
): Uint8Array<ArrayBuffer> {
  if (isAsStored(rows, stored.rows) && isAsStored(columns, stored.columns)) return bytes;
  const { bytesEach } = stored;
  const [from, to] = [stored.columns * bytesEach, columns.size * bytesEach];
  const result = new Uint8Array(rows.size * to);
  const wholeRows = isAsStored(columns, stored.columns);
  for (const run of rows.runs) {
    if (wholeRows) {
      result.set(bytes.subarray(run.from * from, (run.from + run.count) * from), run.to * to);
      continue;
    }
    for (let row = 0; row < run.count; row++) {
      for (const part of columns.runs) {
        const at = (run.from + row) * from + part.from * bytesEach;
        const numbers = bytes.subarray(at, at + part.count * bytesEach);
        result.set(numbers, (run.to + row) * to + part.to * bytesEach);
      }
    }
  }
  return result;
}
