/** Kinds of work that threads share; `parts.ts` has their code. */
export const PRODUCT: u32 = 0;
export const PACK: u32 = 1;
export const ATTENTION: u32 = 2;
export const RMS_NORM: u32 = 3;
export const LAYER_NORM: u32 = 4;
export const ROPE: u32 = 5;
export const ACTIVATE: u32 = 6;
