import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { type LazyTensor, overlayFolder } from "./overlay_folder.ts";
import { averageRows, checkWeights } from "./weight_average.ts";

/** A checkpoint, and the files that it was opened from. */
export interface SoupMember {
  /** Its files. */
  readonly folder: CheckpointFolder;
  /** The same, opened. */
  readonly checkpoint: Checkpoint;
}

/**
 * A checkpoint folder whose weights are the average of its members', made as they are read: what
 * `averageWeights` would write, bit for bit, and nothing is written.
 *
 * @param members Members that `checkSoupMembers` lets pass; they must stay open as long as the folder is
 *   read. Its other files are the first one's.
 * @param weights λ of each, at least 0, together 1.
 * @throws {AssayError} `voting/bad-weights`; while it is read `voting/not-finite`,
 *   `voting/cannot-average`.
 */
export function averagedFolder(
  members: readonly SoupMember[],
  weights: readonly number[],
): CheckpointFolder {
  checkWeights(weights, members.length);
  const checkpoints = members.map(({ checkpoint }) => checkpoint);
  const [first] = members as readonly [SoupMember];
  const tensors = [...first.checkpoint.tensors.values()].map((info): LazyTensor => ({
    name: info.name,
    dtype: info.dtype,
    shape: info.shape,
    readRows: (start, count) => averageRows(checkpoints, weights, info, { start, count }),
  }));
  const name = `soup of ${
    members.map(({ folder }, i) => `${weights[i]} ${folder.name}`).join(", ")
  }`;
  return overlayFolder(name, first.folder, first.checkpoint, { tensors });
}
