import type { Backend } from "../../ops/backend.ts";
import { layerNorm } from "../../ops/layer_norm.ts";
import type { Matrix } from "../../ops/matrix.ts";

/** A layer norm's weight and bias, [1, columns] each, and what is added to the variance. */
export interface LayerNorm {
  readonly weight: Matrix;
  readonly bias: Matrix;
  readonly epsilon: number;
}

/** The layer norm of each row, in a matrix of its own. */
export function layerNormed(
  backend: Backend,
  input: Matrix,
  { weight, bias, epsilon }: LayerNorm,
): Matrix {
  const output = backend.matrix(input.rows, input.columns);
  backend.run(layerNorm, { input, weight, bias, epsilon, output });
  return output;
}
