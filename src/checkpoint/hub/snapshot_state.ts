import { shardIndexFile } from "../shard_index.ts";
import type { RepoCache } from "./repo_cache.ts";
import { adapterWeights, wantedTexts, wantedWeights, weightsNames } from "./wanted_files.ts";

/**
 * Whether the cache has all that scoring needs of a commit: `complete` by the listing of the commit;
 * `unknown` where a checkpoint is there and no listing, as other programs leave it; `incomplete`.
 */
export type SnapshotState = "complete" | "unknown" | "incomplete";

/**
 * The state of a commit in the cache; a file counts where it is there in its whole size.
 *
 * @param withWeights Whether weights are wanted.
 */
export async function snapshotState(
  cache: RepoCache,
  commit: string,
  withWeights: boolean,
): Promise<SnapshotState> {
  const folder = cache.snapshot(commit);
  const tree = await cache.tree(commit);
  const names = await cache.names(folder);
  if (names.length === 0) return "incomplete";
  const index = names.includes(shardIndexFile)
    ? await cache.readText(`${folder}/${shardIndexFile}`)
    : undefined;
  if (tree === undefined) {
    return await looksWhole(cache, commit, names, index, withWeights) ? "unknown" : "incomplete";
  }
  if (index === undefined && tree.some(({ path }) => path === shardIndexFile)) return "incomplete";
  const weights = withWeights ? wantedWeights(tree, index, cache.repo) : [];
  const wanted = [...wantedTexts(tree), ...weights];
  for (const file of wanted) if (!await cache.has(commit, file)) return "incomplete";
  return wanted.length > 0 ? "complete" : "incomplete";
}

/** A config, a tokenizer, and the weights that belong to them; an adapter's weights where it is one. */
async function looksWhole(
  cache: RepoCache,
  commit: string,
  names: readonly string[],
  index: string | undefined,
  withWeights: boolean,
): Promise<boolean> {
  if (!withWeights) return names.includes("tokenizer_config.json");
  const isAdapter = names.includes("adapter_config.json");
  if (isAdapter && names.includes(adapterWeights)) return true;
  if (!names.includes("config.json") || !names.includes("tokenizer_config.json")) return false;
  for (const file of weightsNames(index, cache.repo)) {
    const facts = await cache.facts(`${cache.snapshot(commit)}/${file}`);
    if (facts === undefined || !facts.isFile()) return false;
  }
  return true;
}
