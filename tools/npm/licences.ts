import { join } from "node:path";
import { runDeno } from "../command.ts";
import type { BundledPackage } from "./bundle_modules.ts";

/** Where Deno keeps npm's packages. */
async function npmCache(): Promise<string> {
  const { ok, output } = await runDeno("info", "--json");
  if (!ok) throw new Error(`Cannot find Deno's cache:\n${output}`);
  return join(JSON.parse(output).npmCache, "registry.npmjs.org");
}

/** Names of the files that hold a package's licence. */
const licenceFile = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/**
 * The licences of what is bundled, as their texts ask: names, versions and texts.
 *
 * @throws {Error} For a package without a text.
 */
export async function thirdPartyLicences(packages: readonly BundledPackage[]): Promise<string> {
  const cache = await npmCache();
  const texts: string[] = [
    "The files in dist/ hold code of these packages from npm, at these versions.\n",
  ];
  for (const { name, version } of packages) {
    const folder = join(cache, name, version);
    const { license } = JSON.parse(await Deno.readTextFile(join(folder, "package.json")));
    const files = [...Deno.readDirSync(folder)].map((entry) => entry.name)
      .filter((file) => licenceFile.test(file)).sort();
    const own = await Promise.all(files.map((file) => Deno.readTextFile(join(folder, file))));
    const text = own.length > 0 ? own.map((of) => of.trim()).join("\n\n") : `Licence: ${license}`;
    if (own.length === 0 && !license) throw new Error(`Cannot find the licence of ${name}`);
    texts.push(`${"-".repeat(72)}\n${name} ${version} (${license})\n\n${text}\n`);
  }
  return texts.join("\n");
}
