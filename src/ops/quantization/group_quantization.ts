import { f16ToFloat32, float32ToF16 } from "../../checkpoint/half_floats.ts";
import { AssayError } from "../../error.ts";
import { quantizeGroupsModule } from "../../wasm/quantize_groups_module.ts";

/** How weights are quantized: whole numbers of so many bits, and so many inputs that share a scale. */
export interface GroupForm {
  readonly bits: 8 | 4;
  readonly group: 32 | 128;
}

/** Rows of a matrix that are quantized. */
export interface RowsToQuantize {
  /** What messages call the matrix. */
  readonly name: string;
  readonly columns: number;
  /** [rows, columns] */
  readonly values: Float32Array<ArrayBuffer>;
}

/** Quantized rows: a weight is its whole number times its group's scale, which is exact in f32. */
export interface QuantizedRows {
  /**
   * Whole numbers, row after row of {@link quantBytes}: int8, or int4 in two's complement, two to a byte,
   * the first of a pair in the lower half.
   */
  readonly quants: Uint8Array<ArrayBuffer>;
  /** Scales in f16, bit patterns: [rows, {@link groupsOf}]. */
  readonly scales: Uint16Array<ArrayBuffer>;
}

/** Groups of a row; the last one may be short. */
export function groupsOf(columns: number, { group }: GroupForm): number {
  return Math.ceil(columns / group);
}

/** Bytes of a row's whole numbers. */
export function quantBytes(columns: number, { bits }: GroupForm): number {
  return Math.ceil(columns * bits / 8);
}

/** What `wasm/quantize_groups.ts` exports. */
interface QuantizeGroups {
  readonly memory: WebAssembly.Memory;
  readonly VALUES: WebAssembly.Global;
  readonly BYTES: WebAssembly.Global;
  quantize(
    rows: number,
    columns: number,
    bits: number,
    group: number,
    scales: number,
    chosen: number,
    quants: number,
  ): number;
}

let loaded: QuantizeGroups | undefined;

function module(): QuantizeGroups {
  if (loaded !== undefined) return loaded;
  const bytes = Uint8Array.from(atob(quantizeGroupsModule), (text) => text.charCodeAt(0));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return loaded = exports as unknown as QuantizeGroups;
}

/**
 * Quantizes rows. The weight of largest magnitude of a group, divided by a few numbers and rounded to f16,
 * gives the scales that are tried: the range of whole numbers just fits it, or cuts it off so that the
 * others are told apart more finely. 8 bits: by 127, 129, 131. 4 bits: by −8, −8.5, −9, −9.5, −10, 7, 7.5,
 * 8, 8.5, 9. The first that leaves the least squared error is taken, then the whole numbers nearest to
 * weight · (1 / scale), ties to even, from −127 to 127 or from −8 to 7. All of it in f32; the error is
 * summed four weights side by side. A group of zeros has the scale 0. Below f16's range its smallest
 * number, 2⁻²⁴, stands in.
 *
 * @throws {AssayError} `ops/cannot-quantize` for a weight that is NaN, infinite, or too large for any scale.
 */
export function quantizeRows(rows: RowsToQuantize, form: GroupForm): QuantizedRows {
  return quantizeSlices(rows, form, undefined);
}

/** The whole numbers that belong to scales which {@link quantizeRows} chose before. */
export function requantizeRows(
  rows: RowsToQuantize,
  scales: Uint16Array<ArrayBuffer>,
  form: GroupForm,
): Uint8Array<ArrayBuffer> {
  return quantizeSlices(rows, form, scales).quants;
}

function quantizeSlices(
  { name, columns, values }: RowsToQuantize,
  form: GroupForm,
  chosen: Uint16Array<ArrayBuffer> | undefined,
): QuantizedRows {
  const { memory: { buffer }, quantize, ...places } = module();
  const [groups, rowBytes] = [groupsOf(columns, form), quantBytes(columns, form)];
  const first: number = places.VALUES.value;
  const rows = values.length / columns;
  const perRow = 4 * columns + 4 * groups + rowBytes;
  const most = Math.floor((places.BYTES.value - first) / perRow);
  if (most === 0) throw refusal(name, `rows of at most ${places.BYTES.value} bytes`, `${perRow}`);
  const quants = new Uint8Array(rows * rowBytes);
  const scales = chosen ?? new Uint16Array(rows * groups);
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row);
    const held = values.subarray(row * columns, (row + count) * columns);
    new Float32Array(buffer, first, held.length).set(held);
    const scalesAt = first + 4 * held.length;
    const factors = new Float32Array(buffer, scalesAt, count * groups);
    const quantsAt = scalesAt + 4 * factors.length;
    const range = [row * groups, (row + count) * groups] as const;
    if (chosen !== undefined) factors.set(f16ToFloat32(chosen.subarray(...range)));
    const failed = quantize(
      ...[count, columns, form.bits, form.group] as const,
      ...[scalesAt, chosen === undefined ? 0 : 1, quantsAt] as const,
    );
    if (failed > 0) throw badGroup(name, held, columns, failed - 1, form);
    if (chosen === undefined) scales.set(float32ToF16(factors.slice()), range[0]);
    quants.set(new Uint8Array(buffer, quantsAt, count * rowBytes), row * rowBytes);
  }
  return { quants, scales };
}

/** Why a group has no scale. */
function badGroup(
  name: string,
  values: Float32Array,
  columns: number,
  number: number,
  form: GroupForm,
): AssayError {
  const groups = groupsOf(columns, form);
  const from = Math.floor(number / groups) * columns + number % groups * form.group;
  const group = values.subarray(from, from + Math.min(form.group, columns));
  const odd = group.find((value) => !Number.isFinite(value));
  if (odd !== undefined) return refusal(name, "finite numbers", String(odd));
  const largest = group.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return refusal(
    name,
    `numbers of at most ${form.bits === 8 ? 8e6 : 6e5} in magnitude`,
    `${largest}`,
  );
}

function refusal(name: string, expected: string, found: string): AssayError {
  return new AssayError(
    "ops/cannot-quantize",
    `Cannot quantize the tensor "${name}": expected ${expected}, found ${found}; the checkpoint is ` +
      "broken, or its numbers don't go into so few bits: use it as it is",
  );
}

/** The weights that quantized rows stand for, in f32, which is exact: [rows, columns]. */
export function widenRows(
  { quants, scales }: QuantizedRows,
  columns: number,
  form: GroupForm,
): Float32Array<ArrayBuffer> {
  const { bits, group } = form;
  const factors = f16ToFloat32(scales);
  const [groups, rowBytes] = [groupsOf(columns, form), quantBytes(columns, form)];
  const rows = scales.length / groups;
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const quant = bits === 8
        ? quants[row * rowBytes + column]! << 24 >> 24
        : quants[row * rowBytes + (column >> 1)]! << (28 - 4 * (column & 1)) >> 28;
      values[row * columns + column] = quant * factors[row * groups + Math.floor(column / group)]!;
    }
  }
  return values;
}
