import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import type { ComputedMap } from "../ops/weight_loader.ts";

/** PyTorch's default, which no config of a reward model says otherwise. */
const epsilon = 1e-5;

/**
 * A linear map with the batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167) before it folded in. Scoring
 * norms by the running statistics, so each number x of the input becomes s · x + t, and
 *
 *     s = γ / √(variance + 1e-5)      t = β − s · mean
 *     W · (s · x + t) + b  =  (W · s) · x + (W · t + b)
 *
 * Computed in float64.
 *
 * @param linear Name of the map; it may be without a bias.
 * @param norm Name of the norm before it.
 */
export async function foldBatchNorm(
  checkpoint: Checkpoint,
  linear: string,
  norm: string,
): Promise<ComputedMap> {
  const read = async (name: string): Promise<Float32Array> =>
    toFloat32(await checkpoint.read(name));
  const [rows, columns] = checkpoint.tensors.get(`${linear}.weight`)!.shape as [number, number];
  const stored = await read(`${linear}.weight`);
  const [gain, shift] = [await read(`${norm}.weight`), await read(`${norm}.bias`)];
  const [mean, variance] = [await read(`${norm}.running_mean`), await read(`${norm}.running_var`)];
  const hasBias = checkpoint.tensors.has(`${linear}.bias`);
  const own = hasBias ? await read(`${linear}.bias`) : new Float32Array(rows);
  const s = Float64Array.from(gain, (g, i) => g / Math.sqrt(variance[i]! + epsilon));
  const t = s.map((scale, i) => shift[i]! - scale * mean[i]!);
  const weight = new Float32Array(rows * columns);
  const bias = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = own[row]!;
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      weight[at] = stored[at]! * s[column]!;
      sum += stored[at]! * t[column]!;
    }
    bias[row] = sum;
  }
  return { rows, columns, weight, bias };
}
