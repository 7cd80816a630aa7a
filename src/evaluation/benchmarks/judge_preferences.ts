import type { JudgedRow, Marks } from "./benchmark.ts";
import { bestOfRule, pairsByQuality } from "./rules.ts";

const pair = bestOfRule("half");

/** A pair, a tie one half; or every two candidates of different quality. */
export function judgePreferences(row: JudgedRow): Marks | undefined {
  return row.qualities === undefined ? pair(row) : pairsByQuality(row);
}
