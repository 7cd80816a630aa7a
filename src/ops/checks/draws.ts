import { seededRandom } from "../../numbers/seeded_random.ts";
import type { Backend, MatrixUse } from "../backend.ts";
import type { Matrix } from "../matrix.ts";
import { rmsNorm } from "../rms_norm.ts";
import { quantizeRows } from "../quantization/group_quantization.ts";
import { isQuantized, quantizedForms, rowsWithScales } from "../quantization/quantized_rows.ts";
import { bytesPerWeight, type WeightType } from "../weight.ts";

/** A reproducible source of random numbers. */
export interface Random {
  /**
   * Whether shapes may be large, so that all that kernels divide is divided more than once: for the
   * WebAssembly engine, whose kernels have no sizes compiled in.
   */
  readonly large: boolean;
  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number;
  /** One of a few choices: kernels compile anew for each head size, so trials keep to a few. */
  pick<Choice>(choices: readonly Choice[]): Choice;
  /** Numbers spread evenly over −1 to 1. */
  numbers(count: number): Float32Array<ArrayBuffer>;
}

/** Draws shapes and values: the same seed gives the same. */
export function randomDraws(seed: number, large = false): Random {
  const next = seededRandom(seed);
  const integer = (low: number, high: number): number =>
    low + Math.floor(next() * (high - low + 1));
  return {
    large,
    integer,
    pick: (choices) => choices[integer(0, choices.length - 1)]!,
    numbers: (count) => Float32Array.from({ length: count }, () => 2 * next() - 1),
  };
}

/** Both uses of a matrix. */
export const uses: readonly MatrixUse[] = ["rows", "operand"];

/** A value that no kernel may leave in its output: trials fill outputs with it first. */
export const poison = 12345.678;

/** Draws operands, runs one operation on a backend and returns what it should have written. */
export type Trial = (backend: Backend, random: Random) => Matrix;

/** An output that holds poison: from an upload, or from a norm of poisoned rows into an operand. */
export function poisoned(
  backend: Backend,
  rows: number,
  columns: number,
  use: MatrixUse = "rows",
): Matrix {
  const poisonedRows = backend.upload(rows, columns, new Float32Array(rows * columns).fill(poison));
  if (use === "rows") return poisonedRows;
  const weight = backend.upload(1, columns, new Float32Array(columns).fill(poison));
  const output = backend.matrix(rows, columns, use);
  backend.run(rmsNorm, { input: poisonedRows, weight, epsilon: 1e-5, output });
  return output;
}

/** Rows with a few zeros at their ends, as padding stands there; in most trials none. */
export function paddedInput(
  backend: Backend,
  random: Random,
  rows: number,
  columns: number,
): { readonly input: Matrix; readonly padding: number | undefined } {
  const padding = columns > 8 ? random.pick([undefined, 0, 1, 6]) : undefined;
  const numbers = random.numbers(rows * columns).map((x, i) =>
    i % columns < columns - (padding ?? 0) ? x + 0.5 : 0
  );
  return { input: backend.upload(rows, columns, numbers), padding };
}

/** Stored bytes of random weights: for F16 and BF16, bit patterns of numbers between −2 and 2. */
export function weightBytes(
  random: Random,
  rows: number,
  columns: number,
  type: WeightType,
): Uint8Array<ArrayBuffer> {
  const numbers = random.numbers(rows * columns);
  if (isQuantized(type)) {
    const quantized = quantizeRows(
      { name: "random", columns, values: numbers },
      quantizedForms[type],
    );
    return rowsWithScales(quantized, columns, columns, type);
  }
  if (bytesPerWeight[type] === 4) return new Uint8Array(numbers.buffer);
  const exponents = type === "F16" ? 0x3c00 : 0x3f80;
  const halves = Uint16Array.from(numbers, (x) => {
    const fraction = Math.floor(Math.abs(x) * exponents);
    return (x < 0 ? 0x8000 : 0) | fraction;
  });
  return new Uint8Array(halves.buffer);
}

/**
 * A pack of one prompt and a few responses to it, then a few conversations of their own: prefixes end
 * inside of a kernel's tile of keys, and conversations are longer than one. In some, not every token asks.
 */
export function raggedSpans(random: Random): {
  /** Rows of keys. */
  readonly rows: number;
  /** Four numbers for each query. */
  readonly spans: Uint32Array<ArrayBuffer>;
  /** Tokens of each query's conversation. */
  readonly lengths: Uint32Array<ArrayBuffer>;
} {
  const [longestPrompt, longest] = random.large ? [150, 200] : [70, 100];
  const asked = random.pick([1, 1, 0.3]);
  const spans: number[] = [];
  const lengths: number[] = [];
  let row = 0;
  const segment = (prefixRow: number, prefixLength: number, length: number): void => {
    for (let i = 0; i < length; i++) {
      const isLast = i === length - 1;
      if (!isLast && asked < 1 && random.integer(0, 99) >= 100 * asked) continue;
      spans.push(prefixLength + i, prefixRow, prefixLength, row);
      lengths.push(prefixLength + length);
    }
    row += length;
  };
  const prompt = random.integer(1, longestPrompt);
  segment(0, 0, prompt);
  for (let i = random.integer(0, 3); i > 0; i--) segment(0, prompt, random.integer(1, 20));
  for (let i = random.integer(0, 3); i > 0; i--) segment(row, 0, random.integer(1, longest));
  return { rows: row, spans: Uint32Array.from(spans), lengths: Uint32Array.from(lengths) };
}
