import { diskFull, explainWriting } from "./cache_errors.ts";
import { downloadBlob, type DownloadTools } from "./download_blob.ts";
import type { HostSystem } from "./host_system.ts";
import { pinnedHubName } from "./hub_name.ts";
import type { HubSettings } from "./hub_settings.ts";
import { etagOf, type HubFile } from "./hub_tree.ts";
import type { RepoCache } from "./repo_cache.ts";

/** Files of one commit on their way into the cache. */
export class FileDownloads {
  readonly #commit: string;
  readonly #tools: DownloadTools;
  readonly #settings: HubSettings;
  /** Bytes that are there, by the hash of their file. */
  readonly #there = new Map<string, number>();
  #total = 0;

  constructor(commit: string, tools: DownloadTools, settings: HubSettings) {
    this.#commit = commit;
    this.#tools = tools;
    this.#settings = settings;
  }

  /** Those of some files that the cache lacks. */
  async lacking(files: readonly HubFile[]): Promise<readonly HubFile[]> {
    const { cache } = this.#tools;
    const lacking: HubFile[] = [];
    for (const file of files) if (!await cache.has(this.#commit, file)) lacking.push(file);
    return lacking;
  }

  /**
   * Brings files, one after another, once it is known that there is room for them.
   *
   * @throws {AssayError} `checkpoint/disk-full`, and what {@link downloadBlob} throws.
   */
  async bringAll(files: readonly HubFile[]): Promise<void> {
    await this.#announce(files);
    for (const file of files) await this.bring(file);
  }

  /** Brings one file. */
  async bring(file: HubFile): Promise<void> {
    const { cache, options } = this.#tools;
    await downloadBlob(file, this.#commit, this.#tools, (bytes) => {
      if (this.#total === 0) return; // an index, before it is known what else comes
      this.#there.set(etagOf(file), bytes);
      options.onProgress?.([...this.#there.values()].reduce((a, b) => a + b, 0), this.#total);
    });
    await writing(cache, () => cache.link(this.#commit, file));
  }

  async #announce(files: readonly HubFile[]): Promise<void> {
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
    const name = pinnedHubName(cache.repo, this.#commit);
    options.onDownload?.({ name, files: files.length, bytes });
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

/** A writing to the cache, whose errors say what to do. */
export async function writing<Value>(
  cache: RepoCache,
  write: () => Promise<Value>,
): Promise<Value> {
  try {
    return await write();
  } catch (error) {
    throw explainWriting(error, cache.folder);
  }
}
