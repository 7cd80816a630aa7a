import type { Row } from "../../../src/data/rows.ts";
import { seededRandom } from "../../../src/numbers/seeded_random.ts";

/** A subset's name that must not get into a page as markup. */
export const hostileSubset = `<script>alert("x")</script>&amp;\u202E`;

/**
 * Pairs of a made-up model that likes length: in one subset the longer response is the better one, in
 * the other the shorter.
 *
 * @param count Pairs.
 * @param seed Of the scores; lengths and prompts are the same for every seed.
 */
export function scoredPairs(count: number, seed = 1): Row[] {
  const draw = seededRandom(7);
  const noise = seededRandom(seed);
  return Array.from({ length: count }, (_, row) => {
    const isLonger = row % 2 === 0;
    const short = 20 + Math.floor(200 * draw());
    const long = short + 1 + Math.floor(900 * draw());
    const [chosen, rejected] = isLonger ? [long, short] : [short, long];
    const score = (length: number, quality: number) => length / 500 + quality + 2 * noise();
    return {
      id: `row ${row}`,
      prompt: `Question ${Math.floor(row / 2)}?`,
      subset: isLonger ? "chat" : hostileSubset,
      chosen_score: score(chosen, 1),
      rejected_score: score(rejected, 0),
      chosen_length: chosen,
      rejected_length: rejected,
    };
  });
}
