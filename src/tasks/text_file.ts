import { inputError } from "../data/input_bytes.ts";
import { textOf, writeWholeFile } from "../data/whole_file.ts";
import { files } from "../runtime/files.ts";

/**
 * Writes a whole text file: where that fails, what stood there before stays, or nothing does.
 *
 * @param path The file, created or replaced.
 * @param text Its content.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function writeTextFile(path: string, text: string): Promise<void> {
  await writeWholeFile(path, textOf(text));
}

/**
 * Reads a whole text file.
 *
 * @throws {AssayError} `data/no-such-file`, `data/no-permission`, `data/bad-file`.
 */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await files.readTextFile(path);
  } catch (error) {
    throw inputError(path, error);
  }
}
