import { activate } from "../../ops/activate.ts";
import type { Activation } from "../../ops/activation.ts";
import type { Backend } from "../../ops/backend.ts";
import type { Matrix } from "../../ops/matrix.ts";
import type { Linear } from "../../ops/weight_loader.ts";
import { addLinear, linear } from "./linear.ts";

/** The two linear maps of a feed-forward block without a gate. */
export interface FeedForward {
  readonly in: Linear;
  readonly out: Linear;
}

/** Adds activation(input · in) · out to rows of the residual stream, which may be the input itself. */
export function addFeedForward(
  backend: Backend,
  input: Matrix,
  maps: FeedForward,
  activation: Activation,
  hidden: Matrix,
): void {
  const inner = linear(backend, input, maps.in);
  const active = backend.matrix(inner.rows, inner.columns, "operand");
  backend.run(activate, { input: inner, activation, output: active });
  addLinear(backend, active, maps.out, hidden);
  backend.release(inner, active);
}
