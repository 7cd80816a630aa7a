/**
 * `deno task runtimes`: runs every public module and every command in every runtime, from the npm
 * package, and writes what came of it to `tools/docs/runtimes.json`, of which `deno task docs` makes
 * `docs/reference/runtimes.md`.
 *
 * @module
 */
import { stop } from "esbuild";
import { gpuKernels, measuredRuntimes } from "../tests/runtimes/measure_runtimes.ts";
import { missingAdapter } from "../tests/runtimes/same_adapter.ts";

const cells: Record<string, unknown> = {};
for (const { name, missing, measure, measureGpu } of measuredRuntimes) {
  const lacks = missing ?? (measureGpu && missingAdapter);
  if (lacks === undefined) {
    cells[name] = { ...await measure(), ...(measureGpu && { [gpuKernels]: await measureGpu() }) };
  } else {
    console.error(`Cannot measure ${name}: ${lacks}`);
    Deno.exitCode = 1;
  }
}
await stop();
if (Deno.exitCode === 0) {
  const file = new URL("docs/runtimes.json", import.meta.url);
  await Deno.writeTextFile(file, `${JSON.stringify(cells, null, 2)}\n`);
}
