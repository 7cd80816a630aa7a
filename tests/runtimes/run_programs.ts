/**
 * Runs the programs of `programs/` in a runtime, from the installed package, and in Deno, from the source.
 *
 * @module
 */
import assert from "node:assert/strict";
import { transform } from "esbuild";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/command.ts";
import { publicModules } from "../../tools/configuration.ts";
import type { Installed } from "./installed_package.ts";
import type { Findings, Place, Program } from "./programs/program.ts";

const programs = new URL("programs/", import.meta.url);

/** The repository's folder. */
export const repository: string = fileURLToPath(new URL("../../", import.meta.url));

/** What became of a module: whether it was there, and what its program found, or why it found nothing. */
export interface Outcome {
  readonly loads: boolean;
  readonly findings?: Findings;
  readonly error?: string;
}

/** What became of each public module, by its name. */
export type Outcomes = Readonly<Record<string, Outcome>>;

/** The program of a public module. */
function programOf(module: string): string {
  return module === "." ? "scoring" : basename(module);
}

/** Names of the public modules. */
const modules: readonly string[] = publicModules().map(({ name }) => name);

/** What the programs find in Deno, from the source. */
export async function findingsHere(): Promise<Outcomes> {
  const scratch = await Deno.makeTempDir();
  try {
    const found = await Promise.all(modules.map(async (module): Promise<[string, Outcome]> => {
      const { default: program } = await import(new URL(`${programOf(module)}.ts`, programs).href);
      const findings = await (program as Program)({ repository, scratch });
      return [module, { loads: true, findings }];
    }));
    return asData(Object.fromEntries(found));
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** The programs as JavaScript, by the names of their files. */
export async function programTexts(): Promise<Map<string, string>> {
  const texts = await Promise.all(modules.map(async (module): Promise<[string, string]> => {
    const name = programOf(module);
    const source = await Deno.readTextFile(new URL(`${name}.ts`, programs));
    const { code } = await transform(source, { loader: "ts", format: "esm" });
    return [`${name}.mjs`, code];
  }));
  return new Map(texts);
}

/** The program that runs all of them, one after another; `load` imports one by its name. */
export const runnerText = `export async function runAll(names, place, load, loadModule) {
  const outcomes = {};
  for (const [module, name] of names) {
    try {
      await loadModule(module);
    } catch (error) {
      outcomes[module] = { loads: false, error: String(error) };
      continue;
    }
    try {
      const { default: program } = await load(name);
      outcomes[module] = { loads: true, findings: await program(place) };
    } catch (error) {
      outcomes[module] = { loads: true, error: String(error.code ?? error) };
    }
  }
  return outcomes;
}
`;

/** What the programs are called with, and by which names they are imported. */
export function programNames(): [module: string, file: string][] {
  return modules.map((module) => [module, `${programOf(module)}.mjs`]);
}

/**
 * What the programs find in a runtime of the command line, beside the installed package. Nothing may
 * come to its standard output, or to standard error.
 *
 * @param command The runtime and its flags.
 */
export async function findingsIn(
  command: readonly string[],
  { folder, env }: Installed,
): Promise<Outcomes> {
  const place: Place = { repository, scratch: await Deno.makeTempDir() };
  for (const [file, text] of await programTexts()) {
    await Deno.writeTextFile(join(folder, file), text);
  }
  await Deno.writeTextFile(
    join(folder, "main.mjs"),
    `import { writeFileSync } from "node:fs";
${runnerText}
const outcomes = await runAll(
  ${JSON.stringify(programNames())},
  ${JSON.stringify(place)},
  (file) => import(\`./\${file}\`),
  (module) => import(\`@assay/assay\${module.slice(1)}\`),
);
writeFileSync(${JSON.stringify(join(folder, "outcomes.json"))}, JSON.stringify(outcomes));
`,
  );
  try {
    const [program, ...flags] = command;
    const args = [...flags, join(folder, "main.mjs")];
    const { ok, output } = await run(program!, args, { cwd: folder, env, clearEnv: true });
    assert.ok(ok, output);
    assert.equal(output, "", "a library prints nothing");
    return JSON.parse(await Deno.readTextFile(join(folder, "outcomes.json")));
  } finally {
    await Deno.remove(place.scratch!, { recursive: true });
  }
}

/** Outcomes as they come through JSON. */
function asData(outcomes: Outcomes): Outcomes {
  return JSON.parse(JSON.stringify(outcomes));
}
