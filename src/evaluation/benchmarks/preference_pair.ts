import type { PublishedColumns } from "./published_columns.ts";

/**
 * Two answers and how much the second is preferred: a pair in that order, or, where neither is, two
 * candidates of the same quality, which say nothing about a model.
 *
 * @param first The first answer.
 * @param second The second.
 * @param preference Above 0 where the second is better, below 0 where the first is.
 */
export function preferencePair(
  first: unknown,
  second: unknown,
  preference: number,
): Record<string, unknown> {
  if (preference === 0) return { responses: [first, second], qualities: [0, 0] };
  return preference > 0 ? { chosen: second, rejected: first } : { chosen: first, rejected: second };
}

/** A strength of preference in a column, from −3 to 3. */
export function preferenceStrength(columns: PublishedColumns, name: string): number {
  return columns.oneOf(name, [-3, -2, -1, 0, 1, 2, 3]);
}
