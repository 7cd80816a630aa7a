/**
 * A small repeatable generator (mulberry32), for shuffles and folds that must come out alike on
 * every machine. Not for secrets.
 *
 * @param seed A whole number.
 * @returns A function that draws numbers from 0 (inclusive) to 1 (exclusive).
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * The numbers from 0 to `count` − 1 in a random order that the seed decides (Fisher–Yates).
 *
 * @param count How many.
 * @param seed A whole number.
 */
export function seededShuffle(count: number, seed: number): Uint32Array {
  const random = seededRandom(seed);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const chosen = Math.floor(random() * (last + 1));
    [order[last], order[chosen]] = [order[chosen]!, order[last]!];
  }
  return order;
}
