import { blockInner } from "./block_product.ts";
import { addGram, packedRow } from "./matrix_products.ts";

/** Examples that are gathered before they are multiplied. */
const stagedRows = blockInner;

/** XᵀX of rows that come one at a time, in 64-bit floats, as a packed lower triangle. */
export class GramSum {
  /** The sum so far, without the rows that are still staged. */
  readonly packed: Float64Array;
  readonly #staged: Float64Array;
  #count = 0;

  constructor(readonly dimension: number) {
    this.packed = new Float64Array(packedRow(dimension));
    this.#staged = new Float64Array(dimension * stagedRows);
  }

  /** Adds one example, the `dimension` numbers from `at` on. */
  add(features: Float32Array, at: number): void {
    for (let k = 0, to = this.#count; k < this.dimension; k++, to += stagedRows) {
      this.#staged[to] = features[at + k]!;
    }
    if (++this.#count === stagedRows) this.flush();
  }

  /** Multiplies the rows that are staged. */
  flush(): void {
    if (this.#count === 0) return;
    addGram(this.packed, this.#staged, this.dimension, this.#count, stagedRows);
    this.#count = 0;
  }
}

/** Objectives that have labels in the same training rows, and so the same Gram matrix. */
export interface ObjectiveGroup {
  readonly objectives: readonly number[];
  /** Training rows with labels. */
  readonly rows: number;
}

/**
 * Groups objectives by the rows in which they have labels, by partition refinement: those of one
 * source data set come together.
 *
 * @param labels [rows, objectives], NaN where missing.
 * @param objectives How many objectives.
 */
export function groupObjectives(labels: Float64Array, objectives: number): ObjectiveGroup[] {
  const rows = labels.length / objectives;
  // A class of objectives splits at the first row in which some have a label and some don't.
  let classes: number[][] = [Array.from({ length: objectives }, (_, objective) => objective)];
  const counts = new Uint32Array(objectives);
  for (let row = 0; row < rows; row++) {
    const has = (objective: number): boolean =>
      !Number.isNaN(labels[row * objectives + objective]!);
    for (let objective = 0; objective < objectives; objective++) {
      if (has(objective)) counts[objective]!++;
    }
    if (classes.length === objectives) continue;
    classes = classes.flatMap((members) => {
      const present = members.filter(has);
      if (present.length === 0 || present.length === members.length) return [members];
      return [present, members.filter((objective) => !has(objective))];
    });
  }
  return classes.map((members) => ({ objectives: members, rows: counts[members[0]!]! }));
}

/** Which sums are made in one pass, and which of them each group of objectives is made of. */
export interface SumPlan {
  /** Sum to which a row goes, by the row; several where groups overlap. */
  readonly sumsOfRow: (row: number) => readonly number[];
  /** Sums whose total is the group's Gram matrix, by group. */
  readonly sumsOfGroup: readonly (readonly number[])[];
  readonly sums: number;
}

/**
 * Plans one pass over the rows: either one sum for each pattern of groups that occurs in a row, or
 * one for each group, whichever are fewer. Where the sources of labels are disjoint, each row is
 * multiplied once.
 */
export function planSums(
  labels: Float64Array,
  objectives: number,
  groups: readonly ObjectiveGroup[],
): SumPlan {
  const patterns = new Map<string, readonly number[]>();
  const patternOf = (row: number): readonly number[] =>
    groups.flatMap((group, index) =>
      Number.isNaN(labels[row * objectives + group.objectives[0]!]!) ? [] : [index]
    );
  const keys: string[] = [];
  for (let row = 0; row < labels.length / objectives; row++) {
    const pattern = patternOf(row);
    const key = pattern.join();
    keys.push(key);
    if (pattern.length > 0) patterns.set(key, pattern);
  }
  if (patterns.size > groups.length) {
    return { sumsOfRow: patternOf, sumsOfGroup: groups.map((_, i) => [i]), sums: groups.length };
  }
  const order = [...patterns.keys()];
  return {
    sumsOfRow: (row) => patterns.has(keys[row]!) ? [order.indexOf(keys[row]!)] : [],
    sumsOfGroup: groups.map((_, group) =>
      order.flatMap((key, sum) => patterns.get(key)!.includes(group) ? [sum] : [])
    ),
    sums: order.length,
  };
}
