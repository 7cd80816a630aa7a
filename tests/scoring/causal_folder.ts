import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { type CheckpointFolder, localFolder } from "../../src/checkpoint/folder.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import { goldenFile } from "../fitting/golden.ts";
import { parityFolder } from "../golden/parity.ts";

/** Log-probabilities of transformers: see `tests/golden/fitting/make_log_probabilities.py`. */
export interface GoldenCase {
  readonly model: string;
  /** Seed of the output matrix; `null` where it is the embedding. */
  readonly seed: number | null;
  readonly conversations: readonly { name: string; log_probabilities: number[] }[];
}

/** What the reference gave. */
export const golden = await goldenFile<GoldenCase[]>("log_probabilities.json");

/** The backbone of a parity checkpoint as a causal model. */
export async function causalFolder(
  { model, seed }: Pick<GoldenCase, "model" | "seed">,
): Promise<{ folder: CheckpointFolder } & Disposable> {
  const files = localFolder(parityFolder(model));
  const base = await Checkpoint.open(files);
  const shape = base.tensors.get("model.embed_tokens.weight")!.shape as [number, number];
  const random = seededRandom(seed ?? 0);
  const matrix = Float32Array.from({ length: shape[0] * shape[1] }, () => (2 * random() - 1) / 2);
  const head = {
    name: "lm_head.weight",
    dtype: "F32" as const,
    shape,
    readRows: (start: number, count: number) =>
      Promise.resolve(
        new Uint8Array(matrix.slice(start * shape[1], (start + count) * shape[1]).buffer),
      ),
  };
  const folder = overlayFolder(`${model} with seed ${seed}`, files, base, {
    tensors: seed === null ? [] : [head],
    without: ["score.weight"],
    config: { ...base.config, tie_word_embeddings: seed === null },
  });
  return { folder, [Symbol.dispose]: () => base[Symbol.dispose]() };
}
