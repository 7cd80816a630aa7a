import { lackOf } from "../file_system.ts";
import { type FileFacts, type HostSystem, isThere } from "./host_system.ts";
import { etagOf, formatTree, type HubFile, parseTree } from "./hub_tree.ts";
import { unreadable } from "./cache_errors.ts";
import { isCommit } from "./hub_name.ts";

/** How the folder of a model in the cache begins. */
const prefix = "models--";

/** The folder of a repository: `models--org--name`, `datasets--org--name`. */
function folderOf(repo: string): string {
  const name = repo.replaceAll("/", "--");
  return repo.startsWith("datasets/") ? name : prefix + name;
}

/** The model that a folder of the cache belongs to; `undefined` for another folder. */
export function repoOfFolder(folder: string): string | undefined {
  const parts = folder.startsWith(prefix) ? folder.slice(prefix.length).split("--") : [];
  return parts.length === 2 ? parts.join("/") : undefined;
}

/**
 * One repository's part of the cache that Python's `huggingface_hub` has too:
 *
 * ```text
 * models--org--name/
 *   refs/main                     the commit that a branch had when it was last asked for
 *   blobs/<etag>                  a file's bytes, named by their hash
 *   blobs/<etag>.incomplete       what came of a file so far
 *   snapshots/<commit>/<path>     a link to its blob
 *   trees/<commit>.json           the listing of a commit
 * .locks/models--org--name/<etag>.lock
 * ```
 */
export class RepoCache {
  readonly repo: string;
  readonly folder: string;
  readonly #locks: string;
  readonly #host: HostSystem;

  /**
   * @param cache Folder of the whole cache.
   * @param repo `org/name`, or `datasets/org/name` for a data set; checked.
   */
  constructor(host: HostSystem, cache: string, repo: string) {
    this.#host = host;
    this.repo = repo;
    const name = folderOf(repo);
    this.folder = `${cache}/${name}`;
    this.#locks = `${cache}/.locks/${name}`;
  }

  /** The folder of a commit's files. */
  snapshot(commit: string): string {
    return `${this.folder}/snapshots/${commit}`;
  }

  /** Where the bytes of a file go. */
  blob(etag: string): { readonly whole: string; readonly part: string; readonly lock: string } {
    const whole = `${this.folder}/blobs/${etag}`;
    return { whole, part: `${whole}.incomplete`, lock: `${this.#locks}/${etag}.lock` };
  }

  /** The commit that a branch or tag had when it was last asked for. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = (await this.readText(`${this.folder}/refs/${revision}`))?.trim();
    return text !== undefined && isCommit(text) ? text : undefined;
  }

  /** Remembers the commit of a branch or tag. */
  async keepCommit(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || await this.commitOf(revision) === commit) return;
    await this.#writeText(`${this.folder}/refs/${revision}`, commit);
  }

  /** The listing of a commit, where it was kept. */
  async tree(commit: string): Promise<readonly HubFile[] | undefined> {
    const text = await this.readText(this.#treeFile(commit));
    return text === undefined ? undefined : parseTree(text, this.repo);
  }

  /** Keeps the listing of a commit. */
  async keepTree(commit: string, files: readonly HubFile[]): Promise<void> {
    await this.#writeText(this.#treeFile(commit), formatTree(files));
  }

  /** Makes the folders of a file's blob and its lock. */
  async makeFolders(): Promise<void> {
    for (const folder of [`${this.folder}/blobs`, this.#locks]) {
      await this.#host.files.mkdir(folder, { recursive: true });
    }
  }

  /** Whether a commit's file is there, of its own size. */
  async has(commit: string, file: HubFile): Promise<boolean> {
    const facts = await this.facts(`${this.snapshot(commit)}/${file.path}`);
    return facts !== undefined && facts.isFile() && facts.size === file.size;
  }

  /** What lies at a path, links followed. */
  async facts(path: string): Promise<FileFacts | undefined> {
    try {
      return await this.#host.files.stat(path);
    } catch (error) {
      if (lackOf(error) === "absent") return undefined;
      throw unreadable(path, error);
    }
  }

  /** Names of what lies in a folder; none where there is no such folder. */
  async names(path: string): Promise<readonly string[]> {
    try {
      return await this.#host.files.readdir(path);
    } catch (error) {
      if (lackOf(error) === "absent") return [];
      throw unreadable(path, error);
    }
  }

  /** A text, or `undefined` where there is no such file. */
  async readText(path: string): Promise<string | undefined> {
    try {
      return await this.#host.files.readFile(path, "utf8");
    } catch (error) {
      if (lackOf(error) === "absent") return undefined;
      throw unreadable(path, error);
    }
  }

  /** Puts a file that has come into a commit's folder. */
  async link(commit: string, file: HubFile): Promise<void> {
    const { files } = this.#host;
    const path = `${this.snapshot(commit)}/${file.path}`;
    await files.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    const up = "../".repeat(file.path.split("/").length + 1);
    const target = `${up}blobs/${etagOf(file)}`;
    const { whole } = this.blob(etagOf(file));
    for (const isAgain of [false, true]) {
      try {
        return await this.#linkNow(target, whole, path);
      } catch (error) {
        if (!isThere(error) || isAgain) throw error;
        if (await this.has(commit, file)) return; // another process was sooner
        await files.unlink(path); // a link to nothing, or to another blob
      }
    }
  }

  /**
   * A relative symbolic link, as Python makes it. Deno allows those only to programs that may read and
   * write everywhere, and Windows to some users only: there a second name of the same file serves.
   */
  async #linkNow(target: string, whole: string, path: string): Promise<void> {
    const { files } = this.#host;
    try {
      await files.symlink(target, path);
    } catch (error) {
      if (lackOf(error) !== "permission") throw error;
      await files.link(whole, path);
    }
  }

  #treeFile(commit: string): string {
    return `${this.folder}/trees/${commit}.json`;
  }

  /** Writes a text that is whole or not there. */
  async #writeText(path: string, text: string): Promise<void> {
    const { files } = this.#host;
    await files.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    const part = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    await files.writeFile(part, text);
    await files.rename(part, path);
  }
}
