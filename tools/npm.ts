/**
 * `deno task npm [FOLDER]`: writes the npm package of Assay, for Node from 24 on and Bun, as a folder,
 * `.cache/npm/package` unless another is named, and packs it into a `.tgz` beside that.
 *
 * @module
 */
import { stop } from "esbuild";
import { dirname, resolve } from "node:path";
import { packFolder } from "./npm/pack_folder.ts";
import { writePackage } from "./npm/write_package.ts";

const folder = resolve(Deno.args[0] ?? ".cache/npm/package");
await writePackage(folder);
await stop();
const { file, packedBytes, bytes, files } = await packFolder(folder, dirname(folder));
const kilobytes = (count: number): string => `${Math.round(count / 1000)} kB`;
console.log(
  `wrote ${file}: ${files.length} files, ${kilobytes(bytes)}, packed ${kilobytes(packedBytes)}`,
);
