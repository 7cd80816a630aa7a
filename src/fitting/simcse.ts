import { multiplyTransposed, transposed } from "./matrix_products.ts";
import { unitRows, unitRowsGradient } from "./unit_rows.ts";

/** A contrastive loss of two views of the same items, with its gradient by both. */
export interface ContrastiveLoss {
  /** Mean over the items, in nats. */
  readonly loss: number;
  /** Gradient by the first view, [items, width]. */
  readonly first: Float64Array;
  /** Gradient by the second view, [items, width]. */
  readonly second: Float64Array;
}

/**
 * SimCSE (arXiv 2104.08821, as in arXiv 2401.06080, section 3.1): each item's first view is to be more
 * like its own second view than like any other's,
 *
 *     ℓ_i = −log( e^{cos(s_i, t_i)/τ} / Σ_j e^{cos(s_i, t_j)/τ} )
 *
 * averaged over the items. The cosine with a vector of zeros is 0.
 *
 * @param s First view, [items, width].
 * @param t Second view, [items, width].
 * @param width Numbers in a row.
 * @param temperature τ.
 */
export function simcse(
  s: Float64Array,
  t: Float64Array,
  width: number,
  temperature: number,
): ContrastiveLoss {
  const items = s.length / width;
  const first = unitRows(s, width);
  const second = unitRows(t, width);
  const cosines = multiplyTransposed(first.unit, second.unit, width);
  const slopes = new Float64Array(items * items);
  let loss = 0;
  for (let i = 0; i < items; i++) {
    const row = cosines.subarray(i * items, (i + 1) * items).map((cosine) => cosine / temperature);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, x) => total + Math.exp(x - most), 0);
    loss += (most + Math.log(sum) - row[i]!) / items;
    row.forEach((x, j) => {
      const probability = Math.exp(x - most) / sum;
      slopes[i * items + j] = (probability - (i === j ? 1 : 0)) / (items * temperature);
    });
  }
  const byFirst = multiplyTransposed(slopes, transposed(second.unit, width), items);
  const bySecond = multiplyTransposed(
    transposed(slopes, items),
    transposed(first.unit, width),
    items,
  );
  return {
    loss,
    first: unitRowsGradient(first, byFirst),
    second: unitRowsGradient(second, bySecond),
  };
}
