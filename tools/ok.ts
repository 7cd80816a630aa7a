/**
 * `deno task ok`: the one gate. Each step prints a line, a failed one its output too; the last line
 * counts the steps. `--without-tests` leaves the tests out, for whoever has just run them.
 *
 * @module
 */
import { type Outcome, runDeno } from "./command.ts";
import { publicModules } from "./configuration.ts";

const tool = (name: string, ...args: string[]): Promise<Outcome> =>
  runDeno("run", "--allow-all", `tools/${name}.ts`, ...args);

/** What is in `examples/` and checked elsewhere: the page against a browser's types, DuckDB's by its test. */
const checkedElsewhere = ["browser", "duckdb.ts"];

/**
 * All that TypeScript is in, and Markdown; but for `wasm/`, which is AssemblyScript and has a compiler
 * of its own, and what is checked elsewhere.
 */
function typed(): string[] {
  const entriesOf = (folder: string) =>
    [...Deno.readDirSync(folder)].filter(({ name, isDirectory }) =>
      !name.startsWith(".") && (isDirectory || /\.(ts|md)$/.test(name))
    ).map(({ name }) => name);
  const examples = entriesOf("examples").filter((name) => !checkedElsewhere.includes(name));
  return [
    ...entriesOf(".").filter((name) => name !== "wasm" && name !== "examples"),
    ...examples.map((name) => `examples/${name}`),
  ].sort();
}

/** The steps: cheap ones first, so that a slip shows soon. */
const steps: Readonly<Record<string, () => Promise<Outcome>>> = {
  "format": () => runDeno("fmt", "--check"),
  "lint": () => runDeno("lint"),
  "types, in examples too; deno.lock": () => runDeno("check", "--doc", "--frozen", ...typed()),
  "public modules in a browser": () => tool("check_browser"),
  "shaders through Tint and naga": () =>
    runDeno("run", "--allow-all", "--no-lock", "tools/lint_shaders.ts"),
  "WebAssembly modules are what wasm/ compiles to": () => tool("build_wasm", "--check"),
  "documentation": () => runDeno("doc", "--lint", ...publicModules().map(({ path }) => path)),
  "generated pages are fresh": () => tool("write_docs", "--check"),
  "commands in the documentation run": () => tool("run_docs"),
  "package (publish, dry run)": () => runDeno("publish", "--dry-run", "--allow-dirty"),
  "tests": () => tool("test"),
};

/** What is told of a step that passed: what it left out, and the tests' counts. */
const remarkLine = /^(skipped \w|\d+ passed, )/;

function indented(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

/** How many steps run at once; those of `alone` use every core themselves. */
const atOnce = 2;
const alone = new Set(["commands in the documentation run", "tests"]);

/** Runs a step; gives what is printed of it. */
async function lineOf(name: string, step: () => Promise<Outcome>): Promise<string> {
  const start = performance.now();
  const { ok, output } = await step();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (!ok) failed++;
  const told = ok
    ? output.split("\n").filter((line) => remarkLine.test(line)).join("\n")
    : output.trimEnd();
  const line = `${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`;
  return told === "" ? line : `${line}\n${indented(told)}`;
}

let failed = 0;
const chosen = Object.entries(steps).filter(([name]) =>
  name !== "tests" || !Deno.args.includes("--without-tests")
);
const together = chosen.filter(([name]) => !alone.has(name));
const lane = async (): Promise<void> => {
  for (let next = together.shift(); next !== undefined; next = together.shift()) {
    console.log(await lineOf(...next));
  }
};
await Promise.all(Array.from({ length: atOnce }, lane));
for (const step of chosen) if (alone.has(step[0])) console.log(await lineOf(...step));
console.log(`${chosen.length - failed} passed, ${failed} failed`);
if (failed > 0) Deno.exitCode = 1;
