import { transform } from "esbuild";
import { join } from "node:path";
import { runDeno } from "../command.ts";
import { commandFile, packageModules } from "./package_modules.ts";

const repository = new URL("../../", import.meta.url);

/** The oldest engines that the package is for; both know `using`. */
const target = ["node24"];

/** A package of npm's whose code stands in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
}

/** Names the source of what follows, below the folder that the bundler runs in. */
const sourceComment = /^\/\/ .*\/registry\.npmjs\.org\/((?:@[\w.-]+\/)?[\w.-]+)\/([\w.+-]+)\/.*$/gm;

/** A name that the bundler gives a CommonJS module: its path on this machine. */
const sourceName = /"[^"\n]*\/registry\.npmjs\.org\//g;

/** How the bundler lets CommonJS code ask for modules: by an import that no browser knows. */
const requireOfBundler =
  /^import \{ createRequire as (\w+) \} from "node:module";\nvar __require = \1\(import\.meta\.url\);$/m;

/** The runtime's own modules, and no package: all that is needed of those is in the bundle. */
const ownRequire = `var __require = (name) => {
  const module = globalThis.process?.getBuiltinModule?.(name);
  if (module === void 0) throw new Error(\`the runtime has no \${name}\`);
  return module;
};`;

/** The worker's script, as its source names it; in the package it lies beside every other file. */
const workerScript = /new URL\("\.\/worker_main\.ts", import\.meta\.url\)/g;

const ownWorkerScript = 'new URL("./worker_main.js", import.meta.url)';

/** Starts the command line. */
const commandSource = (main: string): string =>
  `import { exit, argv } from "node:process";
import { main } from ${JSON.stringify(main)};
exit(await main(argv.slice(2)));
`;

/**
 * Bundles every module of the package, with all that they import, into files that share what they have
 * in common.
 *
 * @param folder Where the files go.
 * @returns The packages whose code is in them.
 */
export async function bundleModules(folder: string): Promise<BundledPackage[]> {
  const place = await Deno.makeTempDir();
  try {
    const entries: string[] = [];
    for (const { file, source } of packageModules()) {
      const address = new URL(source, repository).href;
      const entry = join(place, `${file}.ts`);
      const text = file === commandFile
        ? commandSource(address)
        : `import ${JSON.stringify(address)};\nexport * from ${JSON.stringify(address)};\n`;
      await Deno.writeTextFile(entry, text);
      entries.push(entry);
    }
    const made = join(place, "made");
    const { ok, output } = await runDeno(
      "bundle",
      "--quiet",
      "--platform=deno",
      "--code-splitting",
      `--config=${new URL("deno.json", repository).pathname}`,
      `--outdir=${made}`,
      ...entries,
    );
    if (!ok) throw new Error(`Cannot bundle the package:\n${output}`);
    return await finish(made, folder);
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}

/** Lays the files out for Node, and reads from them what they are made of. */
async function finish(made: string, folder: string): Promise<BundledPackage[]> {
  await Deno.mkdir(folder, { recursive: true });
  const packages = new Map<string, BundledPackage>();
  const replaced = { require: 0, worker: 0 };
  const count = (what: keyof typeof replaced, text: string): string => {
    replaced[what]++;
    return text;
  };
  for await (const { name: file } of Deno.readDir(made)) {
    const text = await Deno.readTextFile(join(made, file));
    for (const [, name, version] of text.matchAll(sourceComment)) {
      packages.set(`${name}@${version}`, { name: name!, version: version! });
    }
    // Takes the comments away, too: they name places of this machine, and licences are listed apart.
    const { code } = await transform(text, {
      format: "esm",
      target,
      charset: "utf8",
      legalComments: "none",
      define: { "import.meta.main": "false" },
    });
    const isCommand = file === `${commandFile}.js`;
    const moved = code.replaceAll(sourceName, '"npm:')
      .replace(requireOfBundler, () => count("require", ownRequire))
      .replaceAll(workerScript, () => count("worker", ownWorkerScript));
    await Deno.writeTextFile(
      join(folder, file),
      isCommand ? `#!/usr/bin/env node\n${moved}` : moved,
      { mode: isCommand ? 0o755 : 0o644 },
    );
  }
  if (replaced.require !== 1 || replaced.worker === 0) {
    throw new Error(
      `Cannot bundle the package: the bundler's text is another: ${JSON.stringify(replaced)}`,
    );
  }
  return [...packages.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}
