import { AssayError } from "../../error.ts";
import { selectedFiles } from "./dataset_files.ts";
import { parseDatasetName } from "./dataset_name.ts";
import { FileDownloads, writing } from "./file_downloads.ts";
import { hostSystem } from "./host_system.ts";
import { isCommit, pinnedHubName } from "./hub_name.ts";
import { HubRequests } from "./hub_requests.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./hub_settings.ts";
import type { HubFile } from "./hub_tree.ts";
import { RepoCache } from "./repo_cache.ts";

/** Milliseconds to wait for a hub where the cache would do. */
const soon = 10_000;

/** Files of rows of a data set on the hub, in the cache. */
export interface HubDataset {
  /** `hf:datasets/org/name@commit`, under which the same rows can be had again. */
  readonly name: string;
  /** Paths of the files in the cache, in the order of their names in the repository. */
  readonly files: readonly string[];
}

/**
 * Rows of a data set on the Hugging Face hub: the files of one split, in the cache that Python's
 * `huggingface_hub` has too. What lacks there is downloaded first, in the way of models: cut downloads
 * go on, every file is held against its hash, `HF_HUB_OFFLINE` asks nobody.
 *
 * @example
 * ```ts
 * import { hubDataset } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * // Without `offline` it would be downloaded now.
 * const options = { cache: await Deno.makeTempDir(), offline: true };
 * const rows = hubDataset("hf:datasets/org/name:test", options);
 * await assert.rejects(rows, { code: "checkpoint/not-in-cache" });
 * ```
 *
 * @param source `hf:datasets/org/name`, with `@revision` for a branch, a tag or a commit, and with
 *   `:split`, `:configuration/split`, `:folder` or `:path/of/file` where there are several.
 * @param options What is said in place of the environment, and who is told of the download.
 * @throws {AssayError} `checkpoint/bad-hub-name`, `checkpoint/no-dataset-files`,
 *   `checkpoint/unclear-dataset`, `checkpoint/not-in-cache`, and what the hub's answers lead to.
 */
export async function hubDataset(source: string, options: HubOptions = {}): Promise<HubDataset> {
  const { repo, revision, selection } = parseDatasetName(source);
  const host = hostSystem(source);
  const settings = await hubSettings(host, options);
  const cache = new RepoCache(host, settings.cache, repo);
  const cached = await cache.commitOf(revision);
  const chosenOf = async (commit: string, files: readonly HubFile[] | undefined) => {
    const listed = files ?? await cache.tree(commit);
    return listed && selectedFiles(pinnedHubName(repo, commit), listed, selection);
  };
  const isFinal = settings.offline || isCommit(revision);
  let there: HubDataset | undefined;
  try {
    if (cached !== undefined) {
      there = await wholeOf(cache, cached, await chosenOf(cached, undefined));
    }
  } catch (error) {
    if (isFinal || !(error instanceof AssayError)) throw error; // else the hub may have a newer commit
  }
  if (there !== undefined && isFinal) return there;
  if (settings.offline) throw notInCache(source, settings);
  const asking = there === undefined ? options : { ...options, timeout: options.timeout ?? soon };
  const requests = new HubRequests(settings, asking);
  if (there !== undefined) requests.failFast();
  const { askCommit, askFiles } = await import("./hub_listing.ts");
  let commit: string;
  try {
    commit = isCommit(revision) ? revision : await askCommit(requests, repo, revision);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (there === undefined || !(error instanceof AssayError)) throw error;
    options.onWarning?.(
      `${source}: the hub was not reached; commit ${cached}, which is in the cache, is used ` +
        `(${error.message})`,
    );
    return there;
  }
  const tools = { host, cache, options, requests: new HubRequests(settings, options) };
  const kept = await cache.tree(commit);
  const files = kept ?? await askFiles(tools.requests, repo, commit);
  const chosen = (await chosenOf(commit, files))!;
  if (kept === undefined) await writing(cache, () => cache.keepTree(commit, files));
  const downloads = new FileDownloads(commit, tools, settings);
  await downloads.bringAll(await downloads.lacking(chosen));
  await writing(cache, () => cache.keepCommit(revision, commit));
  return datasetOf(cache, commit, chosen);
}

/** What the cache has of a commit, where it has all files that are wanted. */
async function wholeOf(
  cache: RepoCache,
  commit: string,
  chosen: readonly HubFile[] | undefined,
): Promise<HubDataset | undefined> {
  if (chosen === undefined) return undefined;
  for (const file of chosen) if (!await cache.has(commit, file)) return undefined;
  return datasetOf(cache, commit, chosen);
}

function datasetOf(cache: RepoCache, commit: string, chosen: readonly HubFile[]): HubDataset {
  const folder = cache.snapshot(commit);
  return {
    name: pinnedHubName(cache.repo, commit),
    files: chosen.map(({ path }) => `${folder}/${path}`),
  };
}

function notInCache(source: string, { cache }: HubSettings): AssayError {
  return new AssayError(
    "checkpoint/not-in-cache",
    `Cannot read ${source}: expected it in ${cache}, found not all of its files there, and HF_HUB_OFFLINE ` +
      "keeps the hub from being asked; unset it once, or copy the cache from a machine that has the data",
  );
}
