import { categorize, chooseBest, drawStrengths, preferenceStrengths } from "@assay/assay/voting";
import type { Findings } from "./program.ts";

/** Strengths, categories, a committee's choice, a picture. */
export default async function (): Promise<Findings> {
  const strengths = preferenceStrengths([
    [2.1, -1.8, 0.4, 1.2],
    [1.7, -2.4, -0.3, 0.9],
    [2.6, -0.9, 0.2, 1.6],
  ]);
  const categories = categorize(strengths.map(({ mean }) => mean));
  const pairs = strengths.map(({ mean, std }, i) => ({ mean, std, category: categories[i]! }));
  return {
    strengths,
    categories,
    best: chooseBest([[1, 2, 0], [1, 3, 0], [9, 2, 0]], "median").best,
    drawn: (await drawStrengths(pairs)).startsWith("<svg"),
  };
}
