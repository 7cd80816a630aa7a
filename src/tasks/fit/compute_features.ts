import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import {
  extractFeatures,
  type ExtractionResult,
  featureReads,
  type StateSource,
} from "../../fitting/feature_extraction.ts";
import { badFeatures } from "../../fitting/feature_files.ts";
import { FeatureSet } from "../../fitting/feature_set.ts";
import type { FittingColumns } from "../../fitting/fitting_row.ts";
import { Backbone } from "../../scoring/backbone.ts";
import { hubOptions, type LoadOptions, warner } from "../../scoring/load_options.ts";
import { type ModelSpec, openModelFolder } from "../model_folder.ts";
import type { BackendKind } from "../../ops/backend.ts";

/** How to compute features. */
export interface ComputeFeaturesOptions {
  /** Whether the states at the assistant's header are kept too, which gates read; off by default. */
  readonly prompts?: boolean | undefined;
  /** Input rows of a shard; 512 by default. */
  readonly rowsPerShard?: number | undefined;
  /** Columns that go by names of their own. */
  readonly columns?: FittingColumns | undefined;
  /** How the backbone is loaded. */
  readonly load?: LoadOptions | undefined;
  /** Told of the input rows that are done. */
  readonly onProgress?: ((rows: number) => void) | undefined;
  /** Ends the run early; the same call goes on where it stopped. */
  readonly signal?: AbortSignal | undefined;
}

/** What a run has computed. */
export interface ComputedFeatures extends ExtractionResult {
  /** Where it computed. */
  readonly backend: BackendKind;
}

/**
 * Runs a backbone over rows and keeps the hidden states that heads read in a folder, as
 * `assay fit features` does. A run that was interrupted goes on where it stopped. With an adapter the
 * features are those of the merged backbone: a head that is fitted on them belongs on that.
 *
 * @example
 * ```ts
 * import { computeFeatures, openFeatures, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const folder = await Deno.makeTempDir();
 * const rows = rowsInMemory([{ prompt: "2 + 2?", chosen: "4", rejected: "5" }]);
 * const model = "tests/golden/parity/llama";
 * const { failed } = await computeFeatures(rows.read(), { model }, folder);
 * assert.deepEqual(failed, []);
 * assert.equal((await openFeatures(folder, model)).rows.length, 2);
 * ```
 *
 * @param rows Rows as `score` takes them, with ratings where regressions are to be fitted.
 * @param spec The backbone; whatever head it has is left unread.
 * @param folder Where the features go.
 * @param options What is kept, and how the backbone is loaded.
 * @throws {AssayError} What opening and loading the model throws; `fitting/bad-features` where the
 *   folder holds features of another kind; `fitting/interrupted` on the signal.
 */
export async function computeFeatures(
  rows: AsyncIterable<ReadRow>,
  spec: ModelSpec,
  folder: string,
  options: ComputeFeaturesOptions = {},
): Promise<ComputedFeatures> {
  const { prompts = false, load, signal, ...extraction } = options;
  using opened = await openModelFolder(spec, hubOptions(load ?? {}));
  opened.warnings.forEach(warner(load ?? {}));
  using backbone = await Backbone.load(opened.source, {
    ...load,
    reads: featureReads(prompts),
    signal,
  });
  const source: StateSource = {
    // What the folder remembers: the same adapter, merged in another type, gives other states.
    name: spec.adapter === undefined ? backbone.name : opened.name,
    hiddenSize: backbone.hiddenSize,
    pooledStates: (conversations, options) => backbone.pooledStates(conversations, options),
  };
  try {
    const result = await extractFeatures(rows, source, folder, { ...extraction, prompts, signal });
    return { ...result, backend: backbone.backend.kind };
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new AssayError(
      "fitting/interrupted",
      `The features in ${folder} are not complete: the run was interrupted; the same command goes on`,
    );
  }
}

/**
 * Opens features to fit a head of a model on.
 *
 * @param folder The features.
 * @param model Folder or URL of the checkpoint that gets the head. Whether the features are its own
 *   is for the caller to see, by `manifest.model`.
 * @throws {AssayError} `fitting/bad-features` where they are too many or too few numbers for the
 *   model, and what opening either throws.
 */
export async function openFeatures(folder: string, model: string): Promise<FeatureSet> {
  const features = await FeatureSet.open(folder);
  using checkpoint = await Checkpoint.open(model);
  const { hidden_size: hidden } = checkpoint.config;
  if (features.dimension === hidden) return features;
  throw badFeatures(folder, `${hidden} numbers a row, as ${model} has`, `${features.dimension}`);
}
