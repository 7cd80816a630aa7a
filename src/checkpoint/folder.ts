import { AssayError } from "../error.ts";
import { blobSource } from "./blob_source.ts";
import type { ByteSource } from "./byte_source.ts";
import { fileSource, kindAt, listFiles } from "./file_source.ts";
import { type HttpOptions, httpSource, parseAddress } from "./http_source.ts";

/** A folder in Hugging Face layout, wherever it lies. */
export interface CheckpointFolder {
  /** What messages call the folder: its path or address. */
  readonly name: string;
  /**
   * Opens a file of the folder.
   *
   * @param file Path relative to the folder, with `/` between its parts.
   * @returns The file, or `undefined` where the folder has no such file.
   * @throws {AssayError} `checkpoint/path-leaves-folder`, and what opening the file throws.
   */
  open(file: string): Promise<ByteSource | undefined>;
  /** Names of the folder's files, where they can be listed; makes messages more helpful. */
  list?(): Promise<readonly string[]>;
  /** What lies at the folder's own place, where that can be told; makes messages more helpful. */
  kind?(): Promise<"folder" | "file" | undefined>;
}

/**
 * A folder on this machine, in Deno (which wants `--allow-read`), Node or Bun.
 *
 * Symbolic links are followed wherever they lead: the hub's cache is made of them.
 *
 * @param path Path or `file:` URL.
 */
export function localFolder(path: string | URL): CheckpointFolder {
  const name = String(path);
  return {
    name,
    async open(file) {
      checkPath(name, file);
      return await fileSource(path instanceof URL ? urlInFolder(path, file) : `${path}/${file}`);
    },
    list: () => listFiles(path),
    kind: () => kindAt(path),
  };
}

/**
 * A folder behind HTTP, for example `https://huggingface.co/<model>/resolve/main`. Its server must
 * know range requests.
 *
 * @param base Address of the folder; a query is kept for every file.
 * @param options A `fetch` of your own, and headers such as `authorization`.
 * @throws {AssayError} `checkpoint/bad-address`.
 */
export function httpFolder(base: string | URL, options: HttpOptions = {}): CheckpointFolder {
  const url = parseAddress(base);
  const name = url.origin + url.pathname;
  return {
    name,
    async open(file) {
      checkPath(name, file);
      return await httpSource(urlInFolder(url, file), options);
    },
  };
}

/**
 * A folder made of `Blob`s, such as the files that a user picked in a browser.
 *
 * @param name What messages call the folder.
 * @param files The blobs by their path in the folder.
 */
export function blobFolder(name: string, files: ReadonlyMap<string, Blob>): CheckpointFolder {
  return {
    name,
    open(file) {
      checkPath(name, file);
      const blob = files.get(file);
      return Promise.resolve(blob && blobSource(`${name}/${file}`, blob));
    },
    list: () => Promise.resolve([...files.keys()]),
  };
}

/**
 * The folder that a path or address means: `http:`, `https:` and `file:` URLs, else a local path.
 *
 * @throws {AssayError} `checkpoint/bad-address`.
 */
export function folderAt(source: string | URL): CheckpointFolder {
  const isAddress = source instanceof URL || /^(https?|file):/i.test(source);
  if (!isAddress) return localFolder(source);
  const url = parseAddress(source);
  return url.protocol === "file:" ? localFolder(url) : httpFolder(url);
}

/**
 * Refuses a file path that could lead out of the folder it is relative to, on any system.
 *
 * @throws {AssayError} `checkpoint/path-leaves-folder`.
 */
export function checkPath(folder: string, file: string): void {
  const plain = file.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  // A backslash and a colon separate parts and name drives on Windows.
  // deno-lint-ignore no-control-regex
  if (!plain || /[\\:\u0000-\u001f]/.test(file)) {
    throw new AssayError(
      "checkpoint/path-leaves-folder",
      `Cannot open ${JSON.stringify(file)} in ${folder}: expected a path inside the folder, ` +
        `without "..", a leading "/", a backslash or a colon`,
    );
  }
}

function urlInFolder(base: URL, file: string): URL {
  const url = new URL(base);
  const path = file.split("/").map(encodeURIComponent).join("/");
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url;
}
