import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { textFiles } from "../checkpoint/text_files.ts";

/** The text files of a checkpoint that one made of it needs too, by name. */
export async function copiedTexts(checkpoint: Checkpoint): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const file of ["config.json", ...textFiles]) {
    const text = await checkpoint.readText(file);
    if (text !== undefined) files.set(file, text);
  }
  return files;
}
