import { fstatSync } from "node:fs";
import { checkRowFile } from "../data/write_rows.ts";
import { AssayError } from "../error.ts";
import { type FileIdentity, identityOf, identityOfInfo, inputFiles } from "./file_identity.ts";
import { files } from "../runtime/files.ts";
import { isPermitted } from "../runtime/permissions.ts";

/** A folder that a command writes files into. */
export interface OutputFolder {
  /** The folder; made where it is not there. */
  readonly path: string;
  /** Names of the files that the command writes there. */
  readonly writes: RegExp;
}

/** What a command reads and writes. */
export interface CommandFiles {
  /**
   * Everything that is read: rows, calibrators, heads, and folders of models, adapters and features
   * with all that is in them. `-` is standard input; addresses are no files.
   */
  readonly inputs: readonly (string | undefined)[];
  /** Files that are written; `undefined` for flags that were not given. */
  readonly outputs?: readonly (string | undefined)[];
  /** Folders that are written into. */
  readonly folders?: readonly OutputFolder[];
}

/**
 * Makes sure, before anything is opened to be written, that none of a command's outputs is one of its
 * inputs or another output, whatever they are called and whatever links lead to them, and that the
 * files can be written at all.
 *
 * @throws {AssayError} `cli/usage`, `data/cannot-write`.
 */
export async function checkOutputs(
  { inputs, outputs = [], folders = [] }: CommandFiles,
): Promise<void> {
  const read = await inputFiles(inputs.filter((path) => path !== undefined));
  const written = new Map<FileIdentity, string>();
  const standardOutput = identityOfDescriptor(1);
  if (standardOutput !== undefined) {
    refuseInput(read.get(standardOutput), "standard output");
    written.set(standardOutput, "standard output");
  }
  const standardInput = inputs.includes("-") ? identityOfDescriptor(0) : undefined;
  if (standardInput !== undefined) read.set(standardInput, "standard input");
  const made: string[] = [];
  try {
    for (const path of outputs) {
      if (path === undefined) continue;
      const identity = await identityOf(path, made);
      if (identity === undefined) continue;
      refuseInput(read.get(identity), path);
      const other = written.get(identity);
      if (other !== undefined) throw sameFile(path, `another output, ${other}, is the same file`);
      written.set(identity, path);
    }
    for (const folder of folders) await checkFolder(folder, read, written);
  } finally {
    for (const path of made) await files.remove(path);
  }
  for (const path of outputs) if (path !== undefined) await checkRowFile(path);
}

/** Names of the files that a command writes into the folder of a checkpoint. */
export const checkpointFiles = /\.(safetensors|json|jinja|txt|model)$/;

/** Names of the files of a folder of features. */
export const featureFiles = /^features(-\d+)?\.(json|jsonl|safetensors)$/;

/** A folder must be none that is read, and the files that will be written there neither. */
async function checkFolder(
  { path, writes }: OutputFolder,
  read: ReadonlyMap<FileIdentity, string>,
  written: ReadonlyMap<FileIdentity, string>,
): Promise<void> {
  if (!isPermitted("read", path)) return;
  try {
    refuseInput(read.get(identityOfInfo(await files.stat(path)) ?? ""), path);
    for await (const { name, isSymlink } of files.readDir(path)) {
      // A link is replaced, never written through.
      if (isSymlink || !writes.test(name)) continue;
      const identity = identityOfInfo(await files.stat(`${path}/${name}`)) ?? "";
      refuseInput(read.get(identity), `${path}/${name}`);
      const other = written.get(identity);
      if (other !== undefined) throw sameFile(`${path}/${name}`, `${other} is the same file`);
    }
  } catch (error) {
    if (error instanceof AssayError) throw error;
    // No such folder, or none that may be looked into: the writing itself says what is wrong.
  }
}

function refuseInput(input: string | undefined, output: string): void {
  if (input === undefined) return;
  throw sameFile(output, input === output ? "it is one of the inputs" : `it is the input ${input}`);
}

function sameFile(path: string, found: string): AssayError {
  return new AssayError(
    "cli/usage",
    `Cannot write ${path}: expected another file than the inputs, which are read while it is ` +
      `written, and than the other outputs, found that ${found}; name another file`,
  );
}

/** The file that standard input or output is redirected to; `undefined` where it is no file. */
function identityOfDescriptor(descriptor: 0 | 1): FileIdentity | undefined {
  try {
    const { dev, ino, isFile } = fstatSync(descriptor) as unknown as {
      dev: number;
      ino: number;
      isFile(): boolean;
    };
    return isFile() ? `${dev}:${ino}` : undefined;
  } catch {
    return undefined; // closed, or not to be known
  }
}
