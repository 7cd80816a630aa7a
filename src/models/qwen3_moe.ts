import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { windowOrDefault } from "./config_keys.ts";
import type { Family } from "./family.ts";
import { llamaFamily } from "./llama.ts";
import { checkOneWindow } from "./mistral.ts";
import { readQwenExperts } from "./qwen2_moe.ts";
import { unsupported } from "./unsupported.ts";

/**
 * Qwen3-MoE (Yang et al. 2025, arXiv 2505.09388): Qwen3 with experts in some or all layers. Heads have
 * hidden / heads numbers where the config says nothing.
 */
export const qwen3Moe: Family = llamaFamily({
  modelType: "qwen3_moe",
  className: "Qwen3Moe",
  queryKeyNorms: true,
  completed: (config) => ({ num_key_value_heads: 4, ...config }),
  windows: oneWindow,
  checkTypedWindows: checkOneWindow,
  readExperts: (reader, facts) =>
    readQwenExperts(reader, facts, {
      experts: 128,
      perRow: 8,
      named: "num_local_experts",
      intermediateSize: 768,
    }),
});

/** transformers 5 gives the window to all layers, 4 to those from `max_window_layers` on. */
function oneWindow(reader: ConfigReader, layers: number, window: number): readonly number[] {
  const first = reader.value("max_window_layers") ?? 0;
  if (!reader.flag("use_sliding_window", false)) return new Array(layers).fill(0);
  if (first === 0) return new Array(layers).fill(windowOrDefault(reader, window));
  const supported = "only without it, or 0: transformers 5 gives all layers the window";
  throw unsupported(reader, "max_window_layers", supported, first);
}
