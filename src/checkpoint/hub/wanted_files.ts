import { parseShardIndex, shardIndexFile, weightsFile } from "../shard_index.ts";
import type { HubFile } from "./hub_tree.ts";

/** The weights of an adapter. */
export const adapterWeights = "adapter_model.safetensors";

/** What scoring reads beside weights, by name; all of it lies in the repository's own folder. */
const textFiles: ReadonlySet<string> = new Set([
  "config.json",
  "adapter_config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "modules.json",
  "vocab.json",
  "vocab.txt",
  "merges.txt",
  "spm.model",
  "spiece.model",
  "tokenizer.model",
]);

/** The files of a repository that say how a model is built and how it reads texts. */
export function wantedTexts(files: readonly HubFile[]): readonly HubFile[] {
  return files.filter(({ path }) => textFiles.has(path) || path === shardIndexFile);
}

/**
 * The files of weights: those of the index, else the single one; an adapter's where the repository is
 * one. Weights in other forms, copies in other precisions and other folders are left where they are.
 *
 * @param files All files of the repository.
 * @param index The text of `model.safetensors.index.json`, where there is one.
 * @param name The model, as messages say it.
 * @throws {AssayError} `checkpoint/bad-index`, `checkpoint/path-leaves-folder`.
 */
export function wantedWeights(
  files: readonly HubFile[],
  index: string | undefined,
  name: string,
): readonly HubFile[] {
  const wanted = new Set([...weightsNames(index, name), adapterWeights]);
  return files.filter(({ path }) => wanted.has(path));
}

/** The files that a checkpoint's weights are in: its shards, else the single one. */
export function weightsNames(index: string | undefined, name: string): readonly string[] {
  return index === undefined ? [weightsFile] : [...parseShardIndex(index, name).keys()];
}
