import type { Checkpoint } from "../checkpoint/checkpoint.ts";

/** Text files that a checkpoint needs beside its weights. */
const copiedFiles: readonly string[] = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "generation_config.json",
];

/** The text files of a checkpoint that one made of it needs too, by name. */
export async function copiedTexts(checkpoint: Checkpoint): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const file of copiedFiles) {
    const text = await checkpoint.readText(file);
    if (text !== undefined) files.set(file, text);
  }
  return files;
}
