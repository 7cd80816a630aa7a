import type { WeightType } from "./weight.ts";

/** The types of weights as the kernels of `wasm/` know them. */
export const wasmTypes: Readonly<Record<WeightType, number>> = {
  F32: 0,
  F16: 1,
  BF16: 2,
  I8x32: 3,
  I8x128: 4,
  I4x32: 5,
  I4x128: 6,
};
