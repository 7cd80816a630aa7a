/** Numbers to be learnt and the gradient of the loss by each of them. */
export interface Parameter {
  /** The numbers. */
  readonly value: Float64Array;
  /** The gradient, of the same length; learners add to it. */
  readonly gradient: Float64Array;
}

/** A parameter that starts with the given numbers. */
export function parameter(value: Float64Array): Parameter {
  return { value, gradient: new Float64Array(value.length) };
}

/** Settings of {@link AdamW}, with PyTorch's names and defaults but for the weight decay, which is 0. */
export interface AdamWOptions {
  /** Decay of the two moments, β₁ and β₂. */
  readonly betas?: readonly [number, number] | undefined;
  /** ε, which keeps the denominator from 0. */
  readonly epsilon?: number | undefined;
  /** Decay of the numbers themselves, decoupled from the gradient. */
  readonly weightDecay?: number | undefined;
}

/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101), as PyTorch computes it:
 *
 *     θ ← θ (1 − rate · decay)
 *     m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²
 *     θ ← θ − rate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 */
export class AdamW {
  readonly #parameters: readonly Parameter[];
  readonly #moments: readonly { readonly first: Float64Array; readonly second: Float64Array }[];
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  readonly #weightDecay: number;
  #steps = 0;

  /**
   * An optimiser with its moments at 0.
   *
   * @param parameters What is learnt.
   * @param options Settings.
   */
  constructor(parameters: readonly Parameter[], options: AdamWOptions = {}) {
    this.#parameters = parameters;
    this.#moments = parameters.map(({ value }) => ({
      first: new Float64Array(value.length),
      second: new Float64Array(value.length),
    }));
    this.#betas = options.betas ?? [0.9, 0.999];
    this.#epsilon = options.epsilon ?? 1e-8;
    this.#weightDecay = options.weightDecay ?? 0;
  }

  /** Sets all gradients to 0. */
  clear(): void {
    for (const { gradient } of this.#parameters) gradient.fill(0);
  }

  /** Goes one step against the gradients. */
  step(rate: number): void {
    this.#steps++;
    const [beta1, beta2] = this.#betas;
    const [epsilon, weightDecay] = [this.#epsilon, this.#weightDecay];
    const size = rate / (1 - beta1 ** this.#steps);
    const correction = Math.sqrt(1 - beta2 ** this.#steps);
    this.#parameters.forEach(({ value, gradient }, index) => {
      const { first, second } = this.#moments[index]!;
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!;
        first[i] = beta1 * first[i]! + (1 - beta1) * g;
        second[i] = beta2 * second[i]! + (1 - beta2) * g * g;
        const denominator = Math.sqrt(second[i]!) / correction + epsilon;
        value[i] = value[i]! * (1 - rate * weightDecay) - size * first[i]! / denominator;
      }
    });
  }
}

/**
 * Learning rate of a cosine schedule, from `rate` at step 0 down to 0 at step `steps` (PyTorch's
 * `CosineAnnealingLR` with `T_max = steps`).
 */
export function cosineRate(rate: number, step: number, steps: number): number {
  return rate * (1 + Math.cos(Math.PI * step / steps)) / 2;
}
