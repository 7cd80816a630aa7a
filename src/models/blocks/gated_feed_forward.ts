import type { Backend } from "../../ops/backend.ts";
import type { Activation } from "../../ops/activation.ts";
import { gatedMatmul } from "../../ops/gated_matmul.ts";
import type { Matrix } from "../../ops/matrix.ts";

import type { Linear } from "../../ops/weight_loader.ts";
import { addLinear } from "./linear.ts";

/** The three linear maps of a gated feed-forward block. */
export interface GatedFeedForward {
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;
}

/** activation(input · gate) * (input · up), in a matrix of its own; the input is given back. */
export function gatedInner(
  backend: Backend,
  input: Matrix,
  weights: Pick<GatedFeedForward, "gate" | "up">,
  activation: Activation,
): Matrix {
  const inner = gatedInnerOf(backend, input, weights, activation);
  backend.release(input);
  return inner;
}

/** As {@linkcode gatedInner}, of an input that stays. */
export function gatedInnerOf(
  backend: Backend,
  input: Matrix,
  { gate, up }: Pick<GatedFeedForward, "gate" | "up">,
  activation: Activation,
): Matrix {
  const gated = backend.matrix(input.rows, gate.weight.rows, "operand");
  backend.run(gatedMatmul, {
    input,
    gate: gate.weight,
    gateBias: gate.bias,
    up: up.weight,
    upBias: up.bias,
    activation,
    precision: backend.precision,
    output: gated,
  });
  return gated;
}

/**
 * Adds (silu(input · gate) * (input · up)) · down to the residual stream (SwiGLU, Shazeer 2020, arXiv
 * 2002.05202); the input is given back.
 */
export function addGatedFeedForward(
  backend: Backend,
  input: Matrix,
  weights: GatedFeedForward,
  hidden: Matrix,
): void {
  const gated = gatedInner(backend, input, weights, "silu");
  addLinear(backend, gated, weights.down, hidden);
  backend.release(gated);
}
