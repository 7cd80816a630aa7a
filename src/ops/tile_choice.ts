import type { Recorder } from "../gpu/recorder.ts";
import { productName, type ProductTile, productTiles, tileName } from "./product_tiles.ts";
import type { Weight } from "./weight.ts";

/** The tile of products with a weight: the one that the recorder chooses, else the first. */
export function chosenTile(recorder: Recorder, weight: Weight): ProductTile {
  const tiles = productTiles[recorder.family];
  const name = recorder.choose(productName(weight));
  return tiles.find((tile) => tileName(tile) === name) ?? tiles[0]!;
}
