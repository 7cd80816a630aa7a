import assert from "node:assert/strict";
import { ConfigReader } from "../../src/checkpoint/config_reader.ts";
import { ropeFrequencies, RopeTable } from "../../src/models/rope_frequencies.ts";
import { readRope, rotaryDim } from "../../src/models/rope_settings.ts";

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

/** What transformers computes, see `tests/golden/settings/make_rope_frequencies.py`. */
interface RopeRow {
  readonly config: Readonly<Record<string, unknown>> & {
    readonly head_dim: number;
    readonly max_position_embeddings: number;
  };
  readonly length: number;
  readonly scale: number;
  readonly frequencies: readonly number[];
}

Deno.test("rope settings of every type give the reference's frequencies and scale", async () => {
  const url = new URL("../golden/settings/rope_frequencies.json", import.meta.url);
  const rows = JSON.parse(await Deno.readTextFile(url)) as RopeRow[];
  for (const { config, length, scale, frequencies } of rows) {
    const { head_dim: headDim, max_position_embeddings: maxPositions } = config;
    const reader = new ConfigReader(config, "tiny/config.json");
    const rope = readRope(reader, { headDim, maxPositions, partialFactor: 1 });
    const where = JSON.stringify({ rope, length });
    const actual = ropeFrequencies(rope, rotaryDim(rope, headDim), length);
    assert.equal(actual.length, frequencies.length, where);
    actual.forEach((frequency, i) => {
      const difference = Math.abs(frequency / frequencies[i]! - 1);
      assert.ok(difference <= 2.4e-7, `${where}: frequency ${i} is ${frequency}`); // two bits
    });
    const table = new RopeTable(rope, headDim);
    assert.equal(table.columns, 2 * frequencies.length);
    const cosine = table.fill(1, () => 0, () => length)[0]!;
    assert.ok(Math.abs(cosine - scale) <= 1e-7, `${where}: ${cosine}, not ${scale}`);
    const { type } = rope;
    const stretches = (type === "longrope" || type === "dynamic") && length > rope.originalLength;
    assert.equal(table.dependsOnLength(length), stretches, where);
  }
});

Deno.test("a longrope takes its long divisors for the whole of a long conversation", () => {
  const settings = {
    type: "longrope",
    theta: 10000,
    shortFactors: [1, 1, 1, 1],
    longFactors: [1, 2, 3, 4],
    attentionFactor: 1.5,
    originalLength: 64,
  } as const;
  const table = new RopeTable(settings, 8);
  const rowOf = (length: number): number[] => [...table.fill(1, () => 7, () => length)];
  assert.deepEqual(rowOf(10), rowOf(64));
  assert.notDeepEqual(rowOf(65), rowOf(64));
  assert.deepEqual(rowOf(65), rowOf(100));
  assert.equal(rowOf(65)[0], Math.fround(1.5 * Math.fround(Math.cos(7))));
});
