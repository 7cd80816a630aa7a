import { AssayError } from "../../error.ts";
import { shardIndexFile, weightsFile } from "../shard_index.ts";
import { missingConfig, missingWeights } from "../missing_files.ts";
import type { DownloadTools } from "./download_blob.ts";
import { FileDownloads, writing } from "./file_downloads.ts";
import { hostSystem } from "./host_system.ts";
import { isCommit, parseHubName, pinnedHubName } from "./hub_name.ts";
import { HubRequests } from "./hub_requests.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./hub_settings.ts";
import type { HubFile } from "./hub_tree.ts";
import { RepoCache } from "./repo_cache.ts";
import { snapshotState } from "./snapshot_state.ts";
import { wantedTexts, wantedWeights } from "./wanted_files.ts";

/** Milliseconds to wait for a hub where the cache would do. */
const soon = 10_000;

/** A commit of a model, in the cache. */
export interface Snapshot {
  /** `hf:org/name@commit`. */
  readonly name: string;
  /** The folder of its files. */
  readonly folder: string;
}

/**
 * Finds a model of the hub in the cache, and downloads what scoring needs of it and the cache lacks.
 *
 * A commit that is in the cache is used without a question. A branch is asked for; where the hub can't be
 * reached, the commit that the branch had last serves, and a warning says so.
 *
 * @param source `hf:org/name[@revision]`.
 * @throws {AssayError} `checkpoint/bad-hub-name`, `checkpoint/not-in-cache`, `checkpoint/no-hub-cache`,
 * `checkpoint/no-file-system`, and what the hub's answers and the cache's files lead to.
 */
export async function fetchSnapshot(source: string, options: HubOptions = {}): Promise<Snapshot> {
  const { repo, revision } = parseHubName(source);
  const host = hostSystem(source);
  const settings = await hubSettings(host, options);
  const cache = new RepoCache(host, settings.cache, repo);
  const cached = await cache.commitOf(revision);
  const withWeights = options.weights ?? true;
  const state = cached === undefined
    ? "incomplete"
    : await snapshotState(cache, cached, withWeights);
  if (settings.offline || isCommit(revision) && state === "complete") {
    if (state === "incomplete") throw notInCache(source, settings);
    return told(cache, cached!, state, options);
  }
  const asking = state === "incomplete"
    ? options
    : { ...options, timeout: options.timeout ?? soon };
  const listing = { host, cache, options, requests: new HubRequests(settings, asking) };
  if (state !== "incomplete") listing.requests.failFast();
  let commit: string;
  let files: readonly HubFile[] | undefined;
  try {
    ({ commit, files } = await askHub(repo, revision, listing));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (state === "incomplete" || !(error instanceof AssayError)) throw error;
    options.onWarning?.(
      `${source}: the hub was not reached; commit ${cached}, which is in the cache, is used ` +
        `(${error.message})`,
    );
    return told(cache, cached!, state, options);
  }
  // What the hub has now is what was asked for: from here on nothing falls back on another commit.
  if (files !== undefined) {
    const tools = { ...listing, requests: new HubRequests(settings, options) };
    await bringCheckpoint(commit, files, tools, settings);
  }
  await writing(cache, () => cache.keepCommit(revision, commit));
  return { name: pinnedHubName(repo, commit), folder: cache.snapshot(commit) };
}

/** The commit of a revision, and its files where the cache lacks some of what is wanted. */
async function askHub(
  repo: string,
  revision: string,
  { cache, requests, options }: DownloadTools,
): Promise<{ commit: string; files: readonly HubFile[] | undefined }> {
  const withWeights = options.weights ?? true;
  const { askCommit, askFiles } = await import("./hub_listing.ts");
  const commit = isCommit(revision) ? revision : await askCommit(requests, repo, revision);
  if (await snapshotState(cache, commit, withWeights) === "complete") {
    return { commit, files: undefined };
  }
  const kept = await cache.tree(commit);
  const files = kept ?? await askFiles(requests, repo, commit);
  if (withWeights) await checkScorable(pinnedHubName(repo, commit), files);
  if (kept === undefined) await writing(cache, () => cache.keepTree(commit, files));
  return { commit, files };
}

/** Refuses a repository without a checkpoint or an adapter, before anything of it is downloaded. */
async function checkScorable(name: string, files: readonly HubFile[]): Promise<void> {
  const names = files.map(({ path }) => path);
  const folder = {
    name,
    open: () => Promise.resolve(undefined),
    list: () => Promise.resolve(names.filter((path) => !path.includes("/"))),
    kind: () => Promise.resolve("folder" as const),
  };
  if (names.includes("adapter_config.json")) return;
  if (!names.includes("config.json")) throw await missingConfig(folder);
  if (!names.includes(weightsFile) && !names.includes(shardIndexFile)) {
    throw await missingWeights(folder);
  }
}

/** Brings what scoring reads of a commit, the small files first. */
async function bringCheckpoint(
  commit: string,
  files: readonly HubFile[],
  tools: DownloadTools,
  settings: HubSettings,
): Promise<void> {
  const { cache, options } = tools;
  const downloads = new FileDownloads(commit, tools, settings);
  const texts = await downloads.lacking(wantedTexts(files));
  const index = files.find(({ path }) => path === shardIndexFile);
  if (index !== undefined && texts.includes(index)) await downloads.bring(index);
  const indexText = index && await cache.readText(`${cache.snapshot(commit)}/${index.path}`);
  const weights = options.weights ?? true
    ? await downloads.lacking(wantedWeights(files, indexText, pinnedHubName(cache.repo, commit)))
    : [];
  await downloads.bringAll([...texts.filter((file) => file !== index), ...weights]);
}

function told(
  cache: RepoCache,
  commit: string,
  state: "complete" | "unknown",
  { onWarning }: HubOptions,
): Snapshot {
  const name = pinnedHubName(cache.repo, commit);
  if (state === "unknown") {
    onWarning?.(
      `${name}: another program filled the cache without the listing of its files; whether one that ` +
        "scoring reads is missing can't be told without the hub",
    );
  }
  return { name, folder: cache.snapshot(commit) };
}

function notInCache(source: string, { cache }: HubSettings): AssayError {
  return new AssayError(
    "checkpoint/not-in-cache",
    `Cannot open ${source}: expected it in ${cache}, found not all of its files there, and HF_HUB_OFFLINE ` +
      "keeps the hub from being asked; unset it once, or copy the cache from a machine that has the model",
  );
}
