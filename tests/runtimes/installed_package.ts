/**
 * The npm package, installed as users install it: built, packed, and put by npm into a clean folder, with
 * a clean home and without the network.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "../../tools/command.ts";
import { type Packed, packFolder } from "../../tools/npm/pack_folder.ts";
import { writePackage } from "../../tools/npm/write_package.ts";

/** Where the package is installed. */
export interface Installed {
  /** The folder of the program that uses it: below it lies `node_modules/`. */
  readonly folder: string;
  /** The folder of the package in it. */
  readonly packageFolder: string;
  /** Where `npm` puts the command. */
  readonly command: string;
  /** What was packed. */
  readonly packed: Packed;
  /** The environment that programs run in: nothing of the user's. */
  readonly env: Readonly<Record<string, string>>;
}

let installed: Promise<Installed> | undefined;

/** Installs it, once for each process; it goes when the process ends. */
export function installedPackage(): Promise<Installed> {
  return installed ??= install();
}

async function install(): Promise<Installed> {
  const place = await Deno.makeTempDir({ prefix: "assay-npm-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(place, { recursive: true }));
  const [made, folder, home] = ["made", "program", "home"].map((name) => join(place, name)) as [
    string,
    string,
    string,
  ];
  await writePackage(made);
  const packed = await packFolder(made, place);
  for (const needed of [folder, home]) await Deno.mkdir(needed);
  await Deno.writeTextFile(join(folder, "package.json"), '{"type":"module"}');
  const env = { HOME: home, PATH: Deno.env.get("PATH")! };
  const args = ["install", "--offline", "--no-audit", "--no-fund", packed.file];
  const { ok, output } = await run("npm", args, { cwd: folder, env, clearEnv: true });
  assert.ok(ok, output);
  return {
    folder,
    packageFolder: join(folder, "node_modules/@assay/assay"),
    command: join(folder, "node_modules/.bin/assay"),
    packed,
    env,
  };
}
