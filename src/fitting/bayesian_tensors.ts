import { noiseKey } from "../heads/bayesian.ts";
import { posteriorName } from "../heads/scalar.ts";
import type { BayesianHead } from "./bayesian_ratings.ts";
import { type HeadTensors, scalarHeadTensors } from "./head_checkpoint.ts";
import { packedRow } from "./matrix_products.ts";

/**
 * The tensors and settings of a Bayesian head: a scalar head of the mean, and beside it the posterior's
 * factor [dimension, dimension], which other programs pass over.
 */
export function bayesianHeadTensors(head: BayesianHead): HeadTensors {
  const { weight, factor, noise } = head;
  const dimension = weight.length;
  const values = new Float64Array(dimension * dimension);
  for (let row = 0; row < dimension; row++) {
    values.set(factor.subarray(packedRow(row), packedRow(row + 1)), row * dimension);
  }
  const scalar = scalarHeadTensors(weight);
  return {
    ...scalar,
    tensors: [...scalar.tensors, { name: posteriorName, shape: [dimension, dimension], values }],
    config: { ...scalar.config, [noiseKey]: noise },
  };
}
