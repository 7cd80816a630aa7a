/** Tiles to time, and how. */
export interface TileTrial {
  /** Names of the tiles; the first is kept unless another is clearly faster. */
  readonly tiles: readonly string[];
  /** Names of the products that a tile is chosen for, each by itself. */
  readonly products: readonly string[];
  /** Rows of the inputs in real use; fewer are timed where they would take too long. */
  readonly rows: number;
  /** Computes every product with a tile on inputs of some rows; tells the milliseconds of each. */
  time(tile: string, rows: number): Promise<readonly number[]>;
  /** The time now in milliseconds. */
  now(): number;
}

/** Milliseconds for compiling and timing, from when the first tile, which is needed anyway, is ready. */
const budget = 1000;
/** Runs of each tile, in turns: what slows the device down for a while slows all of them. */
const rounds = 3;
/** Rows of the first runs, in which the kernels are compiled; more than the tile for few rows takes. */
const fewestRows = 64;
/** A tile is taken in place of the first one where it takes less than this part of its time. */
const clearlyFaster = 0.95;

/**
 * Finds the fastest tile for each product, within about a second. Tiles that there is no time for are
 * left out, but for the first two: on a slow device it takes as long as these take to compile, and to
 * run on few rows.
 *
 * @returns The tile's name for each product.
 */
export async function fastestTiles(trial: TileTrial): Promise<Map<string, string>> {
  const { tiles, products, time, now } = trial;
  await time(tiles[0]!, fewestRows); // compiles
  const ready = [tiles[0]!];
  let end = now() + budget;
  for (const tile of tiles.slice(1)) {
    if (ready.length > 1 && now() >= end - budget / 2) break;
    await time(tile, fewestRows);
    ready.push(tile);
  }
  end = Math.max(end, now() + budget / 2);
  const rows = await affordableRows(trial, ready, end);
  const times = ready.map(() => products.map((): number[] => []));
  for (let run = 0; run < rounds * ready.length; run++) {
    if (run >= ready.length && now() >= end) break;
    const tile = run % ready.length;
    const found = await time(ready[tile]!, rows);
    found.forEach((milliseconds, product) => times[tile]![product]!.push(milliseconds));
  }
  return new Map(products.map((product, i) => {
    const medians = times.map((byProduct) => median(byProduct[i]!));
    let best = 0;
    medians.forEach((time, tile) => {
      if (time < medians[best]! * (best === 0 ? clearlyFaster : 1)) best = tile;
    });
    return [product, ready[best]!];
  }));
}

/**
 * As many rows as all runs have time for, found by doubling. By the caller's clock: the device's own
 * tells tiles apart, but not every runtime gives its ticks in nanoseconds.
 */
async function affordableRows(
  { rows: most, time, now }: TileTrial,
  ready: readonly string[],
  end: number,
): Promise<number> {
  for (let rows = fewestRows;;) {
    const start = now();
    await time(ready[0]!, rows);
    const share = (end - now()) / (rounds * ready.length);
    if (rows >= most || 2 * (now() - start) > share) return rows;
    rows = Math.min(2 * rows, most);
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}
