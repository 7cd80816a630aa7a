import { openFolder } from "../checkpoint/checkpoint.ts";
import { refuseLfsPointer } from "../checkpoint/lfs_pointer.ts";
import type { TextFiles } from "../text/tokenizer_files.ts";

/**
 * The texts of a checkpoint that its tokenizer and chat template are read from; its weights may be missing,
 * and of a model of the hub they are not downloaded.
 *
 * @param source Folder or URL of the checkpoint, or its name on the hub.
 * @throws {AssayError} What opening the folder throws.
 */
export async function openTokenizerFolder(source: string): Promise<TextFiles> {
  const folder = await openFolder(source, { weights: false });
  return {
    name: folder.name,
    async readText(file: string): Promise<string | undefined> {
      using source = await folder.open(file);
      if (source === undefined) return undefined;
      const text = new TextDecoder().decode(await source.read(0, source.byteLength));
      refuseLfsPointer(text, source.name);
      return text;
    },
  };
}
