import type { Backend, MatrixUse } from "../../ops/backend.ts";
import type { Matrix } from "../../ops/matrix.ts";
import { rmsNorm } from "../../ops/rms_norm.ts";

/** A norm's weight and what is added to the mean square. */
export interface RmsNorm {
  /** [1, columns] */
  readonly weight: Matrix;
  readonly epsilon: number;
}

/** The root mean square norm of each row, in a matrix of its own. */
export function rmsNormed(
  backend: Backend,
  input: Matrix,
  { weight, epsilon }: RmsNorm,
  use: MatrixUse = "rows",
): Matrix {
  const output = backend.matrix(input.rows, input.columns, use);
  backend.run(rmsNorm, { input, weight, epsilon, padding: weight.padding, output });
  return output;
}

/** Adds the norm of each row to the residual stream; the input is given back. */
export function addRmsNormed(
  backend: Backend,
  input: Matrix,
  { weight, epsilon }: RmsNorm,
  hidden: Matrix,
): void {
  const { padding } = weight;
  backend.run(rmsNorm, { input, weight, epsilon, padding, accumulate: true, output: hidden });
  backend.release(input);
}

/**
 * The norm of each head's numbers by themselves, for queries or keys, [rows, heads · headDim]; the
 * input is given back.
 */
export function headNormed(backend: Backend, input: Matrix, norm: RmsNorm): Matrix {
  const { rows, columns } = input;
  const { columns: headDim } = norm.weight;
  const byHead = input.reshape(rows * columns / headDim, headDim);
  const output = rmsNormed(backend, byHead, norm).reshape(rows, columns);
  backend.release(input);
  return output;
}
