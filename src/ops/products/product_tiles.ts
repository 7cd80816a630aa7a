import type { Weight } from "../weight.ts";
import type { Recorder } from "../../gpu/recorder.ts";
import type { KernelSet } from "../../gpu/kernel_set.ts";

/**
 * How a matrix product is divided: the outputs that a workgroup makes. Each output is the same sum in
 * the same order in every tile of a kernel set, so the choice changes the time and not one bit.
 */
export interface ProductTile {
  readonly rows: number;
  readonly columns: number;
  /** Outputs of one lane, in rows and columns. */
  readonly laneRows: number;
  readonly laneColumns: number;
}

/** The tiles to choose from, the one that nothing was measured for first. */
export const productTiles: Readonly<Record<KernelSet, readonly ProductTile[]>> = {
  tiled: [
    { rows: 64, columns: 64, laneRows: 8, laneColumns: 8 },
    { rows: 64, columns: 64, laneRows: 4, laneColumns: 8 },
    { rows: 128, columns: 64, laneRows: 8, laneColumns: 8 },
    { rows: 128, columns: 128, laneRows: 8, laneColumns: 8 },
    { rows: 32, columns: 64, laneRows: 4, laneColumns: 4 },
  ],
  texture: [
    { rows: 16, columns: 64, laneRows: 16, laneColumns: 4 },
    { rows: 32, columns: 64, laneRows: 32, laneColumns: 4 },
    { rows: 16, columns: 128, laneRows: 16, laneColumns: 8 },
  ],
};

/** The tile of products with no more rows than it has: those of pooled positions and heads. */
export const fewRowsTile: ProductTile = { rows: 16, columns: 64, laneRows: 4, laneColumns: 4 };

/**
 * The tile of weights that do not lie in textures where others do: those of small heads. It is small,
 * since a software adapter takes a fifth of a second to compile the one above.
 */
export const headTile: ProductTile = { rows: 8, columns: 16, laneRows: 2, laneColumns: 2 };

/** Values of k that a tile of `matmul_tiled.wgsl` holds at a time. */
export const tileInner = 16;

/** Lanes of a workgroup. */
export function lanesOf({ rows, columns, laneRows, laneColumns }: ProductTile): number {
  return (rows / laneRows) * (columns / laneColumns);
}

/** Workgroup memory of `matmul_tiled.wgsl`; every adapter has 16 KiB. */
function workgroupBytes({ rows, columns, laneRows, laneColumns }: ProductTile): number {
  const vectors = (rows / laneRows) * (laneRows + 1) + (columns / laneColumns) * (laneColumns + 1);
  return 4 * tileInner * vectors;
}

/** The tiles of a kernel set that fit into an adapter's workgroup memory; the first one always does. */
export function tilesWithin(kernelSet: KernelSet, bytes: number): readonly ProductTile[] {
  const tiles = productTiles[kernelSet];
  return kernelSet === "tiled" ? tiles.filter((tile) => workgroupBytes(tile) <= bytes) : tiles;
}

/** A tile's name: rows × columns of its outputs, and its lanes. */
export function tileName(tile: ProductTile): string {
  return `${tile.rows}x${tile.columns}x${lanesOf(tile)}`;
}

/** The name of a product whose tile is chosen: its weight's type and shape. */
export function productName(
  { type, rows, columns }: { type: string; rows: number; columns: number },
): string {
  return `${type} ${rows}x${columns}`;
}

/** The tile of products with a weight: the one that the recorder chooses, else the first. */
export function chosenTile(recorder: Recorder, weight: Weight): ProductTile {
  const tiles = productTiles[recorder.kernelSet];
  const name = recorder.choose(productName(weight));
  return tiles.find((tile) => tileName(tile) === name) ?? tiles[0]!;
}
