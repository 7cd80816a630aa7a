/**
 * The same kernels on the same adapter in several runtimes: SwiftShader, which comes with Debian's
 * Chromium, through Deno's WebGPU, and through Dawn, from npm, in Node and Bun.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { runtimesFolder } from "../../tools/set_up_runtimes.ts";
import { swiftShader } from "../swift_shader.ts";
import { type Cell, cellsOf } from "./compare_outcomes.ts";
import { type Installed, installedPackage } from "./installed_package.ts";
import { inProcess, type RunCommand } from "./run_commands.ts";
import { type Outcomes, repository } from "./run_programs.ts";

const dawn = join(runtimesFolder, "node_modules/webgpu");

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Why there is no such adapter; `undefined` where there is one. */
export const missingAdapter: string | undefined = swiftShader.missing ??
  (await isThere(dawn) ? undefined : "no Dawn: deno run -A tools/set_up_runtimes.ts");

const vulkan: Readonly<Record<string, string>> = {
  VK_ICD_FILENAMES: swiftShader.driver ?? "",
  VK_DRIVER_FILES: swiftShader.driver ?? "",
  NODEVICE_SELECT: "1",
};

/** The demo's score of a conversation, by the kernels of GPUs. */
async function scores(run: RunCommand, folder: string, flags: readonly string[]): Promise<unknown> {
  const rows = join(folder, "row.jsonl");
  await Deno.writeTextFile(rows, '{"prompt":"How much is 2+2?","response":"4"}\n');
  const demo = join(repository, "models/demo");
  const soonCompiled = ["--kernels", "tiled", "--tuning", "32x64x128"];
  const { code, stdout, stderr } = await run(["score", demo, rows, ...soonCompiled, ...flags]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /on the GPU/);
  return JSON.parse(stdout).score;
}

/** What Deno's own WebGPU makes of it, from the source. */
async function scoresByDeno({ folder, env }: Installed): Promise<unknown> {
  const main = join(repository, "src/cli/main.ts");
  const command = [Deno.execPath(), "run", "--quiet", "--allow-all", "--no-check", main];
  const own = { ...env, HOME: Deno.env.get("HOME")!, ...vulkan };
  return await scores(inProcess(command, own), folder, ["--backend", "gpu"]);
}

/** What Dawn makes of it in Node or Bun, from the installed package with `webgpu` beside it. */
async function scoresByDawn(
  program: string,
  { folder, command, env }: Installed,
): Promise<unknown> {
  const place = join(folder, "node_modules/webgpu");
  if (!await isThere(place)) await Deno.symlink(dawn, place);
  const run = inProcess([program, command], { ...env, ...vulkan });
  return await scores(run, folder, ["--webgpu", "dawn"]);
}

let own: Promise<unknown> | undefined;

/**
 * What Dawn's score in Node or Bun is beside that of Deno's own WebGPU.
 *
 * @param program The runtime.
 */
export async function sameAdapterCell(program: string): Promise<Cell> {
  const installed = await installedPackage();
  own ??= scoresByDeno(installed);
  const outcome = (score: unknown): Outcomes => ({ gpu: { loads: true, findings: { score } } });
  const found = outcome(await scoresByDawn(program, installed));
  return cellsOf(found, outcome(await own)).gpu!;
}
