/** The feature's name; no other implementation of WebGPU has it than Dawn. */
export const matrixFeature = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

/** Matrices that a subgroup multiplies: M × K by K × N of f16, with f32 results. */
export interface MatrixUnit {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** A configuration as an adapter lists it. */
interface Configuration {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Rows, columns and values of k that a subgroup takes together in `matmul_subgroup_matrix.wgsl`. */
const together = 32;
/** Lanes of a subgroup that make four subgroups a workgroup of every adapter. */
const sizes: readonly number[] = [16, 32, 64];

/**
 * The matrices that `matmul_subgroup_matrix.wgsl` can use of those that an adapter lists, the largest.
 *
 * @param size Lanes of a subgroup where the adapter has but one size; else 0.
 * @returns `undefined` where none fits.
 */
export function matrixUnitOf(info: GPUAdapterInfo, size: number): MatrixUnit | undefined {
  const { subgroupMatrixConfigs: all = [] } = info as { subgroupMatrixConfigs?: Configuration[] };
  if (!sizes.includes(size)) return undefined;
  const [largest] = [...all].filter(({ componentType, resultComponentType, M, N, K }) =>
    componentType === "f16" && resultComponentType === "f32" &&
    [M, N, K].every((side) => side > 0 && together % side === 0) && M * N % size === 0
  ).toSorted((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  return largest && { m: largest.M, n: largest.N, k: largest.K };
}
