/** How distances between tokens are told apart: by themselves, or far ones by their logarithm. */
export interface RelativePlaces {
  /** Places to either side of a token; there are vectors for twice as many. */
  readonly span: number;
  /** Buckets that far distances share, to both sides; 0 where each distance has a place of its own. */
  readonly buckets: number;
  /** The distance that the last bucket is for. */
  readonly farthest: number;
}

/**
 * The place of each distance of a query from a key, from −reach to reach: a row of the relative
 * embeddings. Distances below half the buckets are places by themselves; those beyond share one by their
 * logarithm (DeBERTa v2 and v3, He et al. 2021, arXiv 2111.09543; T5 does likewise). Steps are rounded to
 * f32 as in the reference, since a bucket's bound may hang on the last bit.
 */
export function placesByDistance(
  places: RelativePlaces,
  reach: number,
): Float32Array<ArrayBuffer> {
  const { span } = places;
  return Float32Array.from({ length: 2 * reach + 1 }, (_, i) => {
    const bucket = bucketOf(places, i - reach);
    return Math.max(0, Math.min(2 * span - 1, bucket + span));
  });
}

function bucketOf({ buckets, farthest }: RelativePlaces, distance: number): number {
  const { fround } = Math;
  const middle = Math.floor(buckets / 2);
  const size = Math.abs(distance);
  if (buckets === 0 || size <= middle) return distance;
  const logarithm = (x: number): number => fround(Math.log(fround(x)));
  const share = fround(logarithm(size / middle) / logarithm((farthest - 1) / middle));
  const bucket = Math.ceil(fround(share * (middle - 1))) + middle;
  return distance < 0 ? -bucket : bucket;
}
