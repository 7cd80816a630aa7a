import type { Backend } from "../../ops/backend.ts";
import { matmul } from "../../ops/matmul.ts";
import type { Matrix } from "../../ops/matrix.ts";
import type { Linear } from "../../ops/weight_loader.ts";

/** A linear map's result, [rows, outputs], in a matrix of its own. */
export function linear(backend: Backend, input: Matrix, { weight, bias }: Linear): Matrix {
  const output = backend.matrix(input.rows, weight.rows);
  backend.run(matmul, { input, weight, bias, precision: backend.precision, output });
  return output;
}

/** Adds a linear map's result to the residual stream. */
export function addLinear(
  backend: Backend,
  input: Matrix,
  { weight, bias }: Linear,
  hidden: Matrix,
): void {
  const { precision } = backend;
  backend.run(matmul, { input, weight, bias, accumulate: true, precision, output: hidden });
}
