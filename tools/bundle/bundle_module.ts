import { transform } from "esbuild";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runDeno } from "../command.ts";
import { config, publicModules } from "../configuration.ts";

const olderEngines = new URL("older_engines.ts", import.meta.url).href;
const repository = new URL("../../", import.meta.url);

/** The oldest JavaScript that a bundle asks for; `using` is newer, and is written out. */
const target = "es2023";

/** How a bundle is made, where it is not as it is for the public module. */
export interface BundleOptions {
  /** Packages that stand in for others. */
  readonly imports?: Readonly<Record<string, string>> | undefined;
  /** Modules that are left out: nothing of the bundle may come to load them. */
  readonly external?: readonly string[] | undefined;
  /** Whether names and spaces are shortened; off by default. */
  readonly minify?: boolean | undefined;
}

/**
 * Bundles a module with all that it imports, packages and shaders too, as one JavaScript module that
 * browsers, Node from 20.16 on and Bun load.
 *
 * @param module Name of a public module as `deno.json` exports it (`.`, `./calibration`), or the path
 *   of any other module.
 * @param output The file to write.
 * @param options How.
 * @throws {Error} With what the bundler says.
 */
export async function bundleModule(
  module: string,
  output: string,
  { imports, external = [], minify = false }: BundleOptions = {},
): Promise<void> {
  const path = publicModules().find(({ name }) => name === module)?.path;
  const address = path === undefined ? pathToFileURL(module) : new URL(path, repository);
  const folder = await Deno.makeTempDir();
  try {
    const entry = join(folder, "entry.ts");
    const lines = [olderEngines, address.href].map((from) => JSON.stringify(from));
    await Deno.writeTextFile(entry, `import ${lines[0]};\nexport * from ${lines[1]};\n`);
    const bundle = join(folder, "bundle.js");
    let configFile = new URL("deno.json", repository).pathname;
    if (imports !== undefined) {
      configFile = join(folder, "deno.json");
      const { compilerOptions } = config;
      const all = { ...config.imports, ...imports };
      await Deno.writeTextFile(configFile, JSON.stringify({ imports: all, compilerOptions }));
    }
    const made = await runDeno(
      "bundle",
      "--quiet",
      "--platform=browser",
      `--config=${configFile}`,
      ...external.map((name) => `--external=${name}`),
      `--output=${bundle}`,
      entry,
    );
    if (!made.ok) throw new Error(`Cannot bundle ${address}:\n${made.output}`);
    const { code } = await transform(await Deno.readTextFile(bundle), {
      format: "esm",
      target,
      charset: "utf8",
      minify,
    });
    await Deno.writeTextFile(output, code);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
