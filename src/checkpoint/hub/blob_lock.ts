import { lackOf } from "../file_system.ts";
import { type HostSystem, isThere } from "./host_system.ts";

/** Milliseconds between two looks at a lock, and between two signs of life of a lock's holder. */
const lookEvery = 200;
const signEvery = 2000;
/** Milliseconds without a sign of life after which a holder counts as dead. */
const deadAfter = 20_000;

/**
 * Holds a lock that processes share, until it is disposed of. With Deno it is the system's own lock on
 * Python's lock file, which ends with the process in whatever way that ends; in Node and Bun, which
 * have none, a file beside it whose time its holder renews.
 *
 * @param path The lock file; its folder is there.
 * @param onWait Told once where another process holds the lock.
 * @param signal Ends the waiting.
 */
export async function holdLock(
  host: HostSystem,
  path: string,
  onWait: () => void,
  signal: AbortSignal | undefined,
): Promise<Disposable> {
  const tryLock = host.tryLock ?? ((path) => tryLockFile(host, `${path}ed`));
  for (let waited = false;;) {
    signal?.throwIfAborted();
    const lock = await tryLock(path);
    if (lock !== undefined) return lock;
    if (!waited) onWait();
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, lookEvery));
  }
}

/** As {@link HostSystem.tryLock}, by a file that is there while the lock is held. */
export async function tryLockFile(
  { files }: HostSystem,
  path: string,
  deadline: number = deadAfter,
): Promise<Disposable | undefined> {
  try {
    await (await files.open(path, "wx")).close();
  } catch (error) {
    if (!isThere(error)) throw error;
    await removeDead(files, path, deadline);
    return undefined; // the next try sees whether it is gone
  }
  const renew = setInterval(() => {
    const now = new Date();
    files.utimes(path, now, now).catch(() => {});
  }, signEvery);
  return {
    [Symbol.dispose](): void {
      clearInterval(renew);
      files.unlink(path).catch(() => {});
    },
  };
}

async function removeDead(
  files: HostSystem["files"],
  path: string,
  deadline: number,
): Promise<void> {
  try {
    const { mtimeMs } = await files.stat(path);
    if (Date.now() - mtimeMs < deadline) return;
    // Only one of several waiting processes can move it.
    const dead = `${path}.${crypto.randomUUID().slice(0, 8)}`;
    await files.rename(path, dead);
    await files.unlink(dead);
  } catch (error) {
    if (lackOf(error) !== "absent") throw error;
  }
}
