import assert from "node:assert/strict";
import { fastestTiles, type TileTrial } from "../../../src/ops/products/tile_timing.ts";

/** A trial on a made-up device: the time of a product with a tile is a number for each of its rows. */
function trialOf(
  perRow: Readonly<Record<string, readonly number[]>>,
  { compiling = 0, rows = 2048 } = {},
) {
  let clock = 0;
  const asked: [string, number][] = [];
  const products = Array.from(Object.values(perRow)[0]!, (_, i) => `product ${i}`);
  const trial: TileTrial = {
    tiles: Object.keys(perRow),
    products,
    rows,
    time: (tile, count) => {
      if (!asked.some(([before]) => before === tile)) clock += compiling;
      asked.push([tile, count]);
      const times = perRow[tile]!.map((time) => time * count);
      clock += times.reduce((a, b) => a + b);
      return Promise.resolve(times);
    },
    now: () => clock,
  };
  return { trial, asked, spent: () => clock };
}

Deno.test("fastestTiles() finds the fastest tile of each product", async () => {
  const { trial, asked } = trialOf({ a: [0.01, 0.01], b: [0.005, 0.02], c: [0.02, 0.008] });
  const found = await fastestTiles(trial);
  assert.deepEqual([...found], [["product 0", "b"], ["product 1", "c"]]);
  assert.ok(asked.every(([, rows]) => rows >= 64 && rows <= 2048));
  assert.ok(
    Math.max(...asked.map(([, rows]) => rows)) > 64,
    "more rows are timed where it is cheap",
  );
});

Deno.test("fastestTiles() keeps the first tile unless another is clearly faster", async () => {
  const { trial } = trialOf({ a: [0.01, 0.01], b: [0.0097, 0.0094] });
  assert.deepEqual([...(await fastestTiles(trial)).values()], ["a", "b"]);
});

Deno.test("fastestTiles() times no more rows than there are in use", async () => {
  const { trial, asked } = trialOf({ a: [0.001], b: [0.001] }, { rows: 200 });
  await fastestTiles(trial);
  assert.equal(Math.max(...asked.map(([, rows]) => rows)), 200);
});

Deno.test("fastestTiles() ends after about a second where the device is fast enough for that", async () => {
  const tiles = Object.fromEntries(["a", "b", "c", "d", "e"].map((tile) => [tile, [0.1, 0.1]]));
  const { trial, spent } = trialOf(tiles, { compiling: 100 });
  await fastestTiles(trial);
  assert.ok(spent() > 500 && spent() <= 1300, `${spent()} ms`);
});

Deno.test("fastestTiles() compares two tiles, and no more, where the device is slow", async () => {
  const compiling = trialOf({ a: [0.01], b: [0.001], c: [0.0001] }, { compiling: 700 });
  assert.deepEqual([...(await fastestTiles(compiling.trial)).values()], ["b"]);
  assert.ok(compiling.asked.every(([tile]) => tile !== "c"));

  const slow = trialOf({ a: [50], b: [40], c: [30] }); // seconds for 64 rows
  assert.deepEqual([...(await fastestTiles(slow.trial)).values()], ["b"]);
  assert.equal(slow.asked.length, 5); // compiled twice, tried once, compared
});
