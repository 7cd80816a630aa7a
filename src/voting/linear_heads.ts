import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { SafetensorsReader } from "../checkpoint/safetensors_reader.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";

/**
 * The heads of a linear-layer ensemble (Zhang et al., arXiv 2401.16635): k voters that share one
 * backbone, R_i = w_i · h + b_i with the hidden state h at the pooled position.
 */
export interface LinearHeads {
  /** Name of each voter. */
  readonly names: readonly string[];
  /** Size of the hidden state. */
  readonly hidden: number;
  /** Weights, [k, hidden] row major. */
  readonly weight: Float32Array<ArrayBuffer>;
  /** Biases, [k]; all 0 where the file has none. */
  readonly bias: Float32Array<ArrayBuffer>;
}

/**
 * Reads voters' heads from a safetensors file with `voters.weight` [k, hidden] and, if they have
 * biases, `voters.bias` [k], in F32, F16 or BF16.
 *
 * @param folder The folder in which the file lies, as a rule the backbone's.
 * @param file Name of the file.
 * @param hidden Size of the backbone's hidden state, where it is known.
 * @returns The heads, named after the file: `voters[0]`, `voters[1]`, …
 * @throws {AssayError} `voting/bad-heads` where there is no such file, a tensor is missing or has the
 * wrong shape, or a weight is NaN or infinite.
 */
export async function readLinearHeads(
  folder: CheckpointFolder,
  file = "voters.safetensors",
  hidden?: number,
): Promise<LinearHeads> {
  const where = `${folder.name}/${file}`;
  const source = await folder.open(file);
  if (source === undefined) refuse(where, "a safetensors file", "no such file");
  using weights = await SafetensorsReader.open(source, file);
  const matrix = weights.tensors.get("voters.weight");
  const [voters = 0, columns = 0] = matrix?.shape ?? [];
  const fits = matrix?.shape.length === 2 && voters > 0 && columns === (hidden ?? columns);
  if (!fits) {
    refuse(
      where,
      `tensor voters.weight [voters, ${hidden ?? "hidden"}]`,
      matrix === undefined ? `only ${firstNames(weights.tensors)}` : `[${matrix.shape}]`,
    );
  }
  const bias = weights.tensors.get("voters.bias");
  if (bias !== undefined && String(bias.shape) !== String(voters)) {
    refuse(where, `voters.bias [${voters}]`, `[${bias.shape}]`);
  }
  const stem = file.replace(/^.*\//, "").replace(/\.safetensors$/, "");
  const heads: LinearHeads = {
    names: Array.from({ length: voters }, (_, voter) => `${stem}[${voter}]`),
    hidden: columns,
    weight: toFloat32(await weights.read("voters.weight")),
    bias: bias === undefined
      ? new Float32Array(voters)
      : toFloat32(await weights.read("voters.bias")),
  };
  for (const values of [heads.weight, heads.bias]) {
    const broken = values.find((value) => !Number.isFinite(value));
    if (broken !== undefined) refuse(where, "finite weights", String(broken));
  }
  return heads;
}

/**
 * The voters' scores of one response from its hidden state, summed in 64 bits: next to nothing beside
 * the backbone that made the state.
 *
 * @param heads The heads.
 * @param state Hidden state at the pooled position, after the final norm; `heads.hidden` numbers.
 * @returns One score per voter.
 */
export function applyLinearHeads(heads: LinearHeads, state: ArrayLike<number>): number[] {
  return heads.names.map((_, voter) => {
    let sum = heads.bias[voter]!;
    const offset = voter * heads.hidden;
    for (let i = 0; i < heads.hidden; i++) sum += heads.weight[offset + i]! * state[i]!;
    return sum;
  });
}

/** The first names of a file's tensors: a whole model has hundreds. */
function firstNames(tensors: ReadonlyMap<string, unknown>): string {
  const names = [...tensors.keys()];
  return `${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`;
}

function refuse(where: string, expected: string, found: string): never {
  throw new AssayError(
    "voting/bad-heads",
    `Cannot read voters' heads from ${where}: expected ${expected}, found ${found}`,
  );
}
