import assert from "node:assert/strict";
import {
  type GroupForm,
  quantizeRows,
  requantizeRows,
  widenRows,
} from "../../../src/ops/quantization/group_quantization.ts";
import {
  quantizedType,
  rowsWithScales,
  widenRowsWithScales,
} from "../../../src/ops/quantization/quantized_rows.ts";
import { randomDraws } from "../../../src/ops/checks/draws.ts";
import golden from "../../golden/quantization/quantization.json" with { type: "json" };

/** Whole numbers of rows, one to an element. */
function unpacked(quants: Uint8Array, columns: number, { bits }: GroupForm): number[] {
  if (bits === 8) return [...new Int8Array(quants.buffer)];
  const rowBytes = Math.ceil(columns / 2);
  return Array.from({ length: quants.length / rowBytes * columns }, (_, i) => {
    const column = i % columns;
    const byte = quants[Math.floor(i / columns) * rowBytes + (column >> 1)]!;
    return byte << (28 - 4 * (column & 1)) >> 28;
  });
}

let values: Float32Array<ArrayBuffer>;
for (const { name, bits, group, columns, values: words, scales, quants } of golden) {
  if (words !== null) values = new Float32Array(Uint32Array.from(words).buffer);
  const own = values!;
  Deno.test(`${name}, ${bits} bits by ${group}: scales and whole numbers are NumPy's`, () => {
    const form = { bits, group } as GroupForm;
    const rows = { name, columns, values: own };
    const found = quantizeRows(rows, form);
    assert.deepEqual([...found.scales], scales);
    assert.deepEqual(unpacked(found.quants, columns, form), quants);
    assert.deepEqual(requantizeRows(rows, found.scales, form), found.quants);
    const type = quantizedType(form);
    const size = Math.ceil(columns / 8) * 8;
    const laid = widenRowsWithScales(rowsWithScales(found, columns, size, type), size, type);
    const plain = widenRows(found, columns, form);
    const expected = laid.filter((_, i) => i % size < columns);
    assert.deepEqual(expected, plain);
  });
}

Deno.test("rows that take several slices are quantized as one by one", () => {
  const columns = 20_000;
  const values = randomDraws(3).numbers(70 * columns);
  const form = { bits: 4, group: 32 } as const;
  const together = quantizeRows({ name: "w", columns, values }, form);
  for (const row of [0, 31, 69]) {
    const own = values.slice(row * columns, (row + 1) * columns);
    const { quants, scales } = quantizeRows({ name: "w", columns, values: own }, form);
    assert.deepEqual(together.quants.slice(row * columns / 2, (row + 1) * columns / 2), quants);
    assert.deepEqual(together.scales.slice(row * columns / 32, (row + 1) * columns / 32), scales);
  }
});

Deno.test("a weight that can't be quantized is refused by its tensor's name", () => {
  for (
    const [odd, message] of [[NaN, /NaN/], [-Infinity, /-Infinity/], [1e9, /1000000000/]] as const
  ) {
    const values = new Float32Array(80).fill(0.5);
    values[75] = odd;
    for (const bits of [8, 4] as const) {
      assert.throws(
        () =>
          quantizeRows({ name: "layers.3.up.weight", columns: 40, values }, { bits, group: 32 }),
        { code: "ops/cannot-quantize", message: /"layers\.3\.up\.weight"/ },
      );
      assert.throws(
        () => quantizeRows({ name: "w", columns: 40, values }, { bits, group: 32 }),
        { message },
      );
    }
  }
});
