/**
 * `deno run --allow-all tools/set_up_runtimes.ts`: puts Node and Bun, which `tests/runtimes/` runs
 * Assay in, into `.cache/runtimes/`, through npm. Without it those tests take the machine's own, or are
 * skipped.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { run } from "./command.ts";

/** Where the runtimes lie. */
export const runtimesFolder: string = fileURLToPath(
  new URL("../.cache/runtimes", import.meta.url),
);

/** `webgpu` is Dawn, for the same kernels on the same adapter in all of them. */
const packages = ["node@24.21.0", "bun@1.4.5", "webgpu@0.6.2"];

/** Installs the runtimes; npm leaves what is there already. */
async function setUpRuntimes(): Promise<boolean> {
  await Deno.mkdir(runtimesFolder, { recursive: true });
  const args = ["install", "--prefix", runtimesFolder, "--no-audit", "--no-fund", ...packages];
  const { ok, output } = await run("npm", args);
  if (!ok) console.error(`Node and Bun could not be installed:\n${output.trim()}`);
  return ok;
}

if (import.meta.main && !await setUpRuntimes()) Deno.exitCode = 1;
