import type { Family } from "./family.ts";
import { llamaFamily } from "./llama.ts";

/** Mistral (Jiang et al. 2023, arXiv 2310.06825): Llama with one sliding window for all layers. */
export const mistral: Family = llamaFamily({
  modelType: "mistral",
  className: "Mistral",
  windows: (_, layers, window) => new Array(layers).fill(window),
});
