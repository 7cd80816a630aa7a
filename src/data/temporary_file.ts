import { cannotWrite } from "./cannot_write.ts";
import type { OpenedFile } from "../runtime/file_types.ts";
import { files } from "../runtime/files.ts";
import { isWindows } from "../runtime/process.ts";

/** A file that nobody else knows, on its way to be something else. */
export interface TemporaryFile {
  /** Where it lies: beside the file that it is for. */
  readonly path: string;
  /** It, open for reading and writing. */
  readonly file: OpenedFile;
}

/** Characters of the name it is for that its own name shows; names have at most 255 bytes. */
const shownCharacters = 40;

/**
 * Makes a new file beside another: `.NAME.RANDOM.tmp`. Nobody can guess the name, and nothing that
 * already stands there, a link least of all, is ever opened.
 *
 * @param path The file that it is for; needs permission to write to that file's folder.
 * @param named What errors call that file.
 * @param mode Who may read it; by default its owner alone.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function temporaryBeside(
  path: string,
  named: string = path,
  mode = 0o600,
): Promise<TemporaryFile> {
  const folder = folderOf(path);
  const name = path.slice(path.length - nameLength(path)).slice(0, shownCharacters);
  const temporary = `${folder}/.${name}.${crypto.randomUUID()}.tmp`;
  try {
    const options = { read: true, write: true, createNew: true, mode };
    return { path: temporary, file: await files.open(temporary, options) };
  } catch (cause) {
    throw cannotWrite(named, cause, folder);
  }
}

/**
 * Makes a file without a name: it goes with the process that has it open, however that ends. Where
 * the system doesn't let go of a name that is in use, it goes when it is closed.
 *
 * @param path The file that it is for.
 * @returns The file, and what closes it.
 * @throws {AssayError} `data/cannot-write`, naming `path`.
 */
export async function namelessFile(
  path: string,
): Promise<{ readonly file: OpenedFile; readonly close: () => Promise<void> }> {
  const temporary = await temporaryBeside(path);
  const remove = () => files.remove(temporary.path).then(() => true, () => false);
  const isGone = await remove();
  return {
    file: temporary.file,
    async close(): Promise<void> {
      temporary.file.close();
      if (!isGone) await remove();
    },
  };
}

/** The folder that a path names a file in. */
export function folderOf(path: string): string {
  const folder = path.slice(0, path.length - nameLength(path));
  if (folder === "") return ".";
  return folder.length === 1 ? folder : folder.slice(0, -1);
}

function nameLength(path: string): number {
  const separators = isWindows ? /[\\/]/ : /\//;
  return path.split(separators).at(-1)!.length;
}
