import { AssayError } from "../../error.ts";
import { shardIndexFile, weightsFile } from "../shard_index.ts";
import { missingConfig, missingWeights } from "../missing_files.ts";
import { diskFull, explainWriting } from "./cache_errors.ts";
import { downloadBlob, type DownloadTools } from "./download_blob.ts";
import { type HostSystem, hostSystem } from "./host_system.ts";
import { isCommit, parseHubName, pinnedHubName } from "./hub_name.ts";
import { HubRequests } from "./hub_requests.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./hub_settings.ts";
import { etagOf, type HubFile } from "./hub_tree.ts";
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
    await new SnapshotDownload(commit, files, tools, settings).run();
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

/** The files of one commit on their way into the cache, the small ones first. */
class SnapshotDownload {
  readonly #commit: string;
  readonly #files: readonly HubFile[];
  readonly #tools: DownloadTools;
  readonly #settings: HubSettings;
  /** Bytes that are there, by the hash of their file. */
  readonly #there = new Map<string, number>();
  #total = 0;

  constructor(
    commit: string,
    files: readonly HubFile[],
    tools: DownloadTools,
    settings: HubSettings,
  ) {
    this.#commit = commit;
    this.#files = files;
    this.#tools = tools;
    this.#settings = settings;
  }

  async run(): Promise<void> {
    const { cache, options } = this.#tools;
    const texts = await this.#lacking(wantedTexts(this.#files));
    const index = this.#files.find(({ path }) => path === shardIndexFile);
    if (index !== undefined && texts.includes(index)) await this.#bring(index);
    const indexText = index &&
      await cache.readText(`${cache.snapshot(this.#commit)}/${index.path}`);
    const name = pinnedHubName(cache.repo, this.#commit);
    const weights = options.weights ?? true
      ? await this.#lacking(wantedWeights(this.#files, indexText, name))
      : [];
    const all = [...texts.filter((file) => file !== index), ...weights];
    await this.#announce(name, all);
    for (const file of all) await this.#bring(file);
  }

  async #lacking(files: readonly HubFile[]): Promise<readonly HubFile[]> {
    const { cache } = this.#tools;
    const lacking: HubFile[] = [];
    for (const file of files) if (!await cache.has(this.#commit, file)) lacking.push(file);
    return lacking;
  }

  /** Says what comes, once it is known that there is room for it. */
  async #announce(name: string, files: readonly HubFile[]): Promise<void> {
    const { cache, host, options } = this.#tools;
    let there = 0;
    for (const file of files) {
      const { whole, part } = cache.blob(etagOf(file));
      const size = (await cache.facts(whole) ?? await cache.facts(part))?.size ?? 0;
      this.#there.set(etagOf(file), Math.min(size, file.size));
      there += Math.min(size, file.size);
    }
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
    const bytes = this.#total - there;
    if (bytes === 0) return;
    const free = await freeBytes(host, this.#settings.cache);
    if (free !== undefined && free < bytes) throw diskFull(this.#settings.cache, bytes, free);
    options.onDownload?.({ name, files: files.length, bytes });
  }

  async #bring(file: HubFile): Promise<void> {
    const { cache, options } = this.#tools;
    await downloadBlob(file, this.#commit, this.#tools, (bytes) => {
      if (this.#total === 0) return; // the index, before it is known what else comes
      this.#there.set(etagOf(file), bytes);
      options.onProgress?.([...this.#there.values()].reduce((a, b) => a + b, 0), this.#total);
    });
    await writing(cache, () => cache.link(this.#commit, file));
  }
}

/** What the disk has left; the cache's folder may not be there yet. */
async function freeBytes(host: HostSystem, folder: string): Promise<number | undefined> {
  try {
    await host.files.mkdir(folder, { recursive: true });
    return await host.freeBytes(folder);
  } catch {
    return undefined; // what is wrong is for the writing to say
  }
}

async function writing<Value>(cache: RepoCache, write: () => Promise<Value>): Promise<Value> {
  try {
    return await write();
  } catch (error) {
    throw explainWriting(error, cache.folder);
  }
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
