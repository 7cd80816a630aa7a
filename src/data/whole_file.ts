import { type ByteSink, isRegular, OpenFile } from "./byte_sink.ts";
import { cannotWrite } from "./cannot_write.ts";
import { folderOf, temporaryBeside } from "./temporary_file.ts";
import { failureOf } from "../runtime/failure.ts";
import type { OpenedFile } from "../runtime/file_types.ts";
import { files } from "../runtime/files.ts";
import { isPermitted } from "../runtime/permissions.ts";

/**
 * Writes a file that is there as a whole or not at all: under another name until it is complete, so
 * that a full disk or an error leaves what stood there before. Where only the file itself may be
 * written (`--allow-write=FILE`), or where it is no file but a device or a pipe, it is written in
 * place; what failed half way is then removed.
 *
 * A link is followed: the file that it names is written.
 *
 * @param path The file, created or replaced.
 * @param write Writes its bytes.
 * @throws {AssayError} `data/cannot-write`; and what `write` throws.
 */
export async function writeWholeFile(
  path: string,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  const target = await replaceable(path);
  if (target === undefined) await writeInPlace(path, write);
  else await replace(target.path, path, target.mode, write);
}

/**
 * Writes a file of a folder that Assay makes, such as a checkpoint's: as {@linkcode writeWholeFile},
 * but a link that stands in its place is replaced, never written through, and the folder must be
 * permitted.
 *
 * @param path The file, created or replaced.
 * @param write Writes its bytes.
 * @throws {AssayError} `data/cannot-write`; and what `write` throws.
 */
export async function writeFolderFile(
  path: string,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  await replace(path, path, undefined, write);
}

/** Writes text with one of the two. */
export function textOf(text: string): (sink: ByteSink) => Promise<void> {
  return (sink) => sink.write(new TextEncoder().encode(text));
}

/** Where a new file may take a path's place; `undefined` where it must be written in place. */
async function replaceable(
  path: string,
): Promise<{ path: string; mode: number | undefined } | undefined> {
  const folder = folderOf(path);
  if (!isPermitted("read", folder) || !isPermitted("write", folder)) return undefined;
  try {
    const { isFile, mode } = await files.stat(path);
    if (!isFile) return undefined;
    const real = await files.realPath(path);
    const place = folderOf(real);
    return isPermitted("read", place) && isPermitted("write", place)
      ? { path: real, mode: mode ?? undefined }
      : undefined;
  } catch (error) {
    if (failureOf(error) !== "not-found") return undefined;
  }
  // A link to a file that is not there must make that file.
  const isLink = await files.lstat(path).then(() => true, () => false);
  return isLink ? undefined : { path, mode: undefined };
}

async function replace(
  path: string,
  named: string,
  mode: number | undefined,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  // What a private file is replaced by is private from the beginning.
  const temporary = await temporaryBeside(path, named, mode === undefined ? 0o666 : 0o600);
  const { file } = temporary;
  const giveUp = async (): Promise<void> => {
    file.close();
    await files.remove(temporary.path);
  };
  await complete(named, new OpenFile(named, file, giveUp), write, async () => {
    await file.syncData(); // a full disk may tell only now
    if (mode !== undefined) await files.chmod(temporary.path, mode);
    await files.rename(temporary.path, path);
  });
}

async function writeInPlace(
  path: string,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  let file: OpenedFile;
  let isFile: boolean;
  try {
    file = await files.open(path, { write: true, create: true, truncate: true });
    isFile = await isRegular(file);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
  const giveUp = async (): Promise<void> => {
    if (isFile) await file.truncate(0);
    file.close();
    if (isFile) await files.remove(path);
  };
  await complete(path, new OpenFile(path, file, giveUp), write, () => Promise.resolve());
}

async function complete(
  path: string,
  file: OpenFile,
  write: (sink: ByteSink) => Promise<void>,
  finish: () => Promise<void>,
): Promise<void> {
  try {
    await write({ write: (bytes) => file.write(bytes), close: () => Promise.resolve() });
  } catch (error) {
    await file.fail(error);
    throw error;
  }
  try {
    await finish();
  } catch (cause) {
    await file.fail(cause);
    throw cannotWrite(path, cause);
  }
  await file.close();
}
