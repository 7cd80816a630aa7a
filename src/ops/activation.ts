/** What numbers of a feed-forward block or a head go through, one by one; see `activation.wgsl`. */
export type Activation =
  | "silu"
  | "gelu_tanh"
  | "gelu"
  | "relu"
  | "tanh"
  | "selu"
  | "sigmoid"
  | "leaky_relu";

/** The activations in float64, for the twins. */
const formulas: Readonly<Record<Activation, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu_tanh: (x) => x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  gelu: (x) => x / 2 * (1 + errorFunction(x / Math.SQRT2)),
  relu: (x) => x < 0 ? 0 : x,
  tanh: Math.tanh,
  // Klambauer et al. 2017, arXiv 1706.02515, with the constants of its appendix.
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  leaky_relu: (x) => x < 0 ? 0.01 * x : x,
};

const names = Object.keys(formulas) as readonly Activation[];

/** Activations by the names that transformers gives them in `config.json`. */
export const namedActivations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
};

/** A number after an activation. */
export function activated(activation: Activation, x: number): number {
  return formulas[activation](x);
}

/** Constants of the shaders that include `activation.wgsl`. */
export function activationConstants(activation: Activation): { readonly ACTIVATION: number } {
  return { ACTIVATION: names.indexOf(activation) };
}

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!, all terms of one sign. */
function errorFunction(x: number): number {
  if (!(Math.abs(x) < 6)) return Number.isNaN(x) ? x : Math.sign(x); // 1 − erf(6) is 2e-17
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}
