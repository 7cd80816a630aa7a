import { join } from "node:path";
import { run } from "../command.ts";

/** What `npm pack` made, or would make. */
export interface Packed {
  /** The archive. */
  readonly file: string;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Paths in the package. */
  readonly files: readonly string[];
}

/**
 * Packs a folder as npm would publish it.
 *
 * @param folder The package.
 * @param target Where the archive goes.
 */
export async function packFolder(folder: string, target: string): Promise<Packed> {
  const args = ["pack", folder, "--json", "--loglevel=error", `--pack-destination=${target}`];
  const { ok, output } = await run("npm", args);
  if (!ok) throw new Error(`Cannot pack ${folder}:\n${output}`);
  const [{ filename, size, unpackedSize, files }] = JSON.parse(output);
  return {
    file: join(target, filename),
    packedBytes: size,
    bytes: unpackedSize,
    files: files.map(({ path }: { path: string }) => path),
  };
}
