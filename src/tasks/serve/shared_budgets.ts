import { Checkpoint } from "../../checkpoint/checkpoint.ts";

/**
 * One memory budget for several models: each gets the share that its weights are of all, in bytes.
 *
 * @param models Folders or URLs of the checkpoints.
 * @param budget Bytes in all; none by default, and then none for each.
 * @throws {AssayError} What opening a checkpoint throws.
 */
export async function sharedBudgets(
  models: readonly string[],
  budget: number | undefined,
): Promise<readonly (number | undefined)[]> {
  if (budget === undefined || models.length === 1) return models.map(() => budget);
  const bytes: number[] = [];
  for (const model of models) {
    using checkpoint = await Checkpoint.open(model);
    const sizes = [...checkpoint.tensors.values()].map(({ byteLength }) => byteLength);
    bytes.push(sizes.reduce((a, b) => a + b, 0));
  }
  const all = bytes.reduce((a, b) => a + b, 0);
  return bytes.map((own) => Math.floor(budget * own / all));
}
