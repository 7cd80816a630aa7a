/**
 * What the module exports: one function for each kernel, and those of the team. Numbers lie in the
 * imported memory; addresses are bytes, matrices row major in f32, and every address of a matrix is a
 * multiple of 16. `src/wasm/kernels.ts` has the same functions as TypeScript sees them.
 */
export { activate } from "./activate";
export { attention, attention_scratch } from "./attention";
export { layer_norm } from "./layer_norm";
export { pack_panels } from "./pack_panels";
export { gated_matmul, matmul, product_scratch } from "./product";
export { rms_norm } from "./rms_norm";
export { rope } from "./rope";
export { configure, help, helpers, leave } from "./team";
