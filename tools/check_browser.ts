/**
 * Checks that the public modules, and the page of `examples/browser/`, run in a browser: their types
 * hold against the browser's own (`lib.dom` and `@webgpu/types`, which clash with Deno's and so need a program of their own), and
 * a bundle of each can be imported where there is neither Deno nor Node.
 *
 * @module
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runDeno } from "./command.ts";
import { config, publicModules } from "./configuration.ts";

/** Public modules that read and write files, through Deno. */
const withFiles = ["./data", "./tasks"];

/** The `deno.json` of a browser. The `deno.ns` types serve the few files that look for Deno. */
const browserConfig = {
  imports: config.imports,
  compilerOptions: {
    ...config.compilerOptions,
    lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable", "deno.ns"],
    types: ["npm:@webgpu/types@0.1.74"],
  },
};

/** A program that hides what browsers don't have, then imports a module. */
function importWithoutDeno(module: string): string {
  return `for (const name of ["Deno", "process", "Buffer", "global"]) delete globalThis[name];
await import(${JSON.stringify(pathToFileURL(module).href)});`;
}

/** The sources of the page. */
function pageScripts(): string[] {
  const folder = "examples/browser";
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name}`);
}

async function checkModules(folder: string): Promise<boolean> {
  const modules = publicModules().filter(({ name }) => !withFiles.includes(name));
  const configFile = join(folder, "deno.json");
  await Deno.writeTextFile(configFile, JSON.stringify(browserConfig));
  const paths = [...modules.map(({ path }) => path), ...pageScripts()];
  const types = await runDeno("check", "--no-lock", "--config", configFile, ...paths);
  if (!types.ok) console.error(types.output);
  let ok = types.ok;
  for (const [index, { name, path }] of modules.entries()) {
    const bundle = join(folder, `${index}.js`);
    let step = await runDeno("bundle", "--platform", "browser", "--output", bundle, path);
    if (step.ok) {
      const program = join(folder, `import_${index}.js`);
      await Deno.writeTextFile(program, importWithoutDeno(bundle));
      step = await runDeno("run", "--no-config", "--no-prompt", `--allow-read=${folder}`, program);
    }
    if (!step.ok) console.error(`Cannot import ${name} (${path}) in a browser:\n${step.output}`);
    ok &&= step.ok;
  }
  return ok;
}

const folder = await Deno.makeTempDir();
try {
  if (!await checkModules(folder)) Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
