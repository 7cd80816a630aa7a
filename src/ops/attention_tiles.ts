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
const attentionTiles: readonly AttentionTile[] = [
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

/** Numbers of a head up to which a lane's loads of values divide among 128 lanes. */
const wideHead = 128;

/** A tile's name: its queries, and the quarters of a head that pass together. */
export function attentionTileName({ down, width }: AttentionTile): string {
  return `${4 * down}x${width}`;
}

/**
 * The tiles that a head may have, the one that is taken where none is named first.
 *
 * @param memory Bytes of workgroup memory that the device has.
 */
export function attentionTilesFor(headDim: number, memory: number): readonly AttentionTile[] {
  const fitting = attentionTiles.filter((tile) =>
    (tile.down <= 8 || headDim <= wideHead) && tileBytes(headDim, tile) <= memory
  );
  return fitting.length > 0 ? fitting : attentionTiles.slice(-1);
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
