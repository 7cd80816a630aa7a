/**
 * `deno task run-docs [PAGE…]`: runs the shell blocks of the pages as they are written, so that no
 * command in them is wrong. Each page gets a copy of the tree and a home of its own; its blocks run in
 * their order, each with `bash -e -o pipefail`. Downloaded packages are shared, nothing is installed.
 * A page that needs a program says so: `<!-- needs: nats-server -->`. The last lines tell which blocks
 * are not run, and why.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pagesOfTree, type ShellBlock, shellBlocks } from "./docs/shell_blocks.ts";
import { runDeno } from "./command.ts";

/** What does not belong to a clean clone. */
const foreign = /^(\.git|\.cache|\.gpu|\.venv|node_modules|coverage|__pycache__|shared)$/;

/** How many pages run at once. */
const atOnce = 2;

const limitSeconds = 120;

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (foreign.test(name)) continue;
    if (isDirectory) await copyTree(join(from, name), join(to, name));
    else if (isFile) await Deno.copyFile(join(from, name), join(to, name));
  }
}

/** A folder with the `deno` that runs this program, for pages that call it by name. */
async function denoOnPath(folder: string): Promise<string> {
  const bin = join(folder, "bin");
  await Deno.mkdir(bin);
  await Deno.symlink(Deno.execPath(), join(bin, "deno"));
  return bin;
}

/** The environment of a newcomer with an empty home, but for what has been downloaded before. */
async function environment(folder: string): Promise<Record<string, string>> {
  const env = Deno.env.toObject();
  const info = JSON.parse((await runDeno("info", "--json")).output);
  env["npm_config_cache"] ??= join(env["HOME"] ?? folder, ".npm");
  const personal = /^(XDG_\w+|MESA_SHADER_CACHE_DIR|LP_NATIVE_VECTOR_WIDTH|ASSAY_\w+)$/;
  for (const name of Object.keys(env)) if (personal.test(name)) delete env[name];
  return {
    ...env,
    PATH: `${await denoOnPath(folder)}:${env["PATH"] ?? ""}`,
    DENO_DIR: info.denoDir,
    ASSAY_NO_INSTALL: "1",
    NO_COLOR: "1",
  };
}

/** Runs a block; gives what went wrong, or undefined. */
async function runBlock(
  { page, line, script }: ShellBlock,
  cwd: string,
  env: Record<string, string>,
): Promise<string | undefined> {
  const child = new Deno.Command("bash", {
    args: ["-e", "-o", "pipefail", "-c", script],
    cwd,
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(limitSeconds * 1000),
  }).spawn();
  const { success, code, stdout, stderr } = await child.output();
  if (success) return undefined;
  const decoder = new TextDecoder();
  const output = `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trimEnd().slice(-3000);
  return `${page}:${line}: exit status ${code} of\n\n${script}\n\nIt printed:\n${output}\n`;
}

/** Runs a page's blocks until one fails. */
async function runPage(
  blocks: readonly ShellBlock[],
  folder: string,
  env: Record<string, string>,
): Promise<string | undefined> {
  const cwd = join(folder, "tree");
  await copyTree(".", cwd);
  const home = join(folder, "home");
  await Deno.mkdir(home);
  try {
    for (const block of blocks) {
      const failure = await runBlock(block, cwd, { ...env, HOME: home });
      if (failure !== undefined) return failure;
    }
    return undefined;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runPages(blocks: readonly ShellBlock[], folder: string): Promise<string[]> {
  const env = await environment(folder);
  const failures: string[] = [];
  const waiting = [...Map.groupBy(blocks, ({ page }) => page)];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [page, inPage] = next;
      const start = performance.now();
      const own = join(folder, page.replaceAll(/\W/g, "_"));
      const failure = await runPage(inPage, own, env);
      if (failure !== undefined) failures.push(failure);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      console.log(`${failure === undefined ? "ok    " : "FAILED"} ${page} (${seconds} s)`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failures;
}

/** Why no block of a page can run here: a program that it needs, `<!-- needs: nats-server -->`, is not there. */
function missingProgram(text: string): string | undefined {
  const name = /^<!-- needs: (\S+) -->$/m.exec(text)?.[1];
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  if (name === undefined || folders.some((folder) => existsSync(join(folder, name)))) return;
  return `no ${name} is on the path`;
}

const pages = Deno.args.length > 0 ? Deno.args : pagesOfTree();
const blocks = pages.flatMap((page) => {
  const text = Deno.readTextFileSync(page);
  const missing = missingProgram(text);
  return shellBlocks(page, text).map((block) => ({ ...block, leftOut: block.leftOut ?? missing }));
});
const [leftOut, run] = [
  blocks.filter((block) => block.leftOut !== undefined),
  blocks.filter((block) => block.leftOut === undefined),
];
const folder = await Deno.makeTempDir({ prefix: "assay_docs_" });
const failures = await runPages(run, folder).finally(() =>
  Deno.remove(folder, { recursive: true })
);
for (const failure of failures) console.error(failure);
console.log(`${run.length} blocks of ${new Set(run.map(({ page }) => page)).size} pages`);
for (const [why, same] of Map.groupBy(leftOut, (block) => block.leftOut)) {
  const places = same.map(({ page, line }) => `${page}:${line}`).join(", ");
  console.log(`skipped ${same.length}: ${why} (${places})`);
}
if (failures.length > 0) Deno.exitCode = 1;
