import type { ProductCore } from "../../../shaders/shaders.ts";
import type { Device } from "../../gpu/device.ts";
import type { KernelSet } from "../../gpu/kernel_set.ts";
import type { Recorder } from "../../gpu/recorder.ts";
import type { Weight } from "../weight.ts";

/**
 * How a matrix product is divided: the outputs that a workgroup makes, and what they are made through.
 * Each output is the same sum in the same order in every tile of a kernel set, so the choice changes the
 * time and not one bit.
 */
export interface ProductTile {
  readonly rows: number;
  readonly columns: number;
  /** Outputs of one lane, in rows and columns. */
  readonly laneRows: number;
  readonly laneColumns: number;
  /** Of the set `tiled`: `tiled`, through workgroup memory, unless it says `shuffled`. */
  readonly core?: ProductCore | undefined;
  /** Values of k that workgroup memory holds at a time: 16 unless it says 32. */
  readonly inner?: 32 | undefined;
  /** Whether a tile's whole k is written out in the innermost loop, not four values at a time. */
  readonly unrolled?: boolean | undefined;
  /** Whether a tile is written to workgroup memory while the last one is read. */
  readonly double?: boolean | undefined;
}

/** The tiles to choose from, the one that nothing was measured for first. */
export const productTiles: Readonly<Record<KernelSet, readonly ProductTile[]>> = {
  tiled: [
    // On an H100 faster than the next one for every shape.
    { rows: 64, columns: 64, laneRows: 4, laneColumns: 8 },
    { rows: 64, columns: 64, laneRows: 8, laneColumns: 8 },
    { rows: 128, columns: 128, laneRows: 8, laneColumns: 8, unrolled: true, double: true },
    { rows: 16, columns: 256, laneRows: 16, laneColumns: 4, core: "shuffled" },
    { rows: 64, columns: 64, laneRows: 4, laneColumns: 8, unrolled: true, double: true },
    { rows: 128, columns: 64, laneRows: 8, laneColumns: 8, unrolled: true },
    { rows: 128, columns: 128, laneRows: 16, laneColumns: 8, unrolled: true },
    { rows: 32, columns: 256, laneRows: 32, laneColumns: 4, core: "shuffled" },
    { rows: 64, columns: 64, laneRows: 4, laneColumns: 8, inner: 32 },
    { rows: 16, columns: 512, laneRows: 16, laneColumns: 8, core: "shuffled" },
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

/** Lanes of a workgroup. */
export function lanesOf({ rows, columns, laneRows, laneColumns }: ProductTile): number {
  return (rows / laneRows) * (columns / laneColumns);
}

/** Values of k that a tile of `matmul_tiled.wgsl` holds at a time. */
export function innerOf({ inner }: ProductTile): number {
  return inner ?? 16;
}

/** How often `matmul_tiled.wgsl` holds a tile. */
export function buffersOf({ double }: ProductTile): number {
  return double ? 2 : 1;
}

/**
 * Where `matmul_tiled.wgsl` keeps what lanes multiply, in vectors of four values of k: a lane's share, and
 * those of one quad of k.
 *
 * @param across Lanes that share a side of the tile.
 * @param each Vectors of one lane.
 */
export function quadLayout(
  tile: ProductTile,
  across: number,
  each: number,
): { readonly share: number; readonly quad: number } {
  const spare = 8 / (innerOf(tile) / 4);
  const share = each + 1;
  return { share, quad: across * share + spare };
}

/** Workgroup memory of `matmul_tiled.wgsl`; every adapter has 16 KiB. */
function workgroupBytes(tile: ProductTile): number {
  if (tile.core === "shuffled") return 0;
  const { rows, columns, laneRows, laneColumns } = tile;
  const vectors = quadLayout(tile, rows / laneRows, laneRows).quad +
    quadLayout(tile, columns / laneColumns, laneColumns).quad;
  return 4 * innerOf(tile) * vectors * buffersOf(tile);
}

/** What of a device decides which tiles it can run. */
export type TiledDevice =
  & Pick<Device, "subgroups">
  & { readonly adapter: Pick<Device["adapter"], "software"> }
  & { readonly limits: Pick<GPUSupportedLimits, "maxComputeWorkgroupStorageSize"> };

/**
 * The tiles of a kernel set that a device can run, the one that nothing was measured for first: those
 * that fit into its workgroup memory, and those of shuffles where it has subgroups of one size. A software
 * adapter reads any memory lane by lane, so there they come first.
 */
export function tilesOf(
  kernelSet: KernelSet,
  { subgroups, adapter, limits }: TiledDevice,
): readonly ProductTile[] {
  const tiles = productTiles[kernelSet];
  if (kernelSet !== "tiled") return tiles;
  const shuffled = (tile: ProductTile): boolean => tile.core === "shuffled";
  const within = tiles.filter((tile) =>
    shuffled(tile)
      ? subgroups.size >= 8
      : workgroupBytes(tile) <= limits.maxComputeWorkgroupStorageSize
  );
  if (!adapter.software) return within;
  return within.toSorted((a, b) => Number(shuffled(b)) - Number(shuffled(a)));
}

/** A tile's name: rows × columns of its outputs, its lanes, and what else sets it apart. */
export function tileName(tile: ProductTile): string {
  const { rows, columns, core, inner, unrolled, double } = tile;
  const apart = [
    core === "shuffled" ? "-shuffled" : "",
    inner === undefined ? "" : `-inner${inner}`,
    unrolled ? "-unrolled" : "",
    double ? "-double" : "",
  ];
  return `${rows}x${columns}x${lanesOf(tile)}${apart.join("")}`;
}

/** The name of a product whose tile is chosen: its weight's type and shape. */
export function productName(
  { type, rows, columns }: { type: string; rows: number; columns: number },
): string {
  return `${type} ${rows}x${columns}`;
}

/** The tile of products with a weight: the one that the recorder chooses, else the first. */
export function chosenTile(recorder: Recorder, weight: Weight): ProductTile {
  const tiles = tilesOf(recorder.kernelSet, recorder.device);
  const name = recorder.choose(productName(weight));
  return tiles.find((tile) => tileName(tile) === name) ?? tiles[0]!;
}
