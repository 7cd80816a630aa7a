/** Kinds of work that threads share; `parts.ts` has their code. */
export const PRODUCT: u32 = 0;
export const PACK: u32 = 1;
export const ATTENTION: u32 = 2;
export const RMS_NORM: u32 = 3;
export const LAYER_NORM: u32 = 4;
export const ROPE: u32 = 5;
export const ACTIVATE: u32 = 6;
export const APPLY_GATE: u32 = 7;
export const CAUSAL_CONVOLUTION: u32 = 8;
export const GATED_DELTA_RULE: u32 = 9;
export const DISENTANGLED_ATTENTION: u32 = 10;
export const SCATTER_ROWS: u32 = 11;
export const MEAN_ROWS: u32 = 12;
export const LOG_SOFTMAX_SLICE: u32 = 13;
export const SOFTMAX_GATE: u32 = 14;
export const PACK_QUANTIZED: u32 = 15;
