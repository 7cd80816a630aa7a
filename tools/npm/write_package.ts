import { join } from "node:path";
import { bundleModules } from "./bundle_modules.ts";
import { thirdPartyLicences } from "./licences.ts";
import { manifest } from "./package_modules.ts";
import { declarationsOf, writeDeclarations } from "./write_declarations.ts";

/**
 * Writes the npm package as a folder. What stood there goes.
 *
 * @param folder The folder.
 */
export async function writePackage(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const [packages] = await Promise.all([
    bundleModules(join(folder, "dist")),
    writeDeclarations(folder),
  ]);
  const texts: Readonly<Record<string, string>> = {
    "package.json": `${JSON.stringify(manifest(declarationsOf), null, 2)}\n`,
    "README.md": await Deno.readTextFile(new URL("readme.md", import.meta.url)),
    "LICENSE": await Deno.readTextFile(new URL("../../LICENSE", import.meta.url)),
    "THIRD_PARTY_LICENSES.txt": await thirdPartyLicences(packages),
  };
  for (const [file, text] of Object.entries(texts)) {
    await Deno.writeTextFile(join(folder, file), text);
  }
}
