import assert from "node:assert/strict";
import { ScoreCache } from "../../src/voting/score_cache.ts";
import { mutateText } from "./mutations.ts";
import type { FuzzTarget } from "./target.ts";

const identity = { voter: "a", revision: "r", settings: { length: 100, dtype: "F32" } };
const writer = new ScoreCache(identity);
const key = "0123456789abcdef0123456789abcdef";
const lines = [writer.header(), writer.add(key, [1.5]), writer.add("f".repeat(32), [-2, 3e-5])];

/** Lines of a file of scores. */
export const cache: FuzzTarget = {
  name: "cache",
  gateCases: 20_000,
  draw(random) {
    const altered = lines.map((line) => random.chance(0.6) ? mutateText(random, line) : line);
    return {
      what: "lines",
      input: altered,
      run() {
        const cache = new ScoreCache(identity);
        for (const line of altered.join("").split("\n")) cache.readLine(line);
        for (const name of [key, "f".repeat(32), "toString", "__proto__", ""]) {
          const scores = cache.get(name);
          // "One finite score per head" is what a cache promises.
          assert.ok(scores === undefined || scores.length > 0 && scores.every(Number.isFinite));
        }
        return cache.badLines > 0 ? "bad lines" : "read";
      },
    };
  },
};
