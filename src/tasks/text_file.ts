import { AssayError } from "../error.ts";

/**
 * Writes a whole text file.
 *
 * @param path The file, created or replaced.
 * @param text Its content.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function writeTextFile(path: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AssayError("data/cannot-write", `Cannot write ${path}: ${reason}`, { cause });
  }
}
