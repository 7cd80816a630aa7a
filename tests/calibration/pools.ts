import fc from "fast-check";
import { type Pool, poolOfPairs, type ScoredPair } from "../../src/calibration/pool.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";

/** Labelled pairs from a judge that gives `perCharacter` for length on top of what it should see. */
export function biasedPairs(count: number, perCharacter: number, seed = 1): ScoredPair[] {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, (_, pair) => {
    const side = (quality: number) => {
      const length = Math.round(50 + 900 * random());
      const markdown = Math.floor(8 * random());
      return {
        score: quality + normal() / 2 + perCharacter * length,
        features: { length, markdown },
      };
    };
    return { chosen: side(1), rejected: side(0), subset: pair % 3 === 0 ? "odd" : "even" };
  });
}

/** Any pool of pairs with two features, as property tests draw it. */
export const anyPool: fc.Arbitrary<Pool> = fc.array(
  fc.record({ chosen: anyResponse(), rejected: anyResponse() }),
  { minLength: 4, maxLength: 30 },
).map(poolOfPairs);

function anyResponse() {
  return fc.record({
    score: fc.double({ min: -8, max: 8, noNaN: true }),
    features: fc.record({ length: fc.nat(60), markdown: fc.nat(5) }),
  });
}
