/**
 * What the module exports: one function for each kernel, and those of the team. Numbers lie in the
 * imported memory; addresses are bytes, matrices row major in f32, and every address of a matrix is a
 * multiple of 16. `src/wasm/kernels.ts` has the same functions as TypeScript sees them.
 */
export { activate } from "./activate";
export { apply_gate } from "./apply_gate";
export { attention, attention_scratch } from "./attention";
export { causal_convolution, convolution_scratch } from "./causal_convolution";
export { disentangled_attention, disentangled_scratch } from "./disentangled_attention";
export { delta_rule_scratch, gated_delta_rule } from "./gated_delta_rule";
export { layer_norm } from "./layer_norm";
export { log_softmax_slice } from "./log_softmax_slice";
export { mean_rows } from "./mean_rows";
export { pack_panels } from "./pack_panels";
export { gated_matmul, matmul, product_scratch } from "./product";
export { pack_quantized } from "./quantized_panels";
export { rms_norm } from "./rms_norm";
export { rope } from "./rope";
export { scatter_rows } from "./scatter_rows";
export { softmax_gate } from "./softmax_gate";
export { configure, help, helpers, leave } from "./team";
