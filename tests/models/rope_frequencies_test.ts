import assert from "node:assert/strict";
import { ropeFrequencies, RopeTable } from "../../src/models/rope_frequencies.ts";

Deno.test("ropeFrequencies() falls from 1 by equal factors", () => {
  const frequencies = ropeFrequencies({ type: "default", theta: 10000 }, 8, 100);
  assert.deepEqual([...frequencies], [1, 0.1, 0.01, 0.001].map(Math.fround));
});

Deno.test("ropeFrequencies() keeps short waves and slows long ones under llama3 scaling", () => {
  const settings = {
    type: "llama3",
    theta: 500000,
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalLength: 8192,
  } as const;
  const plain = ropeFrequencies({ type: "default", theta: 500000 }, 128, 0);
  const scaled = ropeFrequencies(settings, 128, 0);
  assert.equal(scaled[0], plain[0]);
  assert.equal(scaled[63], Math.fround(plain[63]! / 8));
  scaled.forEach((frequency, i) => {
    assert.ok(frequency <= plain[i]! && frequency >= plain[i]! / 8 - 1e-12);
  });
});

Deno.test("a dynamic rope depends on the conversation's length only beyond the trained one", () => {
  const settings = { type: "dynamic", theta: 10000, factor: 2, originalLength: 64 } as const;
  const table = new RopeTable(settings, 16);
  assert.equal(table.dependsOnLength(64), false);
  assert.equal(table.dependsOnLength(65), true);
  const rowOf = (length: number): number[] => [...table.fill(1, () => 7, () => length)];
  assert.deepEqual(rowOf(10), rowOf(64));
  assert.notDeepEqual(rowOf(65), rowOf(64));
});

Deno.test("RopeTable.fill() gives a position the same angles wherever it stands", () => {
  const table = new RopeTable({ type: "default", theta: 10000 }, 8);
  const together = table.fill(3, (i) => [5000, 3, 5000][i]!, () => 6000);
  assert.deepEqual(together.slice(0, 8), together.slice(16));
  assert.deepEqual(together.slice(8, 16), table.fill(1, () => 3, () => 6000));
  assert.equal(together[8], Math.fround(Math.cos(3)));
  assert.equal(together[12], Math.fround(Math.sin(3)));
});
