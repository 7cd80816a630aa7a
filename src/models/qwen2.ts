import type { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Family } from "./family.ts";
import { llamaFamily } from "./llama.ts";

/** Qwen2 (Yang et al. 2024, arXiv 2407.10671): Llama with biases of queries, keys and values. */
export const qwen2: Family = llamaFamily({
  modelType: "qwen2",
  className: "Qwen2",
  attentionBiases: { queryKeyValue: true, output: false },
  windows: windowsOfUpperLayers,
});

/** Qwen's windows: none unless `use_sliding_window`, then from layer `max_window_layers` on. */
export function windowsOfUpperLayers(
  reader: ConfigReader,
  layers: number,
  window: number,
): readonly number[] {
  if (!reader.flag("use_sliding_window", false)) return new Array(layers).fill(0);
  const first = reader.value("max_window_layers") === 0 ? 0 : reader.count("max_window_layers", 28);
  return Array.from({ length: layers }, (_, layer) => layer >= first ? window : 0);
}
