import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/command.ts";

/**
 * The peers, in exact versions. They are installed below `.cache`, outside the import map and the
 * lock file: no part of the product can reach them.
 */
export const peerPackages = {
  "onnxruntime-web": "1.31.0-dev.20260914-8d85527a0",
  "onnxruntime-node": "1.30.0",
  "node-llama-cpp": "3.22.1",
  "gpu.js": "2.24.1",
} as const;

/** node-llama-cpp's builds, which npm would otherwise install with gigabytes for CUDA. */
const llamaBuilds = ["linux-x64", "linux-x64-vulkan"];

/** Where the packages go. */
export const packagesFolder: string = fileURLToPath(
  new URL("../../.cache/bench/peers", import.meta.url),
);

/**
 * Installs the peers with npm, once, without their installation scripts.
 *
 * @returns Why it failed, or undefined. The bench goes on with the peers that are there.
 */
export async function installPeers(): Promise<string | undefined> {
  const wanted = JSON.stringify({
    name: "assay-bench-peers",
    private: true,
    dependencies: peerPackages,
  });
  const done = join(packagesFolder, "installed.json");
  if (await Deno.readTextFile(done).catch(() => "") === wanted) return undefined;
  await Deno.mkdir(packagesFolder, { recursive: true });
  await Deno.writeTextFile(join(packagesFolder, "package.json"), wanted);
  const builds = llamaBuilds.map((name) =>
    `@node-llama-cpp/${name}@${peerPackages["node-llama-cpp"]}`
  );
  for (const packages of [[], ["--no-save", ...builds]]) {
    const options = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"];
    const args = ["install", ...options, "--loglevel=error", ...packages];
    const { ok, output } = await run("npm", args, { cwd: packagesFolder });
    if (!ok) return output.trim().split("\n").find((line) => !line.startsWith("npm warn"));
  }
  await Deno.writeTextFile(done, wanted);
  return undefined;
}
