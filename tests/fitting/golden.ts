/** A golden file of this room, made by the Python script beside it. */
export async function goldenFile<Content>(name: string): Promise<Content> {
  const file = new URL(`../golden/fitting/${name}`, import.meta.url);
  return JSON.parse(await Deno.readTextFile(file));
}

/** A fixture of the folder that lies beside the repository, or `undefined` where there is none. */
export function sharedFixture<Content>(name: string): Content | undefined {
  try {
    const file = new URL(`../../../shared/fixtures/${name}`, import.meta.url);
    return JSON.parse(Deno.readTextFileSync(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Largest absolute difference of two lists of the same length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference; // keeps a NaN
  }
  return largest;
}
