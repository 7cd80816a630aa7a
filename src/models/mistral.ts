import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { windowOrDefault } from "./config_keys.ts";
import type { Family } from "./family.ts";
import { llamaFamily } from "./llama.ts";

/** Mistral (Jiang et al. 2023, arXiv 2310.06825): Llama with one sliding window for all layers. */
export const mistral: Family = llamaFamily({
  modelType: "mistral",
  className: "Mistral",
  attentionBiases: () => ({ queryKeyValue: false, output: false }),
  windows: (reader, layers, window) => new Array(layers).fill(windowOrDefault(reader, window)),
  checkTypedWindows: checkOneWindow,
});

/** Layer types that differ, or windows that `sliding_window` does not say: the class has one for all layers. */
export function checkOneWindow(reader: ConfigReader, windows: readonly number[]): void {
  const window = reader.value("sliding_window") ?? 0;
  if (windows.every((of) => of === window)) return;
  throw reader.unexpected(
    "layer_types",
    "the same for all layers, as sliding_window says: transformers' class has one window",
    reader.value("layer_types"),
  );
}
