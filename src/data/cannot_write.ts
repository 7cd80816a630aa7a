import { AssayError } from "../error.ts";
import { failureOf, permissionAdvice } from "../runtime/failure.ts";

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
  const failure = failureOf(cause);
  if (failure === "not-capable") return permissionAdvice(`--allow-write=${needed}`);
  if (failure === "not-found") return "there is no such folder";
  return cause instanceof Error ? cause.message : String(cause);
}
