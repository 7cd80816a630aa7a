import { textOf, writeWholeFile } from "../data/whole_file.ts";

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
