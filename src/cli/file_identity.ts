import { isHubName } from "../checkpoint/hub/hub_name.ts";
import type { FileInfo } from "../runtime/file_types.ts";
import { files } from "../runtime/files.ts";
import { isPermitted } from "../runtime/permissions.ts";
/** Tells one file from all others, whatever names and links lead to it: device and inode. */
export type FileIdentity = string;

/** Folders inside a checkpoint's folder that are looked into. */
const mostLevels = 3;

/** What is read of a folder: a checkpoint's, an adapter's or features' files, and not all that lies there. */
const readNames = new RegExp(
  "\\.safetensors(\\.index\\.json)?$|^((adapter_|tokenizer_|generation_)?config|tokenizer|vocab|" +
    "special_tokens_map|added_tokens|chat_template|features|fit)\\.json$|^features-\\d+\\.jsonl$|" +
    "\\.jinja$|^merges\\.txt$|^tokenizer\\.model$",
);

/**
 * The identity of a file or folder; `undefined` for devices and pipes, which may be read and written at
 * once, and where the system tells none.
 */
export function identityOfInfo(
  { dev, ino, isFile, isDirectory }: FileInfo,
): FileIdentity | undefined {
  return ino === null || !(isFile || isDirectory) ? undefined : `${dev}:${ino}`;
}

/**
 * The identity of an output, which is made for the moment where it is not there: two names of one new
 * file are seen in no other way.
 *
 * @param path The output.
 * @param made Gets the path of a file that was made.
 * @returns `undefined` where there is none; what is wrong is for the writing to say.
 */
export async function identityOf(
  path: string,
  made: string[],
): Promise<FileIdentity | undefined> {
  const mayStat = isPermitted("read", path);
  try {
    if (mayStat) return identityOfInfo(await files.stat(path));
  } catch {
    // Not there yet.
  }
  for (const options of [{ createNew: true }, {}]) {
    try {
      using file = await files.open(path, { write: true, ...options });
      if (options.createNew) made.push(path);
      // Without the permission to read it, its name must do: no input has that name either.
      return mayStat ? identityOfInfo(await file.stat()) : path.replace(/^(\.\/+)+/, "");
    } catch {
      // It is there, or can't be made.
    }
  }
  return undefined;
}

/**
 * The files behind a command's inputs, those in folders too.
 *
 * @param paths Files, folders and addresses; what is not there is for the reading to say.
 * @returns The inputs by identity, under the names that people gave.
 */
export async function inputFiles(paths: readonly string[]): Promise<Map<FileIdentity, string>> {
  const found = new Map<FileIdentity, string>();
  for (const path of paths) {
    const local = localPath(path);
    if (local !== undefined) await gather(local, 0, found);
  }
  return found;
}

async function gather(
  path: string,
  level: number,
  found: Map<FileIdentity, string>,
): Promise<void> {
  try {
    const info = await files.stat(path);
    const identity = identityOfInfo(info);
    const isInput = !info.isDirectory || level === 0;
    if (isInput && identity !== undefined && !found.has(identity)) found.set(identity, path);
    if (!info.isDirectory || level > mostLevels) return;
    for await (const { name, isDirectory } of files.readDir(path)) {
      const isRead = isDirectory ? !/^\.|^node_modules$/.test(name) : readNames.test(name);
      if (isRead) await gather(`${path}/${name}`, level + 1, found);
    }
  } catch {
    // Not there, or not to be read.
  }
}

/** The path that an input names; `undefined` for standard input and what lies elsewhere. */
function localPath(input: string): string | undefined {
  if (input === "-" || isHubName(input)) return undefined;
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(input)) return input;
  const url = URL.parse(input);
  return url?.protocol === "file:" ? decodeURIComponent(url.pathname) : undefined;
}
