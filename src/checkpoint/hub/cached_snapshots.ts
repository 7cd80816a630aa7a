import { AssayError } from "../../error.ts";
import { type HostSystem, hostSystem } from "./host_system.ts";
import { isCommit, pinnedHubName } from "./hub_name.ts";
import { type HubOptions, hubSettings } from "./hub_settings.ts";
import { RepoCache, repoOfFolder } from "./repo_cache.ts";
import { type SnapshotState, snapshotState } from "./snapshot_state.ts";

/** A commit of a model that the cache has something of. */
export interface CachedSnapshot {
  /** `hf:org/name@commit`. */
  readonly name: string;
  readonly repo: string;
  readonly commit: string;
  /** Branches and tags that had this commit when they were last asked for. */
  readonly revisions: readonly string[];
  /** The folder of its files. */
  readonly folder: string;
  /** How many files are there, and their bytes; a file that two commits have counts for both. */
  readonly files: number;
  readonly bytes: number;
  /** Whether all that scoring reads is there. */
  readonly state: SnapshotState;
}

/** Folders inside a model's folder that are looked into. */
const mostLevels = 8;

/**
 * The models of the hub's cache, commit by commit, in the order of their names. Nothing is asked of the
 * hub.
 *
 * @throws {AssayError} `checkpoint/no-hub-cache`, `checkpoint/permission-denied`.
 */
export async function cachedSnapshots(
  options: Pick<HubOptions, "cache"> = {},
): Promise<{ readonly folder: string; readonly snapshots: readonly CachedSnapshot[] }> {
  const host = hostSystem("the hub's cache");
  const { cache: folder } = await hubSettings(host, { ...options, offline: true });
  const root = new RepoCache(host, folder, "a/a");
  const snapshots: CachedSnapshot[] = [];
  for (const name of (await root.names(folder)).toSorted()) {
    const repo = repoOfFolder(name);
    if (repo !== undefined) snapshots.push(...await snapshotsOf(host, folder, repo));
  }
  return { folder, snapshots };
}

async function snapshotsOf(
  host: HostSystem,
  folder: string,
  repo: string,
): Promise<readonly CachedSnapshot[]> {
  const cache = new RepoCache(host, folder, repo);
  const refs = await filesBelow(cache, `${cache.folder}/refs`);
  const commits = await Promise.all(refs.map((ref) => cache.commitOf(ref)));
  const snapshots: CachedSnapshot[] = [];
  for (
    const commit of (await cache.names(`${cache.folder}/snapshots`)).filter(isCommit).toSorted()
  ) {
    const folder = cache.snapshot(commit);
    const files = await filesBelow(cache, folder);
    let bytes = 0;
    for (const file of files) bytes += (await cache.facts(`${folder}/${file}`))?.size ?? 0;
    snapshots.push({
      name: pinnedHubName(repo, commit),
      repo,
      commit,
      revisions: refs.filter((_, i) => commits[i] === commit).toSorted(),
      folder,
      files: files.length,
      bytes,
      state: await stateOf(cache, commit),
    });
  }
  return snapshots;
}

/** A commit whose index can't be read is not complete. */
async function stateOf(cache: RepoCache, commit: string): Promise<SnapshotState> {
  try {
    return await snapshotState(cache, commit, true);
  } catch (error) {
    if (error instanceof AssayError) return "incomplete";
    throw error;
  }
}

async function filesBelow(cache: RepoCache, folder: string, level = 0): Promise<string[]> {
  const files: string[] = [];
  for (const name of await cache.names(folder)) {
    const facts = await cache.facts(`${folder}/${name}`);
    if (facts?.isFile()) files.push(name);
    if (!facts?.isDirectory() || level === mostLevels) continue;
    files.push(
      ...(await filesBelow(cache, `${folder}/${name}`, level + 1)).map((file) => `${name}/${file}`),
    );
  }
  return files;
}
