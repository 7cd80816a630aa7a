import type { Backend } from "../../ops/backend.ts";
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

/**
 * Adds (silu(input · gate) * (input · up)) · down to the residual stream (SwiGLU, Shazeer 2020, arXiv
 * 2002.05202); the input is given back.
 */
export function addGatedFeedForward(
  backend: Backend,
  input: Matrix,
  { gate, up, down }: GatedFeedForward,
  hidden: Matrix,
): void {
  const gated = backend.matrix(input.rows, gate.weight.rows, "operand");
  backend.run(gatedMatmul, {
    input,
    gate: gate.weight,
    gateBias: gate.bias,
    up: up.weight,
    upBias: up.bias,
    output: gated,
  });
  backend.release(input);
  addLinear(backend, gated, down, hidden);
  backend.release(gated);
}
