/**
 * The weighted linear regression inside a LOWESS window, at one x, with tricube distance weights
 * times robustness weights.
 *
 * Two implementations of one formula: {@linkcode DirectRegression} visits every row of the window,
 * {@linkcode GroupedRegression} every distinct x of it.
 */
export interface LocalRegression {
  /** Reads the robustness weights again, before a pass. */
  prepare(): void;
  /**
   * The fit at `at` over the rows `[left, right)`.
   *
   * With w_j = (1 − (|x_j − at| / radius)³)³ · ρ_j, normalised to sum 1, x̄ = Σ w x and
   * S = max(Σ w (x − x̄)², 1e-12): Σ w_j [1 + (at − x̄)(x_j − x̄)/S] y_j.
   *
   * @returns NaN where fewer than two rows have a weight above 1e-12 (so also at radius 0).
   */
  fitAt(at: number, left: number, right: number, radius: number): number;
}

/** Weights at or below this count as zero when statsmodels looks for two usable rows. */
const negligibleWeight = 1e-12;
const smallestVariance = 1e-12;

function tricube(distance: number): number {
  const rest = 1 - distance * distance * distance;
  return rest * rest * rest;
}

/** Visits every row, in the order in which statsmodels and NumPy add, so that bits agree. */
export class DirectRegression implements LocalRegression {
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  readonly #robustness: Float64Array;
  readonly #weights: Float64Array;

  /**
   * @param x Feature values, ascending.
   * @param y Scores of the same rows.
   * @param robustness Robustness weights of the same rows, read at every fit.
   */
  constructor(x: Float64Array, y: Float64Array, robustness: Float64Array) {
    this.#x = x;
    this.#y = y;
    this.#robustness = robustness;
    this.#weights = new Float64Array(x.length);
  }

  /** Nothing to prepare: the robustness weights are read in place. */
  prepare(): void {}

  /** See {@linkcode LocalRegression.fitAt}. */
  fitAt(at: number, left: number, right: number, radius: number): number {
    const x = this.#x;
    const y = this.#y;
    const weights = this.#weights;
    let usable = 0;
    for (let j = left; j < right; j++) {
      const weight = tricube(Math.abs(x[j]! - at) / radius) * this.#robustness[j]!;
      weights[j] = weight;
      if (weight > negligibleWeight) usable++;
    }
    if (usable < 2) return NaN;
    const total = pairwiseSum(weights, left, right - left);
    let mean = 0;
    for (let j = left; j < right; j++) {
      const weight = weights[j]! / total;
      weights[j] = weight;
      mean += weight * x[j]!;
    }
    let variance = 0;
    for (let j = left; j < right; j++) {
      const offset = x[j]! - mean;
      variance += weights[j]! * (offset * offset);
    }
    variance = Math.max(variance, smallestVariance);
    let fit = 0;
    for (let j = left; j < right; j++) {
      fit += weights[j]! * (1 + (at - mean) * (x[j]! - mean) / variance) * y[j]!;
    }
    return fit;
  }
}

/**
 * NumPy's pairwise summation of `values[start, start + count)`: eight running sums in blocks of up
 * to 128, halves above. Copied in order because the order decides the last bits.
 */
export function pairwiseSum(values: Float64Array, start: number, count: number): number {
  if (count < 8) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[start + i]!;
    return sum;
  }
  if (count > 128) {
    const half = (count >> 1) - ((count >> 1) % 8);
    return pairwiseSum(values, start, half) + pairwiseSum(values, start + half, count - half);
  }
  const sums = values.slice(start, start + 8);
  let i = 8;
  for (; i < count - (count % 8); i += 8) {
    for (let lane = 0; lane < 8; lane++) sums[lane]! += values[start + i + lane]!;
  }
  let sum = ((sums[0]! + sums[1]!) + (sums[2]! + sums[3]!)) +
    ((sums[4]! + sums[5]!) + (sums[6]! + sums[7]!));
  for (; i < count; i++) sum += values[start + i]!;
  return sum;
}

/**
 * Visits every distinct x once: rows of equal x share their distance weight, so a group enters with
 * Σ ρ and Σ ρ·y. A window's two ends may cut through a group of equal x; running sums from the front
 * and from the back of each group give the part inside without any subtraction, so nothing is lost
 * to cancellation.
 */
export class GroupedRegression implements LocalRegression {
  readonly #y: Float64Array;
  readonly #robustness: Float64Array;
  /** Group of each row, and the first row of each group (one more at the end). */
  readonly #groupOfRow: Uint32Array;
  readonly #firstRow: Uint32Array;
  readonly #groupX: Float64Array;
  /** Σ ρ and Σ ρ·y of each whole group, and the largest ρ in it. */
  readonly #groupWeight: Float64Array;
  readonly #groupScore: Float64Array;
  readonly #groupLargest: Float64Array;
  /** Running sums within a group, from its front up to a row and from a row to its back. */
  readonly #frontWeight: Float64Array;
  readonly #frontScore: Float64Array;
  readonly #backWeight: Float64Array;
  readonly #backScore: Float64Array;
  /** Per group of the current window: distance weight, then weight and weighted score. */
  readonly #distance: Float64Array;
  readonly #weight: Float64Array;
  readonly #score: Float64Array;

  /**
   * @param x Feature values, ascending.
   * @param y Scores of the same rows.
   * @param robustness Robustness weights of the same rows, read by `prepare`.
   */
  constructor(x: Float64Array, y: Float64Array, robustness: Float64Array) {
    const rows = x.length;
    this.#y = y;
    this.#robustness = robustness;
    this.#groupOfRow = new Uint32Array(rows);
    const firstRow: number[] = [];
    for (let row = 0; row < rows; row++) {
      if (row === 0 || x[row] !== x[row - 1]) firstRow.push(row);
      this.#groupOfRow[row] = firstRow.length - 1;
    }
    const groups = firstRow.length;
    this.#groupX = Float64Array.from(firstRow, (row) => x[row]!);
    this.#firstRow = Uint32Array.from([...firstRow, rows]);
    this.#groupWeight = new Float64Array(groups);
    this.#groupScore = new Float64Array(groups);
    this.#groupLargest = new Float64Array(groups);
    this.#frontWeight = new Float64Array(rows);
    this.#frontScore = new Float64Array(rows);
    this.#backWeight = new Float64Array(rows);
    this.#backScore = new Float64Array(rows);
    this.#distance = new Float64Array(groups);
    this.#weight = new Float64Array(groups);
    this.#score = new Float64Array(groups);
  }

  /** Sums the robustness weights and the weighted scores of every group. */
  prepare(): void {
    const y = this.#y;
    const robustness = this.#robustness;
    for (let group = 0; group < this.#groupX.length; group++) {
      const first = this.#firstRow[group]!;
      const end = this.#firstRow[group + 1]!;
      let weight = 0;
      let score = 0;
      let largest = 0;
      for (let row = first; row < end; row++) {
        weight += robustness[row]!;
        score += robustness[row]! * y[row]!;
        largest = Math.max(largest, robustness[row]!);
        this.#frontWeight[row] = weight;
        this.#frontScore[row] = score;
      }
      this.#groupWeight[group] = weight;
      this.#groupScore[group] = score;
      this.#groupLargest[group] = largest;
      weight = 0;
      score = 0;
      for (let row = end - 1; row >= first; row--) {
        weight += robustness[row]!;
        score += robustness[row]! * y[row]!;
        this.#backWeight[row] = weight;
        this.#backScore[row] = score;
      }
    }
  }

  /** See {@linkcode LocalRegression.fitAt}. */
  fitAt(at: number, left: number, right: number, radius: number): number {
    if (radius === 0) return NaN;
    const firstGroup = this.#groupOfRow[left]!;
    const lastGroup = this.#groupOfRow[right - 1]!;
    const groupX = this.#groupX;
    const distance = this.#distance;
    const weight = this.#weight;
    const score = this.#score;
    for (let group = firstGroup; group <= lastGroup; group++) {
      const closeness = tricube(Math.abs(groupX[group]! - at) / radius);
      distance[group] = closeness;
      weight[group] = closeness * this.#groupWeight[group]!;
      score[group] = closeness * this.#groupScore[group]!;
    }
    // radius > 0 means at least two groups, so the two ends never cut the same one.
    weight[firstGroup] = distance[firstGroup]! * this.#backWeight[left]!;
    score[firstGroup] = distance[firstGroup]! * this.#backScore[left]!;
    weight[lastGroup] = distance[lastGroup]! * this.#frontWeight[right - 1]!;
    score[lastGroup] = distance[lastGroup]! * this.#frontScore[right - 1]!;
    if (!this.#twoRowsUsable(left, right)) return NaN;
    return this.#solve(at, firstGroup, lastGroup);
  }

  /** Whether two rows of the window weigh more than nothing; almost always the first two seen. */
  #twoRowsUsable(left: number, right: number): boolean {
    let usable = 0;
    for (let row = left; row < right;) {
      const group = this.#groupOfRow[row]!;
      const end = Math.min(this.#firstRow[group + 1]!, right);
      if (this.#distance[group]! * this.#groupLargest[group]! > negligibleWeight) {
        for (; row < end; row++) {
          if (
            this.#distance[group]! * this.#robustness[row]! > negligibleWeight && ++usable === 2
          ) {
            return true;
          }
        }
      }
      row = end;
    }
    return false;
  }

  #solve(at: number, firstGroup: number, lastGroup: number): number {
    const groupX = this.#groupX;
    const weight = this.#weight;
    const score = this.#score;
    let total = 0;
    let mean = 0;
    for (let group = firstGroup; group <= lastGroup; group++) {
      total += weight[group]!;
      mean += weight[group]! * groupX[group]!;
    }
    mean /= total;
    let variance = 0;
    for (let group = firstGroup; group <= lastGroup; group++) {
      const offset = groupX[group]! - mean;
      variance += weight[group]! * offset * offset;
    }
    const slope = (at - mean) / Math.max(variance / total, smallestVariance);
    let fit = 0;
    for (let group = firstGroup; group <= lastGroup; group++) {
      fit += score[group]! * (1 + slope * (groupX[group]! - mean));
    }
    return fit / total;
  }
}
