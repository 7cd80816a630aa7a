import { AssayError } from "../../error.ts";
import { holdLock } from "./blob_lock.ts";
import { explainWriting } from "./cache_errors.ts";
import { type HostSystem, isThere, type RunningHash, type WritableFile } from "./host_system.ts";
import type { Content, HubRequests } from "./hub_requests.ts";
import type { HubOptions } from "./hub_settings.ts";
import { etagOf, type HubFile } from "./hub_tree.ts";
import type { RepoCache } from "./repo_cache.ts";
import { PassingTrouble } from "./retries.ts";

/** Bytes read at once of what came before. */
const readAtOnce = 1 << 20;

/** What a download needs. */
export interface DownloadTools {
  readonly host: HostSystem;
  readonly cache: RepoCache;
  readonly requests: HubRequests;
  readonly options: HubOptions;
}

/**
 * Brings a file's bytes into the cache: from where an earlier try ended, checked by their hash, there
 * under their own name only when they are whole. Of several processes one downloads; the others wait.
 *
 * @param onBytes Told how many bytes are there.
 * @throws {AssayError} `checkpoint/hub-wrong-hash`, `checkpoint/hub-wrong-size`,
 * `checkpoint/disk-full`, `checkpoint/cannot-write-cache`, and what {@link HubRequests} throws.
 */
export async function downloadBlob(
  file: HubFile,
  commit: string,
  tools: DownloadTools,
  onBytes: (there: number) => void,
): Promise<void> {
  const { host, cache, options } = tools;
  const { whole, part, lock } = cache.blob(etagOf(file));
  try {
    await cache.makeFolders();
    const tellWait = (): void =>
      options.onWarning?.(
        `another process downloads ${file.path} of ${cache.repo}; waiting for it`,
      );
    using _held = await holdLock(host, lock, tellWait, options.signal);
    const there = await cache.facts(whole);
    if (there?.size === file.size) return onBytes(file.size);
    const open = await openPart(host, part);
    try {
      await new Transfer(file, commit, tools, open, onBytes).run();
      await open.sync();
    } finally {
      await open.close();
    }
    await host.files.rename(part, whole);
  } catch (error) {
    if (error instanceof WrongBytes) {
      await host.files.unlink(part);
      throw error.error;
    }
    throw explainWriting(error, cache.folder, file.size);
  }
}

/** Bytes that are not the file's; nothing of them is kept. */
class WrongBytes extends Error {
  readonly error: AssayError;

  constructor(error: AssayError) {
    super(error.message);
    this.error = error;
  }
}

/** One file on its way. */
class Transfer {
  readonly #file: HubFile;
  readonly #commit: string;
  readonly #tools: DownloadTools;
  readonly #open: WritableFile;
  readonly #onBytes: (there: number) => void;
  #hash: RunningHash;
  #there = 0;
  /** Whether some of the bytes are of an earlier process, and may be what a crash left. */
  #isOld = false;

  constructor(
    file: HubFile,
    commit: string,
    tools: DownloadTools,
    open: WritableFile,
    onBytes: (there: number) => void,
  ) {
    this.#file = file;
    this.#commit = commit;
    this.#tools = tools;
    this.#open = open;
    this.#onBytes = onBytes;
    this.#hash = this.#newHash();
  }

  async run(): Promise<void> {
    await this.#takeUp();
    for (let isLast = !this.#isOld;; isLast = true) {
      await this.#fetchRest();
      const found = this.#hash.digest("hex");
      if (found === etagOf(this.#file)) return;
      if (isLast) throw this.#wrongHash(found);
      await this.#restart();
    }
  }

  #newHash(): RunningHash {
    const { sha256, size } = this.#file;
    if (sha256 !== undefined) return this.#tools.host.createHash("sha256");
    return this.#tools.host.createHash("sha1").update(`blob ${size}\0`); // as Git hashes a file
  }

  /** Goes on from what an earlier process left. */
  async #takeUp(): Promise<void> {
    const { size } = await this.#open.stat();
    if (size > this.#file.size) await this.#open.truncate(0);
    else this.#isOld = size > 0;
    const bytes = new Uint8Array(readAtOnce);
    while (this.#isOld && this.#there < size) {
      this.#tools.options.signal?.throwIfAborted();
      const { bytesRead } = await this.#open.read(bytes, 0, bytes.length, this.#there);
      if (bytesRead === 0) break;
      this.#hash.update(bytes.subarray(0, bytesRead));
      this.#there += bytesRead;
    }
    this.#onBytes(this.#there);
  }

  async #restart(): Promise<void> {
    await this.#open.truncate(0);
    this.#hash = this.#newHash();
    this.#there = 0;
    this.#onBytes(0);
  }

  /** Asks again, from where the last answer ended, until all bytes are there. */
  async #fetchRest(): Promise<void> {
    const { requests, cache } = this.#tools;
    const retries = requests.retries();
    while (this.#there < this.#file.size) {
      const before = this.#there;
      try {
        const content = await requests.file(cache.repo, this.#commit, this.#file.path, before);
        try {
          await this.#takeIn(content);
        } finally {
          await content.close();
        }
      } catch (error) {
        if (this.#there > before) retries.progressed();
        await retries.pause(error);
      }
    }
  }

  async #takeIn(content: Content): Promise<void> {
    const total = totalOf(content.response, this.#there);
    if (total !== undefined && total !== this.#file.size) throw this.#wrongSize(`${total}`);
    if (content.response.status === 200 && this.#there > 0) await this.#restart();
    for (let received = 0, chunk; (chunk = await content.next(received)) !== undefined;) {
      received += chunk.length;
      if (this.#there + chunk.length > this.#file.size) throw this.#wrongSize("more");
      await writeAll(this.#open, chunk, this.#there);
      this.#hash.update(chunk);
      this.#there += chunk.length;
      this.#onBytes(this.#there);
    }
    if (this.#there === this.#file.size) return;
    throw new PassingTrouble(
      new AssayError(
        "checkpoint/hub-unreachable",
        `Cannot download ${this.#named}: expected ${this.#file.size} bytes, found the end of the answer ` +
          `at ${this.#there}; what came is kept, and the same command goes on`,
      ),
    );
  }

  get #named(): string {
    return `${this.#file.path} of ${this.#tools.cache.repo}`;
  }

  #wrongSize(found: string): WrongBytes {
    return new WrongBytes(
      new AssayError(
        "checkpoint/hub-wrong-size",
        `Cannot download ${this.#named}: expected ${this.#file.size} bytes as the listing tells, found ` +
          `${found}; nothing of it was kept`,
      ),
    );
  }

  #wrongHash(found: string): WrongBytes {
    return new WrongBytes(
      new AssayError(
        "checkpoint/hub-wrong-hash",
        `Cannot download ${this.#named}: expected bytes whose hash is ${
          etagOf(this.#file)
        }, found ` +
          `${found}; nothing of it was kept: try again, and if it stays so, whatever stands between here ` +
          "and the hub changes files",
      ),
    );
  }
}

/** The length of the whole file, where the answer tells it. */
function totalOf({ status, headers }: Response, from: number): number | undefined {
  if (status === 200) {
    const length = headers.get("content-length");
    return length === null || headers.has("content-encoding") ? undefined : Number(length);
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ??
    [];
  return start !== undefined && Number(start) === from ? Number(total) : NaN;
}

async function openPart({ files }: HostSystem, path: string): Promise<WritableFile> {
  try {
    return await files.open(path, "wx").then(async (made) => {
      await made.close();
      return await files.open(path, "r+");
    });
  } catch (error) {
    if (isThere(error)) return await files.open(path, "r+");
    throw error;
  }
}

/**
 * Writes at a place, never at the end: where a file system's locks do nothing, two processes write the
 * same bytes to the same places.
 */
async function writeAll(open: WritableFile, chunk: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    const left = chunk.length - offset;
    offset += (await open.write(chunk, offset, left, position + offset)).bytesWritten;
  }
}
