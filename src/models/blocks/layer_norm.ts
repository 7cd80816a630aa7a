import type { Backend } from "../../ops/backend.ts";
import { layerNorm } from "../../ops/layer_norm.ts";
import type { Matrix } from "../../ops/matrix.ts";
import type { WeightLoader } from "../../ops/weight_loader.ts";
import type { PackStream } from "./pack_stream.ts";

/** A layer norm's weight and bias, [1, columns] each, if it has one, and what is added to the variance. */
export interface LayerNorm {
  readonly weight: Matrix;
  readonly bias: Matrix | undefined;
  readonly epsilon: number;
}

/** Loads `name`.weight, with `name`.bias where there is one. */
export async function loadLayerNorm(
  loader: WeightLoader,
  name: string,
  { biased, epsilon }: { readonly biased: boolean; readonly epsilon: number },
): Promise<LayerNorm> {
  const weight = await loader.vector(`${name}.weight`);
  const bias = biased ? await loader.vector(`${name}.bias`) : undefined;
  return { weight, bias, epsilon };
}

/** The layer norm of each row, in a matrix of its own. */
export function layerNormed(
  backend: Backend,
  input: Matrix,
  { weight, bias, epsilon }: LayerNorm,
): Matrix {
  const output = backend.matrix(input.rows, input.columns);
  backend.run(layerNorm, { input, weight, bias, epsilon, padding: weight.padding, output });
  return output;
}

/** Norms the residual stream itself, where norms come after a block. */
export function normStream(stream: PackStream, norm: LayerNorm): void {
  const normed = layerNormed(stream.backend, stream.hidden, norm);
  stream.backend.release(stream.hidden);
  stream.hidden = normed;
}
