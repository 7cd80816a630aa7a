import { Backbone } from "../scoring/backbone.ts";
import { featureReads, type StateSource } from "./feature_extraction.ts";

/** How to open a backbone to fit on. */
export interface OpenBackboneOptions {
  /** Whether prompts' states are wanted too, which gates read; off by default. */
  readonly prompts?: boolean | undefined;
  /** Where to compute; `auto`, the default, takes a GPU, or else what is fastest on the processor. */
  readonly backend?: "auto" | "gpu" | "wasm" | "cpu" | undefined;
  /** Threads of the WebAssembly engine; by default as many as there are cores, up to 16. */
  readonly threads?: number | undefined;
  /** Bytes of device memory to stay within; unlimited by default. */
  readonly memoryBudget?: number | undefined;
  /** Which end to cut where a conversation is too long; by default such a row is an error. */
  readonly truncate?: "left" | "right" | undefined;
  /** Keys of `config.json` that Assay does not know and is to leave out, which else are refused. */
  readonly ignoreConfigKeys?: readonly string[] | undefined;
  /** Told of what is odd but no error; `console.warn` by default. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Ends the loading early, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the backbone of a checkpoint, whatever head it has or lacks, as a source of features.
 *
 * @param model A folder in Hugging Face layout, or its URL.
 * @throws {AssayError} For a backbone that is not understood in full, or does not fit.
 */
export function openBackbone(
  model: string | URL,
  options: OpenBackboneOptions = {},
): Promise<StateSource & Disposable> {
  const { prompts, ...others } = options;
  return Backbone.load(model, { ...others, reads: featureReads(prompts ?? false) });
}
