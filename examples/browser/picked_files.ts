/** A folder that the user picked or dropped. */
export interface PickedFolder {
  readonly name: string;
  /** By path in the checkpoint's folder. */
  readonly files: ReadonlyMap<string, File>;
}

/** The files of `<input type="file">`, with `webkitdirectory` or without. */
export function folderOfInput(list: Iterable<File>): PickedFolder {
  const files = new Map([...list].map((file) => [file.webkitRelativePath || file.name, file]));
  return checkpointIn("the picked files", files);
}

/** A folder or files that were dropped. */
export async function folderOfDrop({ items }: DataTransfer): Promise<PickedFolder> {
  const files = new Map<string, File>();
  // All are asked at once: what was dropped is there for no longer than the event.
  const dropped = [...items].map((item) => [item.webkitGetAsEntry(), item.getAsFile()] as const);
  for (const [entry, file] of dropped) {
    if (entry !== null) await addEntry(entry, files);
    else if (file !== null) files.set(file.name, file); // by a browser that has no entries
  }
  return checkpointIn("the dropped files", files);
}

/** What `showDirectoryPicker` gave. */
export async function folderOfHandle(handle: FileSystemDirectoryHandle): Promise<PickedFolder> {
  const files = new Map<string, File>();
  await addHandle(handle, handle.name, files);
  return checkpointIn(handle.name, files);
}

/** Of picked files the folder that has the checkpoint: the first with a `config.json`. */
function checkpointIn(name: string, files: ReadonlyMap<string, File>): PickedFolder {
  const config = [...files.keys()].filter((path) => /(^|\/)config\.json$/.test(path))
    .sort((a, b) => a.split("/").length - b.split("/").length)[0];
  const common = [...files.keys()][0]?.split("/").slice(0, -1).join("/") ?? "";
  const root = config === undefined ? common : config.split("/").slice(0, -1).join("/");
  const prefix = root === "" ? "" : `${root}/`;
  const inside = [...files].filter(([path]) => path.startsWith(prefix));
  return {
    name: root.split("/").at(-1) || name,
    files: new Map(inside.map(([path, file]) => [path.slice(prefix.length), file])),
  };
}

async function addEntry(entry: FileSystemEntry, files: Map<string, File>): Promise<void> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject)
    );
    files.set(path, file);
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) { // a reader gives some of the entries at a time, and at the end none
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject)
    );
    if (some.length === 0) return;
    for (const inside of some) await addEntry(inside, files);
  }
}

async function addHandle(
  folder: FileSystemDirectoryHandle,
  path: string,
  files: Map<string, File>,
): Promise<void> {
  for await (const handle of folder.values()) {
    const inside = `${path}/${handle.name}`;
    if (handle.kind === "file") files.set(inside, await (handle as FileSystemFileHandle).getFile());
    else await addHandle(handle as FileSystemDirectoryHandle, inside, files);
  }
}
