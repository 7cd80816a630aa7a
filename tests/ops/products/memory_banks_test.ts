import assert from "node:assert/strict";
import {
  fewRowsTile,
  innerOf,
  lanesOf,
  type ProductTile,
  productTiles,
  quadLayout,
  tileName,
} from "../../../src/ops/products/product_tiles.ts";

/**
 * A model of workgroup memory as GPUs have it: 32 banks of 4 bytes. Of a subgroup of 32 lanes that moves 16
 * bytes each, 8 lanes go at a time, those that want other words of the same bank one after another.
 */
const [lanesTogether, banks] = [8, 8];

/** Turns that the lanes of a workgroup take for one access each; as many as eighths of them at best. */
function turns(lanes: number, address: (lane: number) => number): number {
  let sum = 0;
  for (let first = 0; first < lanes; first += lanesTogether) {
    const wanted = Array.from({ length: lanesTogether }, (_, i) => address(first + i));
    const byBank = Map.groupBy(new Set(wanted), (at) => at % banks);
    sum += Math.max(...[...byBank.values()].map((of) => of.length));
  }
  return sum;
}

/** Every access of `matmul_tiled.wgsl` to its tiles, by name, as the address of each lane in vectors. */
function accesses(tile: ProductTile, wordQuads: number): Map<string, (lane: number) => number> {
  const { rows, columns, laneRows, laneColumns } = tile;
  const [down, across] = [rows / laneRows, columns / laneColumns];
  const quads = innerOf(tile) / 4;
  const words = quads / wordQuads;
  const lanes = lanesOf(tile);
  const input = quadLayout(tile, down, laneRows);
  const weight = quadLayout(tile, across, laneColumns);
  const found = new Map<string, (lane: number) => number>();
  for (let i = 0; i < rows * quads / lanes; i++) {
    found.set(`input store ${i}`, (lane) => {
      const at = lane + i * lanes;
      const row = Math.floor(at / quads);
      return at % quads * input.quad + row % down * input.share + Math.floor(row / down);
    });
  }
  for (let i = 0; i < columns * words / lanes; i++) {
    for (let q = 0; q < wordQuads; q++) {
      found.set(`weight store ${i}, quad ${q}`, (lane) => {
        const at = lane + i * lanes;
        const column = Math.floor(at / words);
        return (at % words * wordQuads + q) * weight.quad + column % across * weight.share +
          Math.floor(column / across);
      });
    }
  }
  found.set("input read", (lane) => Math.floor(lane / across) * input.share);
  found.set("weight read", (lane) => lane % across * weight.share);
  return found;
}

Deno.test("no two lanes of a product's tile want another word of the same bank at a time", () => {
  const tiles = [...productTiles.tiled.filter(({ core }) => core !== "shuffled"), fewRowsTile];
  for (const tile of tiles) {
    for (const [type, wordQuads] of [["f32", 1], ["bf16", 2]] as const) {
      for (const [access, address] of accesses(tile, wordQuads)) {
        const found = turns(lanesOf(tile), address);
        const where = `${tileName(tile)}, ${type}: ${access}`;
        assert.equal(found, lanesOf(tile) / lanesTogether, where);
      }
    }
  }
});

Deno.test("the model of memory banks tells a conflict: without spare vectors stores wait", () => {
  const tile = productTiles.tiled[1]!; // 64x64x64
  const quads = innerOf(tile) / 4;
  const crowded = (lane: number): number => lane % quads * 72 + Math.floor(lane / quads) * 9;
  assert.ok(turns(lanesOf(tile), crowded) > lanesOf(tile) / lanesTogether);
});
