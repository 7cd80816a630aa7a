import { seededRandom } from "../numbers/seeded_random.ts";
import { type Parameter, parameter } from "./adamw.ts";
import { bradleyTerry } from "./bradley_terry.ts";
import { addWeightedRows, type HeadLearner, linearScores } from "./linear_head.ts";
import { multiplyTransposed, transposed } from "./matrix_products.ts";
import type { PairBatch } from "./preference_pairs.ts";
import { type ContrastiveLoss, simcse } from "./simcse.ts";
import { swav } from "./swav.ts";

/** Settings of {@link contrastiveHead}. */
export interface ContrastiveOptions {
  /** The contrastive loss. */
  readonly kind: "simcse" | "swav";
  /** Items: the responses of the batch, or the differences of each pair, both ways round. */
  readonly items: "pairs" | "difference";
  /** β, the contrastive term's weight in the loss. */
  readonly weight: number;
  /** τ; 0.05 for SimCSE, 0.1 for SwAV by default. */
  readonly temperature?: number | undefined;
  /** Prototypes of SwAV; 20 by default. */
  readonly prototypes?: number | undefined;
  /** Share of the features that a view lacks; 0.05 by default. */
  readonly dropout?: number | undefined;
  /** Seed of the dropout, and of the start where none is given. */
  readonly seed: number;
  /** Numbers to start from; by default the identity as projection, 0 as head, random prototypes. */
  readonly start?: {
    /** [width, dimension] */
    readonly projection: Float64Array;
    /** [width] */
    readonly head: Float64Array;
    /** [prototypes, width] */
    readonly prototypes?: Float64Array | undefined;
  };
}

/**
 * The paper's settings (arXiv 2401.06080, section 3.3), temperatures excepted, which it does not tell.
 */
export const contrastiveRecipes: Readonly<
  Record<string, Pick<ContrastiveOptions, "kind" | "items" | "weight" | "prototypes">>
> = {
  simcse: { kind: "simcse", items: "pairs", weight: 1 },
  "simcse-difference": { kind: "simcse", items: "difference", weight: 1 },
  swav: { kind: "swav", items: "pairs", weight: 0.1, prototypes: 50 },
  "swav-difference": { kind: "swav", items: "difference", weight: 0.5, prototypes: 20 },
};

/**
 * Learns a linear head with a contrastive term (arXiv 2401.06080, section 3.1): L = L_rm + β L_cl.
 *
 * The paper moves the whole model. On a frozen backbone the representation is a learnt projection
 * z = P h of its features, score = w · z; L_cl holds two dropout views of every item together, L_rm is
 * the mean over the features as they are and both views. What comes out is linear in h again,
 * weight = Pᵀ w.
 *
 * @param dimension Features of an example.
 */
export function contrastiveHead(dimension: number, options: ContrastiveOptions): HeadLearner {
  const random = seededRandom(options.seed);
  const count = options.kind === "swav" ? options.prototypes ?? 20 : 0;
  const head = parameter(options.start?.head.slice() ?? new Float64Array(dimension));
  const projection = parameter(options.start?.projection.slice() ?? identity(dimension));
  const width = head.value.length;
  const start = options.start?.prototypes?.slice() ??
    Float64Array.from({ length: count * width }, () => 2 * random() - 1);
  const prototypes = parameter(start);
  const parameters = [head, projection, ...(count > 0 ? [prototypes] : [])];
  const dropped = (rows: Float64Array): Float64Array => {
    const rate = options.dropout ?? 0.05;
    return rows.map((x) => random() >= rate ? x / (1 - rate) : 0);
  };
  return {
    parameters,
    accumulate(batch): number {
      const inputs = both(batch);
      const views = [inputs, dropped(inputs), dropped(inputs)];
      const states = views.map((view) => multiplyTransposed(view, projection.value, dimension));
      const gradients = states.map((state) => new Float64Array(state.length));
      let loss = 0;
      states.forEach((state, i) => loss += addPreference(state, gradients[i]!, batch, head) / 3);
      const term = contrast(itemsOf(states[1]!, options), itemsOf(states[2]!, options));
      loss += options.weight * term.loss;
      addItems(gradients[1]!, term.first, options);
      addItems(gradients[2]!, term.second, options);
      gradients.forEach((gradient, i) => addOuter(projection, gradient, views[i]!));
      return loss;
    },
    weight: () => multiplyTransposed(head.value, transposed(projection.value, dimension), width),
  };

  function contrast(s: Float64Array, t: Float64Array): ContrastiveLoss {
    if (options.kind === "simcse") return simcse(s, t, width, options.temperature ?? 0.05);
    const of = swav(s, t, prototypes.value, width, { temperature: options.temperature ?? 0.1 });
    of.prototypes.forEach((slope, i) => prototypes.gradient[i]! += options.weight * slope);
    return of;
  }

  /** d(loss)/dP += gradientᵀ · view. */
  function addOuter(to: Parameter, gradient: Float64Array, view: Float64Array): void {
    const rows = view.length / dimension;
    multiplyTransposed(transposed(gradient, width), transposed(view, dimension), rows, to.gradient);
  }
}

function identity(size: number): Float64Array {
  return Float64Array.from(
    { length: size * size },
    (_, i) => i % size === Math.floor(i / size) ? 1 : 0,
  );
}

/** The chosen responses' rows, then the rejected ones'. */
function both({ chosen, rejected }: PairBatch): Float64Array {
  const rows = new Float64Array(2 * chosen.length);
  rows.set(chosen);
  rows.set(rejected, chosen.length);
  return rows;
}

/** A third of the Bradley–Terry loss's gradients by states and head; returns the whole loss. */
function addPreference(
  state: Float64Array,
  gradient: Float64Array,
  batch: PairBatch,
  head: Parameter,
): number {
  const scores = linearScores(state, head.value);
  const { count } = batch;
  const deltas = scores.slice(0, count).map((score, pair) => score - scores[count + pair]!);
  const { loss, slopes } = bradleyTerry(deltas, batch);
  const byScore = scores.map((_, row) => (row < count ? slopes[row]! : -slopes[row - count]!) / 3);
  addWeightedRows(head.gradient, state, byScore);
  const width = head.value.length;
  gradient.forEach((_, i) =>
    gradient[i]! += byScore[Math.floor(i / width)]! * head.value[i % width]!
  );
  return loss;
}

/** What the contrastive term compares: all rows, or chosen − rejected and rejected − chosen. */
function itemsOf(state: Float64Array, { items }: ContrastiveOptions): Float64Array {
  if (items === "pairs") return state;
  const half = state.length / 2;
  return state.map((x, i) => x - state[i < half ? i + half : i - half]!);
}

function addItems(
  gradient: Float64Array,
  byItems: Float64Array,
  { items, weight }: ContrastiveOptions,
): void {
  const half = gradient.length / 2;
  gradient.forEach((_, i) => {
    const other = items === "pairs" ? 0 : byItems[i < half ? i + half : i - half]!;
    gradient[i]! += weight * (byItems[i]! - other);
  });
}
