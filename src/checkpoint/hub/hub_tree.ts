import { AssayError } from "../../error.ts";
import { checkPath } from "../folder.ts";

/** A file of a model on the hub, at one commit. */
export interface HubFile {
  /** Path in the repository, with `/` between its parts. */
  readonly path: string;
  readonly size: number;
  /** Git's own hash of what the repository has: of the file, or of the pointer to it. */
  readonly blobId: string;
  /** SHA-256 of a file that lies outside of Git. */
  readonly sha256?: string | undefined;
  readonly xetHash?: string | undefined;
}

/** The most files of a repository, and the most characters of a path. */
export const mostFiles = 100_000;
const mostOfPath = 1000;

/** The hash that a file's bytes must have; it also names its blob, as the hub's ETag does. */
export function etagOf({ sha256, blobId }: HubFile): string {
  return sha256 ?? blobId;
}

/** The file of a listing, as `listFiles` of `@huggingface/hub` and the hub itself give it. */
export interface ListedFile {
  readonly path?: unknown;
  readonly size?: unknown;
  readonly oid?: unknown;
  readonly lfs?: { readonly oid?: unknown; readonly size?: unknown } | null | undefined;
  readonly xetHash?: unknown;
}

/**
 * A file of a listing, checked: a server can't name a place outside of the cache, or what is no hash.
 *
 * @param where The listing, as messages say it.
 * @throws {AssayError} `checkpoint/bad-hub-answer`, `checkpoint/path-leaves-folder`.
 */
export function checkedFile(listed: ListedFile, where: string): HubFile {
  const { path, oid: blobId, xetHash, lfs } = listed;
  const size = lfs?.size ?? listed.size;
  const sha256 = lfs?.oid;
  if (typeof path !== "string" || path === "" || path.length > mostOfPath) {
    throw badAnswer(where, "paths of files", String(path).slice(0, 100));
  }
  checkPath(where, path);
  if (!Number.isSafeInteger(size) || Number(size) < 0) {
    throw badAnswer(where, `the size of ${path}`, String(size));
  }
  if (!isHash(blobId, 40) || sha256 !== undefined && !isHash(sha256, 64)) {
    throw badAnswer(where, `the hash of ${path}`, String(sha256 ?? blobId).slice(0, 100));
  }
  return {
    path,
    size: Number(size) + 0, // JSON has a -0, files don't
    blobId,
    ...(sha256 !== undefined && { sha256 }),
    ...(isHash(xetHash, 64) && { xetHash }),
  };
}

/** The error of an answer that is none of the hub's. */
export function badAnswer(where: string, expected: string, found: string): AssayError {
  return new AssayError(
    "checkpoint/bad-hub-answer",
    `Cannot use what the hub tells of ${where}: expected ${expected}, found ${
      JSON.stringify(found)
    }; is HF_ENDPOINT a hub?`,
  );
}

function isHash(value: unknown, digits: number): value is string {
  return typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value);
}

/** A listing as Python's `huggingface_hub` keeps it in `trees/<commit>.json`. */
export function formatTree(files: readonly HubFile[]): string {
  const sorted = files.toSorted((a, b) => a.path < b.path ? -1 : 1);
  const entries = sorted.map(({ path, size, blobId, sha256, xetHash }) => [
    path,
    {
      size,
      blob_id: blobId,
      ...(sha256 !== undefined && { lfs_sha256: sha256, lfs_size: size }),
      ...(xetHash !== undefined && { xet_hash: xetHash }),
    },
  ]);
  return JSON.stringify({ format_version: 1, files: Object.fromEntries(entries) }, null, 1);
}

/** Reads what {@link formatTree} or Python wrote; `undefined` for anything else. */
export function parseTree(text: string, where: string): readonly HubFile[] | undefined {
  try {
    const { format_version: version, files } = JSON.parse(text);
    if (version !== 1) return undefined;
    return Object.entries(files as Record<string, Record<string, unknown>>).map(([path, info]) => {
      const { size, blob_id: oid, lfs_sha256: sha256, lfs_size: lfsSize } = info;
      const lfs = sha256 == null ? undefined : { oid: sha256, size: lfsSize ?? size };
      return checkedFile({ path, size, oid, lfs, xetHash: info.xet_hash }, where);
    });
  } catch {
    return undefined; // it is asked for again
  }
}
