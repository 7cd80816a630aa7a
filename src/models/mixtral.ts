import type { Family } from "./family.ts";
import { readRouting } from "./experts.ts";
import { llamaFamily } from "./llama.ts";
import { checkOneWindow } from "./mistral.ts";

/**
 * Mixtral (Jiang et al. 2024, arXiv 2401.04088): Mistral with eight experts in each layer's place of
 * the feed-forward block, of which a token takes two; their weights add up to 1.
 */
export const mixtral: Family = llamaFamily({
  modelType: "mixtral",
  className: "Mixtral",
  completed: (config) => ({
    rms_norm_eps: 1e-5,
    rope_theta: 1e6,
    num_key_value_heads: 8,
    ...config,
  }),
  attentionBiases: () => ({ queryKeyValue: false, output: false }),
  windows: (_, layers, window) => new Array(layers).fill(window),
  checkTypedWindows: checkOneWindow,
  readExperts: (reader, facts) => ({
    ...readRouting(reader, facts, { experts: 8, perRow: 2, named: "num_experts" }),
    names: { block: "block_sparse_moe.", gate: "w1", up: "w3", down: "w2" },
    intermediateSize: reader.count("intermediate_size"),
    normalised: true,
    layers: new Array(facts.layers).fill(true),
  }),
});
