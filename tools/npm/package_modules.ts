import { config, publicModules } from "../configuration.ts";

/** A module of the package that programs name: a public one, the command line, the worker's script. */
export interface PackageModule {
  /** Its file in the package's `dist/`, without an ending. */
  readonly file: string;
  /** Path of its source. */
  readonly source: string;
  /** How `package.json` exports it; `undefined` for what is no public module. */
  readonly name: string | undefined;
}

/** The file that `bin` names. */
export const commandFile = "assay";

/** The public modules, then what else begins in a file of its own. */
export function packageModules(): PackageModule[] {
  return [
    ...publicModules().map(({ name, path }) => ({
      name,
      source: path.replace("./", ""),
      file: name === "." ? "mod" : name.replace("./", ""),
    })),
    { name: undefined, file: commandFile, source: "src/cli/main.ts" },
    { name: undefined, file: "worker_main", source: "src/scoring/worker/worker_main.ts" },
  ];
}

/**
 * `package.json`. Version, name and licence are those of `deno.json`, which alone has them.
 *
 * @param typesOf Path of a source's declarations in the package.
 */
export function manifest(typesOf: (source: string) => string): Record<string, unknown> {
  const exported = packageModules().filter(({ name }) => name !== undefined);
  const exports = Object.fromEntries(
    exported.map(({ name, source, file }) => [
      name!,
      { types: `./${typesOf(source)}`, default: `./dist/${file}.js` },
    ]),
  );
  return {
    name: config.name,
    version: config.version,
    description: "Scores answers with reward models, in Node and Bun",
    keywords: ["reward-model", "rlhf", "best-of-n", "webgpu", "safetensors"],
    license: config.license,
    type: "module",
    bin: { assay: `dist/${commandFile}.js` },
    exports: { ...exports, "./package.json": "./package.json" },
    engines: { node: ">=24" },
    // Dawn, for `--webgpu dawn`: 130 MB, so it comes where it is asked for (`npm install webgpu@0.6.2`).
    // As an optional dependency npm would fetch it for everybody.
    peerDependencies: { webgpu: "0.6.2" },
    peerDependenciesMeta: { webgpu: { optional: true } },
  };
}
