/** What an error of the runtime's means, where that decides what is told or done. */
export type Failure =
  /** Nothing lies there. */
  | "not-found"
  /** The runtime itself was not given the permission. */
  | "not-capable"
  | "is-a-folder"
  | "already-exists"
  /** Whoever read has gone away. */
  | "broken-pipe"
  /** Somebody listens there already. */
  | "address-in-use";

/** By the names of Deno's errors and the codes of Node's. */
const failures: Readonly<Record<string, Failure>> = {
  NotFound: "not-found",
  ENOENT: "not-found",
  NotCapable: "not-capable",
  ERR_ACCESS_DENIED: "not-capable",
  IsADirectory: "is-a-folder",
  EISDIR: "is-a-folder",
  AlreadyExists: "already-exists",
  EEXIST: "already-exists",
  BrokenPipe: "broken-pipe",
  EPIPE: "broken-pipe",
  AddrInUse: "address-in-use",
  EADDRINUSE: "address-in-use",
};

/** What an error of the runtime's means; `undefined` where its own message must do. */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, code } = error as { name: string; code?: unknown };
  return failures[name] ?? failures[String(code)];
}

/** An error that {@link failureOf} takes for a folder where a file was expected. */
export function folderFound(path: string): Error {
  return Object.assign(new Error(`${path} is a folder`), { code: "EISDIR" });
}

/**
 * What to do about `not-capable`, as messages say it.
 *
 * @param flag The flag that gives Deno the permission: `--allow-read=rows.jsonl`.
 */
export function permissionAdvice(flag: string): string {
  return "Deno" in globalThis
    ? `Deno was not given the permission; add ${flag}`
    : `Node was not given the permission; add ${
      flag.replace(/^--allow-(read|write)/, "--allow-fs-$1")
    }`;
}
