import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { windowOrDefault } from "./config_keys.ts";
import type { Family } from "./family.ts";
import { llamaFamily } from "./llama.ts";

/** Qwen2 (Yang et al. 2024, arXiv 2407.10671): Llama with biases of queries, keys and values. */
export const qwen2: Family = llamaFamily({
  modelType: "qwen2",
  className: "Qwen2",
  attentionBiases: () => ({ queryKeyValue: true, output: false }),
  windows: windowsOfUpperLayers,
  checkTypedWindows: checkUsesWindows,
});

/** Qwen's windows: none unless `use_sliding_window`, then from layer `max_window_layers` on. */
export function windowsOfUpperLayers(
  reader: ConfigReader,
  layers: number,
  window: number,
): readonly number[] {
  if (!reader.flag("use_sliding_window", false)) return new Array(layers).fill(0);
  const first = reader.value("max_window_layers") === 0 ? 0 : reader.count("max_window_layers", 28);
  const size = windowOrDefault(reader, window);
  return Array.from({ length: layers }, (_, layer) => layer >= first ? size : 0);
}

/** Layer types with windows beside a config that says it uses none. */
export function checkUsesWindows(reader: ConfigReader, windows: readonly number[]): void {
  if (reader.flag("use_sliding_window", true) || windows.every((window) => window === 0)) return;
  throw reader.unexpected(
    "use_sliding_window",
    "true beside layers of sliding_attention; transformers refuses it too",
    false,
  );
}
