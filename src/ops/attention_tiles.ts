import { queriesPerBlock } from "./query_blocks.ts";

/**
 * How `attention_tiled.wgsl` divides its work. It changes no bit of a result: every tile sums up in the
 * same order.
 */
export interface AttentionTile {
  /** Lanes that have different queries, four each: 4, 8 or 16; eight times as many are a workgroup. */
  readonly down: number;
  /** Quarters of a head, of four numbers each, that pass through workgroup memory at a time: 4 or 8. */
  readonly width: number;
}

/** Every tile, the largest first. */
export const attentionTiles: readonly AttentionTile[] = [
  { down: 16, width: 8 },
  { down: 8, width: 8 },
  { down: 8, width: 4 },
  { down: 4, width: 4 },
];

/** Numbers of a head that a lane sums up for each of its queries, in quarters. */
function stripesOf(headDim: number): number {
  return Math.ceil(headDim / 32);
}

/** Eights of keys whose values pass through workgroup memory together: what has room beside the keys. */
function valuesTogether(headDim: number, { width }: AttentionTile): number {
  return [8, 4, 2].find((together) => together * stripesOf(headDim) <= width) ?? 1;
}

/** Rows of nine vectors of 16 bytes that keys, and after them values, take. */
function stagedRows(headDim: number, tile: AttentionTile): number {
  return 8 * Math.max(tile.width, valuesTogether(headDim, tile) * stripesOf(headDim));
}

/** Bytes of workgroup memory that a tile takes. */
export function tileBytes(headDim: number, tile: AttentionTile): number {
  const lanes = 8 * tile.down;
  return 16 * (9 * stagedRows(headDim, tile) + 9 * lanes + lanes);
}

/** Numbers of a head from which on the sums of more queries would not fit a lane's registers. */
const wideHead = 128;

/**
 * Chooses the tile for a head.
 *
 * @param memory Bytes of workgroup memory that the device has.
 */
export function attentionTile(headDim: number, memory: number): AttentionTile {
  return attentionTiles.find((tile) =>
    (tile.down <= 8 || headDim <= wideHead) && tileBytes(headDim, tile) <= memory
  ) ?? attentionTiles.at(-1)!;
}

/** What the kernel's text is given of a tile. */
export function tileConstants(headDim: number, tile: AttentionTile) {
  return {
    BLOCK: queriesPerBlock.tiled,
    DOWN: tile.down,
    WIDTH: tile.width,
    TOGETHER: valuesTogether(headDim, tile),
    STAGED: stagedRows(headDim, tile),
  };
}

/** Parts that a block of queries is divided into. */
export function partsOfBlock({ down }: AttentionTile): number {
  return queriesPerBlock.tiled / (4 * down);
}
