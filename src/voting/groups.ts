import { AssayError } from "../error.ts";
import { rankPositions } from "../numbers/ranks.ts";
import { mean } from "../numbers/moments.ts";

/** One of the equal parts of a data set that is sorted by preference strength. */
export interface StrengthGroup {
  /** Position of the group, 0 for the lowest strengths. */
  readonly index: number;
  /** Number of pairs in it. */
  readonly count: number;
  /** Mean of the pairs' mean strengths. */
  readonly mean: number;
  /** Mean of the pairs' standard deviations: high at both ends of the scale, in the paper's U. */
  readonly std: number;
  /** Lowest mean strength in the group. */
  readonly lowest: number;
  /** Highest mean strength in the group. */
  readonly highest: number;
}

/**
 * Splits a data set, sorted by mean strength, into equal groups, and gives each group's mean strength
 * and mean spread (arXiv 2401.06080, figure 3: 20 groups; s against the group is U-shaped).
 *
 * A pair's group is ⌊q · groups⌋ with its position q = (average rank − 0.5) / n, so equal strengths
 * share a group and the order of the rows has no say. Groups that stay empty are left out.
 *
 * @param strengths Mean and standard deviation per pair; pairs with a NaN mean take no part.
 * @param groups Number of groups, at least 1; default the paper's 20.
 * @returns The groups from the lowest strengths to the highest.
 * @throws {AssayError} `voting/bad-groups` where `groups` is not a positive whole number.
 *
 * @example
 * ```ts
 * import { strengthGroups } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const strengths = [3, -1, 1, -3].map((mean) => ({ mean, std: Math.abs(mean) }));
 * const groups = strengthGroups(strengths, 2);
 * assert.deepEqual(groups.map((group) => [group.count, group.mean, group.std]), [[2, -2, 2], [2, 2, 2]]);
 * ```
 */
export function strengthGroups(
  strengths: readonly { readonly mean: number; readonly std: number }[],
  groups = 20,
): StrengthGroup[] {
  if (!Number.isInteger(groups) || groups < 1) {
    throw new AssayError(
      "voting/bad-groups",
      `Cannot group pairs: expected a whole number of groups of at least 1, found ${groups}`,
    );
  }
  const positions = rankPositions(strengths.map((strength) => strength.mean));
  const members: { mean: number; std: number }[][] = Array.from({ length: groups }, () => []);
  positions.forEach((position, pair) => {
    if (Number.isFinite(position)) members[Math.floor(position * groups)]!.push(strengths[pair]!);
  });
  return members.flatMap((group, index) => {
    if (group.length === 0) return [];
    const means = group.map((pair) => pair.mean);
    return [{
      index,
      count: group.length,
      mean: mean(means),
      std: mean(group.map((pair) => pair.std)),
      lowest: means.reduce((a, b) => Math.min(a, b)),
      highest: means.reduce((a, b) => Math.max(a, b)),
    }];
  });
}
