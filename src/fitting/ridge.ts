import { AssayError } from "../error.ts";
import { addGram, factorize, packedRow, solveFactorized } from "./matrix_products.ts";
import { GramSum, groupObjectives, type ObjectiveGroup, planSums } from "./ridge_sums.ts";
import { checkTrainingOptions } from "./check_training.ts";

/** The paper's grid of penalties (arXiv 2406.12845, `stage-1_train.py`). */
export const ridgeAlphas: readonly number[] = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000, 10000];

/** Features of examples and what is known of each. */
export interface LabelledFeatures {
  /** [rows, objectives], row major; NaN where an example has no label. */
  readonly labels: Float64Array;
  /** Features [rows, dimension] of the examples in their order, in batches of any number of rows. */
  batches(): Iterable<Float32Array> | AsyncIterable<Float32Array>;
}

/** How to fit {@link fitRidge}. */
export interface RidgeOptions {
  /** Penalties to choose from, at least 0; the paper's grid by default. */
  readonly alphas?: readonly number[] | undefined;
  /** Told how far the fit is: rows summed, systems solved, rows validated. */
  readonly onProgress?:
    | ((
      progress: { phase: "sum" | "solve" | "validate"; done: number; total: number },
    ) => void)
    | undefined;
  /** Ends the fit early, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How one objective's fit came out. */
export interface ObjectiveFit {
  /** The penalty chosen. */
  readonly alpha: number;
  /** Mean squared error of each penalty on the validation rows; `null` where it could not be had. */
  readonly validationLosses: readonly (number | null)[];
  /** That of the penalty chosen. */
  readonly validationLoss: number | null;
  /** Training rows with a label. */
  readonly trainRows: number;
  /** Validation rows with a label. */
  readonly validationRows: number;
  /** Which system was solved: features × features, or rows × rows where there are fewer rows. */
  readonly form: "primal" | "dual";
  /** What a person should know of this fit, such as that α could not be chosen. */
  readonly warning: string | null;
}

/** Weights of every objective and how they came out. */
export interface RidgeFit {
  /** [objectives, dimension], row major: reward = weights · features. */
  readonly weights: Float64Array;
  /** By objective. */
  readonly objectives: readonly ObjectiveFit[];
}

/** Weights of one group's objectives for each penalty; `null` where the system can't be solved. */
type Candidates = Map<number, (Float64Array | null)[]>;

/**
 * Stage 1 of ArmoRM: a ridge regression per objective on frozen features, without intercept,
 *
 *     w = argmin ‖y − X w‖² + α ‖w‖² = (XᵀX + αI)⁻¹ Xᵀy = Xᵀ(XXᵀ + αI)⁻¹ y
 *
 * over the rows that have a label for the objective. α is the first of the grid with the least mean
 * squared error on the validation rows (1, with a warning, where none has a label); the weights are
 * those of the training rows alone. Objectives with labels in the same rows share one Gram matrix, and
 * a row is multiplied once for all of them. Features pass by twice and are never held, except those of
 * objectives with fewer rows than features, which are solved in the second form. All sums are in 64
 * bits, on the CPU: the 32 bits of a GPU don't tell small penalties apart. Memory is at most
 * 4 · dimension² bytes for each set of rows that differs, and two more.
 *
 * @param dimension Features of an example.
 * @param objectives Labels of an example.
 * @param train Rows to fit.
 * @param validation Rows to choose α by.
 * @param options Grid and progress.
 * @throws {AssayError} `fitting/no-labels` for an objective without training labels,
 *   `fitting/not-finite` for a NaN or infinite feature or label, `fitting/wrong-rows`,
 *   `fitting/unsolvable`.
 *
 * @example
 * ```ts
 * import { fitRidge } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * const rows = { labels: Float64Array.of(2, 4, 4), batches: () => [Float32Array.of(1, 2, 2)] };
 * const fit = await fitRidge(1, 1, rows, rows, { alphas: [7] });
 * assert.deepEqual([...fit.weights], [1.125]); // 18 / (9 + 7)
 * ```
 */
export async function fitRidge(
  dimension: number,
  objectives: number,
  train: LabelledFeatures,
  validation: LabelledFeatures,
  options: RidgeOptions = {},
): Promise<RidgeFit> {
  checkTrainingOptions(options);
  checkLabels(train.labels, objectives);
  checkLabels(validation.labels, objectives);
  const groups = groupObjectives(train.labels, objectives);
  const empty = groups.find(({ rows }) => rows === 0);
  if (empty !== undefined) {
    throw new AssayError(
      "fitting/no-labels",
      `Cannot fit objective ${
        empty.objectives[0]
      }: expected training rows with a label, found none`,
    );
  }
  const validationRows = countLabels(validation.labels, objectives);
  const alphas = options.alphas ?? ridgeAlphas;
  // Without a validation label there is nothing to choose by.
  const wanted = validationRows.includes(0) ? [...new Set([...alphas, 1])] : alphas;
  const sums = await sumRows(dimension, objectives, groups, train, options);
  const candidates = await solveGroups(sums, groups, dimension, wanted, options);
  const losses = await validationLosses(dimension, candidates, validation, wanted, options);
  const weights = new Float64Array(objectives * dimension);
  const fits = new Array<ObjectiveFit>(objectives);
  for (const group of groups) {
    for (const objective of group.objectives) {
      const rows = validationRows[objective]!;
      const choice = choose(candidates.get(objective)!, losses.get(objective)!, wanted, rows);
      if (choice === undefined) throw unsolvable(objective);
      weights.set(choice.weight, objective * dimension);
      fits[objective] = {
        alpha: wanted[choice.index]!,
        validationLosses: losses.get(objective)!.slice(0, alphas.length),
        validationLoss: losses.get(objective)![choice.index]!,
        trainRows: group.rows,
        validationRows: rows,
        form: group.rows < dimension ? "dual" : "primal",
        warning: rows > 0 ? null : "no validation row has a label: α = 1 was taken",
      };
    }
  }
  return { weights, objectives: fits };
}

function checkLabels(labels: Float64Array, objectives: number): void {
  if (labels.length % objectives !== 0) {
    throw wrongRows(`a multiple of ${objectives} labels`, `${labels.length}`);
  }
  const at = labels.findIndex((label) => label === Infinity || label === -Infinity);
  if (at >= 0) throw notFinite("label", Math.floor(at / objectives), labels[at]!);
}

function notFinite(what: string, row: number, found: number): AssayError {
  return new AssayError(
    "fitting/not-finite",
    `Cannot fit: expected finite numbers, found ${found} as a ${what} of row ${row}, from 0`,
  );
}

function wrongRows(expected: string, found: string): AssayError {
  return new AssayError("fitting/wrong-rows", `Cannot fit: expected ${expected}, found ${found}`);
}

function unsolvable(objective: number): AssayError {
  return new AssayError(
    "fitting/unsolvable",
    `Cannot fit objective ${objective}: its features depend on each other and no penalty of the ` +
      "grid is large enough to tell them apart; add a larger α",
  );
}

function countLabels(labels: Float64Array, objectives: number): number[] {
  const counts = new Array<number>(objectives).fill(0);
  labels.forEach((label, at) => {
    if (!Number.isNaN(label)) counts[at % objectives]!++;
  });
  return counts;
}

/** What one pass over the training rows leaves of them. */
interface RowSums {
  /** Packed Gram matrix by group, features × features or rows × rows. */
  readonly gram: (group: number) => Float64Array;
  /** Rows of a group that is solved in the dual form, [rows, dimension]. */
  readonly heldRows: ReadonlyMap<number, Float64Array>;
  /** Right side by objective: Xᵀy, or y in the dual form. */
  readonly rightSides: readonly Float64Array[];
}

async function sumRows(
  dimension: number,
  objectives: number,
  groups: readonly ObjectiveGroup[],
  train: LabelledFeatures,
  { onProgress, signal }: RidgeOptions,
): Promise<RowSums> {
  const { labels } = train;
  const total = labels.length / objectives;
  const isDual = (group: ObjectiveGroup): boolean => group.rows < dimension;
  const primal = groups.filter((group) => !isDual(group));
  const plan = planSums(labels, objectives, primal);
  const sums = Array.from({ length: plan.sums }, () => new GramSum(dimension));
  const heldRows = new Map<number, Float64Array>();
  const held = groups.map(() => 0);
  const rightSides = new Array<Float64Array>(objectives);
  groups.forEach((group, index) => {
    if (isDual(group)) heldRows.set(index, new Float64Array(group.rows * dimension));
    for (const objective of group.objectives) {
      rightSides[objective] = new Float64Array(isDual(group) ? group.rows : dimension);
    }
  });
  let row = 0;
  for await (const batch of train.batches()) {
    signal?.throwIfAborted();
    for (let at = 0; at < batch.length; at += dimension, row++) {
      if (row >= total) throw wrongRows(`features of ${total} rows`, "more");
      checkRow(batch, at, dimension, row);
      for (const sum of plan.sumsOfRow(row)) sums[sum]!.add(batch, at);
      groups.forEach((group, index) => {
        if (Number.isNaN(labels[row * objectives + group.objectives[0]!]!)) return;
        const place = held[index]!++;
        heldRows.get(index)?.set(batch.subarray(at, at + dimension), place * dimension);
        for (const objective of group.objectives) {
          const label = labels[row * objectives + objective]!;
          const right = rightSides[objective]!;
          if (isDual(group)) right[place] = label;
          else for (let k = 0; k < dimension; k++) right[k]! += label * batch[at + k]!;
        }
      });
    }
    onProgress?.({ phase: "sum", done: row, total });
  }
  if (row !== total) throw wrongRows(`features of ${total} rows`, `${row}`);
  for (const sum of sums) sum.flush();
  const gram = (index: number): Float64Array => {
    const rows = heldRows.get(index);
    if (rows !== undefined) {
      const count = groups[index]!.rows;
      const packed = new Float64Array(packedRow(count));
      addGram(packed, rows, count, dimension, dimension);
      return packed;
    }
    const [first, ...others] = plan.sumsOfGroup[primal.indexOf(groups[index]!)]!;
    const packed = sums[first!]!.packed.slice();
    for (const other of others) sums[other]!.packed.forEach((x, i) => packed[i]! += x);
    return packed;
  };
  return { gram, heldRows, rightSides };
}

function checkRow(batch: Float32Array, at: number, dimension: number, row: number): void {
  if (at + dimension > batch.length) {
    throw wrongRows(`batches of whole rows of ${dimension} features`, `${batch.length} numbers`);
  }
  for (let k = at; k < at + dimension; k++) {
    if (!Number.isFinite(batch[k]!)) throw notFinite("feature", row, batch[k]!);
  }
}

async function solveGroups(
  sums: RowSums,
  groups: readonly ObjectiveGroup[],
  dimension: number,
  alphas: readonly number[],
  { onProgress, signal }: RidgeOptions,
): Promise<Candidates> {
  const candidates: Candidates = new Map();
  let done = 0;
  for (const [index, group] of groups.entries()) {
    for (const objective of group.objectives) candidates.set(objective, []);
    const gram = sums.gram(index);
    const count = group.rows < dimension ? group.rows : dimension;
    const factor = new Float64Array(gram.length);
    for (const alpha of alphas) {
      signal?.throwIfAborted();
      factor.set(gram);
      for (let i = 0; i < count; i++) factor[packedRow(i) + i]! += alpha;
      const solvable = factorize(factor, count);
      for (const objective of group.objectives) {
        const solution = solvable ? solveFactorized(factor, sums.rightSides[objective]!) : null;
        const rows = sums.heldRows.get(index);
        candidates.get(objective)!.push(
          solution && rows ? combineRows(rows, solution, dimension) : solution,
        );
      }
      onProgress?.({ phase: "solve", done: ++done, total: groups.length * alphas.length });
      await new Promise((resolve) => setTimeout(resolve)); // signals and writes have their turn
    }
  }
  return candidates;
}

/** Xᵀa. */
function combineRows(rows: Float64Array, a: Float64Array, dimension: number): Float64Array {
  const weight = new Float64Array(dimension);
  a.forEach((factor, row) => {
    for (let k = 0; k < dimension; k++) weight[k]! += factor * rows[row * dimension + k]!;
  });
  return weight;
}

/** Mean squared error of every candidate, by objective. */
async function validationLosses(
  dimension: number,
  candidates: Candidates,
  validation: LabelledFeatures,
  alphas: readonly number[],
  { onProgress, signal }: RidgeOptions,
): Promise<Map<number, (number | null)[]>> {
  const objectives = candidates.size;
  const squares = new Map([...candidates.keys()].map((key) => [key, alphas.map(() => 0)]));
  const counts = countLabels(validation.labels, objectives);
  const total = validation.labels.length / objectives;
  let row = 0;
  for await (const batch of validation.batches()) {
    signal?.throwIfAborted();
    for (let at = 0; at < batch.length; at += dimension, row++) {
      if (row >= total) throw wrongRows(`features of ${total} validation rows`, "more");
      checkRow(batch, at, dimension, row);
      for (const [objective, weights] of candidates) {
        const label = validation.labels[row * objectives + objective]!;
        if (Number.isNaN(label)) continue;
        weights.forEach((weight, index) => {
          if (weight === null) return;
          let sum = 0;
          for (let k = 0; k < dimension; k++) sum += weight[k]! * batch[at + k]!;
          squares.get(objective)![index]! += (sum - label) ** 2;
        });
      }
    }
    onProgress?.({ phase: "validate", done: row, total });
  }
  if (row !== total) throw wrongRows(`features of ${total} validation rows`, `${row}`);
  return new Map([...squares].map(([objective, sums]) => [
    objective,
    sums.map((sum, index) =>
      counts[objective] === 0 || candidates.get(objective)![index] === null
        ? null
        : sum / counts[objective]!
    ),
  ]));
}

/** The first of the least losses, or α = 1 where nothing can be compared. */
function choose(
  weights: readonly (Float64Array | null)[],
  losses: readonly (number | null)[],
  alphas: readonly number[],
  validationRows: number,
): { index: number; weight: Float64Array } | undefined {
  let index = validationRows === 0 ? alphas.indexOf(1) : -1;
  losses.forEach((loss, i) => {
    if (loss !== null && (index < 0 || loss < losses[index]!)) index = i;
  });
  const weight = weights[index];
  return weight === undefined || weight === null ? undefined : { index, weight };
}
