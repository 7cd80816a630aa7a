import { textOf, writeFolderFile } from "../../data/whole_file.ts";
import { AssayError } from "../../error.ts";
import { cacheFileName, type CacheIdentity, ScoreCache } from "../../voting/score_cache.ts";
import { failureOf } from "../../runtime/failure.ts";
import type { OpenedFile } from "../../runtime/file_types.ts";
import { files } from "../../runtime/files.ts";

/**
 * A {@linkcode ScoreCache} in a file. Every score is appended the moment it is known, so a run that is
 * killed goes on where it stopped; a line that was cut short is closed and passed over.
 */
export class ScoreCacheFile implements Disposable {
  readonly #cache: ScoreCache;
  readonly #path: string;
  readonly #file: OpenedFile | undefined;

  private constructor(cache: ScoreCache, path: string, file: OpenedFile | undefined) {
    this.#cache = cache;
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the file of a voter in a folder, which is made where there is none.
   *
   * @param folder The cache's folder; `undefined` keeps scores for this run only.
   * @param identity What the scores depend on.
   * @throws {AssayError} `cli/cache` where the file can't be read or written, `voting/foreign-cache`.
   */
  static async open(
    folder: string | undefined,
    identity: CacheIdentity,
  ): Promise<ScoreCacheFile> {
    const cache = new ScoreCache(identity);
    if (folder === undefined) return new ScoreCacheFile(cache, "", undefined);
    const path = `${folder}/${await cacheFileName(identity)}`;
    try {
      await files.mkdir(folder, { recursive: true });
      await refuseLink(path);
      const endsInLine = await readLines(path, (line) => cache.readLine(line));
      if (cache.isOutdated) await writeFolderFile(path, textOf(cache.header()));
      const file = await files.open(path, { append: true, create: true });
      const opened = new ScoreCacheFile(cache, path, file);
      if (endsInLine === undefined) opened.#append(cache.header());
      else if (!endsInLine && !cache.isOutdated) opened.#append("\n");
      return opened;
    } catch (cause) {
      throw unusable(path, cause);
    }
  }

  /** What people should know of the file: that some of it was not believed; `undefined` for nothing. */
  get problem(): string | undefined {
    const { isOutdated, badLines } = this.#cache;
    if (isOutdated) {
      return `the score cache ${this.#path} was written by an earlier version, without checksums: ` +
        "its scores are not used, and everything is scored again";
    }
    if (badLines === 0) return undefined;
    return `${badLines} ${badLines === 1 ? "line" : "lines"} of the score cache ${this.#path} ` +
      "were cut short or changed: what they held is scored again";
  }

  /** Number of conversations with a score. */
  get size(): number {
    return this.#cache.size;
  }

  /** The scores of a conversation, if it has been scored. */
  get(key: string): readonly number[] | undefined {
    return this.#cache.get(key);
  }

  /** The kernels that computed the scores, as far as the file tells. */
  get kernels(): ReadonlySet<string> {
    return this.#cache.kernels;
  }

  /** Keeps the scores of a conversation, in the file too, with the kernels that computed them. */
  add(key: string, scores: readonly number[], kernels?: string): void {
    this.#append(this.#cache.add(key, scores, kernels));
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file?.close();
  }

  /** One write per line: where several runs share a cache, their lines don't mix. */
  #append(line: string): void {
    const bytes = new TextEncoder().encode(line);
    try {
      for (let written = 0; this.#file !== undefined && written < bytes.length;) {
        written += this.#file.writeSync(bytes.subarray(written));
      }
    } catch (cause) {
      throw unusable(this.#path, cause);
    }
  }
}

/** What is appended to must be the cache itself: a link could lead to any file of the user's. */
async function refuseLink(path: string): Promise<void> {
  const isLink = await files.lstat(path).then(({ isSymlink }) => isSymlink, () => false);
  if (isLink) throw new Error("expected a file, found a symbolic link");
}

function unusable(path: string, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AssayError(
    "cli/cache",
    `Cannot use the score cache ${path}: ${reason}; name another folder with --cache, or do without ` +
      "with --no-cache",
    { cause },
  );
}

/**
 * Reads a file line by line.
 *
 * @returns Whether the last line is ended; `undefined` for a file that is empty or does not exist.
 */
async function readLines(
  path: string,
  take: (line: string) => void,
): Promise<boolean | undefined> {
  let file: OpenedFile;
  try {
    file = await files.open(path, { read: true });
  } catch (error) {
    if (failureOf(error) === "not-found") return undefined;
    throw error;
  }
  let rest = "";
  let endsInLine: boolean | undefined;
  for await (const chunk of file.readable.pipeThrough(new TextDecoderStream())) {
    if (chunk === "") continue;
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
    endsInLine = rest === "";
  }
  if (rest !== "") take(rest);
  return endsInLine;
}
