import type { ConfigReader } from "../checkpoint/config_reader.ts";
import {
  type ExpertFacts,
  type ExpertNames,
  type ExpertSettings,
  readRouting,
  type RoutingDefaults,
  sparseLayers,
} from "./experts.ts";
import type { Family, ModelFacts } from "./family.ts";
import { llamaFamily } from "./llama.ts";
import { checkUsesWindows } from "./qwen2.ts";
import { unsupported } from "./unsupported.ts";

/**
 * Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024, arXiv 2407.10671): Qwen2 with experts in some or all
 * layers, and one that every token takes, as much as the sigmoid of a gate says.
 */
export const qwen2Moe: Family = llamaFamily({
  modelType: "qwen2_moe",
  className: "Qwen2Moe",
  completed: (config) => ({ num_key_value_heads: 16, ...config, ...unusedWindow(config) }),
  attentionBiases: (reader) => ({ queryKeyValue: reader.flag("qkv_bias", true), output: false }),
  windows: windowsByVersion,
  checkTypedWindows: checkUsesWindows,
  readExperts: (reader, facts) => ({
    ...readQwenExperts(reader, facts, {
      experts: 60,
      perRow: 4,
      named: "num_experts",
      intermediateSize: 1408,
    }),
    sharedIntermediateSize: reader.count("shared_expert_intermediate_size", 5632),
  }),
});

const names: ExpertNames = { block: "mlp.", gate: "gate_proj", up: "up_proj", down: "down_proj" };

/** What Qwen's families of experts have in common. */
export function readQwenExperts(
  reader: ConfigReader,
  facts: ExpertFacts,
  defaults: RoutingDefaults & { readonly intermediateSize: number },
): ExpertSettings {
  return {
    ...readRouting(reader, facts, defaults),
    names,
    intermediateSize: reader.count("moe_intermediate_size", defaults.intermediateSize),
    normalised: reader.flag("norm_topk_prob", false),
    layers: sparseLayers(reader, facts.layers),
  };
}

/** transformers 5 writes a window of 0 where none is used. */
function unusedWindow(config: ModelFacts["config"]): ModelFacts["config"] {
  const isUnused = config.sliding_window === 0 && config.use_sliding_window !== true;
  return isUnused ? { sliding_window: null } : {};
}

/** transformers 4 gives the window to the layers from `max_window_layers` on, 5 to every other one before. */
function windowsByVersion(reader: ConfigReader, layers: number): readonly number[] {
  if (reader.flag("use_sliding_window", false)) {
    const supported =
      'only beside "layer_types": versions of transformers give windows to other layers';
    throw unsupported(reader, "use_sliding_window", supported, true);
  }
  return new Array(layers).fill(0);
}
