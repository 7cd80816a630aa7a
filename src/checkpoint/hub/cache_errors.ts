import { AssayError } from "../../error.ts";
import { lackOf } from "../file_system.ts";
import { isDiskFull } from "./host_system.ts";

/**
 * What an error of writing to the cache means, and what to do about it.
 *
 * @param folder What could not be written to.
 * @param needed Bytes that were to be written, where that is known.
 */
export function explainWriting(error: unknown, folder: string, needed?: number): unknown {
  if (error instanceof AssayError || !(error instanceof Error)) return error;
  if (isDiskFull(error)) return diskFull(folder, needed, undefined, error);
  const isDenied = lackOf(error) === "permission";
  if (!isDenied && typeof (error as { code?: unknown }).code !== "string") return error;
  const advice = error.name === "NotCapable"
    ? "run Deno with --allow-read and --allow-write of the cache's folder"
    : "look who may write there, or name another folder with HF_HUB_CACHE";
  return new AssayError(
    "checkpoint/cannot-write-cache",
    `Cannot write to the hub's cache ${folder}: ${error.message}; ${advice}`,
    { cause: error },
  );
}

/** The error of a disk that has no room. */
export function diskFull(
  folder: string,
  needed: number | undefined,
  free: number | undefined,
  cause?: unknown,
): AssayError {
  const room = needed === undefined ? "room" : `room for ${needed} bytes`;
  return new AssayError(
    "checkpoint/disk-full",
    `Cannot download into ${folder}: expected ${room}, found ${
      free ?? "less"
    }; what came is kept: make ` +
      "room and run the same command again, or name a folder on another disk with HF_HUB_CACHE",
    { cause },
  );
}

/** The error of a cache that can't be read. */
export function unreadable(path: string, error: unknown): AssayError {
  if (lackOf(error) !== "permission") {
    return new AssayError("checkpoint/read-failed", `Cannot read ${path}: ${error}`, {
      cause: error,
    });
  }
  return new AssayError(
    "checkpoint/permission-denied",
    `Cannot read ${path}: expected permission to read the hub's cache, found none; run Deno with ` +
      "--allow-read of the cache's folder, and look who may read it",
    { cause: error },
  );
}
