import type { HubOptions } from "../checkpoint/hub/hub_settings.ts";
import { pinnedModel } from "../tasks/model_folder.ts";
import type { ScorerSpec } from "../tasks/score/open_scorer.ts";
import type { Output } from "./output.ts";
import { bytesText, type ProgressBar } from "./progress_bar.ts";

/**
 * A model as a command was given it; of a model of the hub its name with the commit, once its files are in
 * the cache. Called once all flags are known to be right, and before anything else that takes long.
 *
 * @param model Folder, URL, or name on the hub; `undefined` for one that was not named.
 * @param signal Ends a download.
 */
export async function fromHub<Model extends string | undefined>(
  model: Model,
  output: Output,
  bar: ProgressBar,
  signal?: AbortSignal,
): Promise<Model> {
  if (model === undefined) return model;
  const pinned = await pinnedModel(model, downloadReport(output, bar, signal));
  bar.clear();
  return pinned as Model;
}

/** As {@link fromHub}, of several. */
export async function allFromHub<Models extends readonly string[] | undefined>(
  models: Models,
  output: Output,
  bar: ProgressBar,
  signal?: AbortSignal,
): Promise<Models> {
  if (models === undefined) return models;
  const pinned: string[] = [];
  for (const model of models) pinned.push(await fromHub(model, output, bar, signal));
  return pinned as readonly string[] as Models;
}

/** The models and adapters of the hub with their commits, in the cache. */
export async function specFromHub(
  { model, adapter, implicit, ...others }: ScorerSpec,
  output: Output,
  bar: ProgressBar,
  signal?: AbortSignal,
): Promise<ScorerSpec> {
  return {
    ...others,
    model: await fromHub(model, output, bar, signal),
    adapter: await fromHub(adapter, output, bar, signal),
    implicit: implicit && {
      ...implicit,
      reference: await fromHub(implicit.reference, output, bar, signal),
    },
  };
}

/** Tells of a download: in the bar, and where there is none in a line. */
export function downloadReport(output: Output, bar: ProgressBar, signal?: AbortSignal): HubOptions {
  return {
    signal,
    onDownload: ({ name, files, bytes }) =>
      void output.note(`downloading ${name}: ${files} files, ${bytesText(bytes)} to go`),
    onProgress: (done, total) => bar.update("downloading", done, total, undefined, "bytes"),
    onWarning: (message) => void output.warn(message),
  };
}
