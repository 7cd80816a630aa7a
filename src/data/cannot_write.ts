import { AssayError } from "../error.ts";

/**
 * The error of a file that can't be written, in words that name the file and what to do.
 *
 * @param path The file as the user named it.
 * @param cause Why.
 * @param needed What permission is needed for, where that is more than the file.
 */
export function cannotWrite(path: string, cause: unknown, needed: string = path): AssayError {
  if (cause instanceof AssayError) return cause;
  const reason = reasonOf(cause, needed);
  return new AssayError("data/cannot-write", `Cannot write ${path}: ${reason}`, { cause });
}

function reasonOf(cause: unknown, needed: string): string {
  if (cause instanceof Deno.errors.NotCapable) {
    return `Deno was not given the permission; add --allow-write=${needed}`;
  }
  if (cause instanceof Deno.errors.NotFound) return "there is no such folder";
  return cause instanceof Error ? cause.message : String(cause);
}
