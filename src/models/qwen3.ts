import type { Family } from "./family.ts";
import { llamaFamily } from "./llama.ts";
import { checkUsesWindows, windowsOfUpperLayers } from "./qwen2.ts";

/**
 * Qwen3 (Yang et al. 2025, arXiv 2505.09388): Llama with queries and keys normed by head, and heads of
 * 128 numbers whatever the hidden size.
 */
export const qwen3: Family = llamaFamily({
  modelType: "qwen3",
  className: "Qwen3",
  headDim: 128,
  queryKeyNorms: true,
  windows: windowsOfUpperLayers,
  checkTypedWindows: checkUsesWindows,
});
