import { config } from "../configuration.ts";
import measured from "./runtimes.json" with { type: "json" };

/** A cell, as `deno task runtimes` measured it. */
interface Cell {
  readonly loads: boolean;
  readonly error?: string;
  readonly near: readonly string[];
  readonly missing: readonly string[];
}

const columns: Readonly<Record<string, Readonly<Record<string, Cell>>>> = measured;

/** What is in the table and no module. */
const titles: Readonly<Record<string, string>> = {
  assay: "`assay` (command line)",
  gpu: "kernels of GPUs, on SwiftShader",
};

const opening = `# Runtimes

This page tells what each public module does in each runtime. \`deno task runtimes\` runs every cell: a
program for each module, and every command, from the npm package as it is installed
([how](../how-to/node-and-bun.md)), and holds what comes of it against Deno from the source.

"Same bits" says that all numbers, as 32-bit floats, are those of Deno. Engines' own \`Math.exp\` and
the like differ in the last bit of a double, so numbers that are counted in doubles may differ there.
"Last bits" names what differs by more: by 5e-6 relative to max(1, |number|) at most. JavaScriptCore,
which is Bun's engine, rounds a product and its sum twice where V8 rounds once
([why](../how-to/node-and-bun.md#what-computes)); the CPU twins give the same bits in all.
`;

const closing = `
The gate holds the columns of Node, Bun and Chromium to this table. A page in Chromium loads the
package's files as they are, by an import map, without WebGPU; \`./data\` and \`./tasks\` read and write
files. With WebGPU the adapter's driver computes, and its bits are the adapter's
([in a browser](../how-to/browser.md)).

Each program does what its module is for: \`.\` scores with the demo model in WebAssembly, by the CPU
twins and in a worker; \`./data\` writes and reads JSON Lines, CSV, Parquet and gzip; \`./fitting\`
extracts features, trains a head and writes a checkpoint; the command line runs \`score\`, \`calibrate\`,
\`vote\`, \`curate\`, \`evaluate\`, \`soup\`, \`fit\`, \`inspect\` and \`doctor\`, and prints JSON Lines and
nothing else to standard output. \`serve\` is asked over a socket by a test of its own. The kernels of
GPUs score with the demo model on SwiftShader, a software adapter: by [Dawn](../how-to/dawn.md) in Node
and Bun (which the gate leaves to \`deno task runtimes\`), by Deno's own WebGPU in Deno.
`;

/** \`docs/reference/runtimes.md\`: the public modules in the runtimes. */
export function runtimesPage(): string {
  const names = Object.keys(columns);
  const rows = [...Object.keys(config.exports), "assay", "gpu"].map((module) =>
    `| ${titles[module] ?? `\`${module}\``} | ${
      names.map((name) => cellText(columns[name]![module])).join(" | ")
    } |`
  );
  const head = `| module | ${names.join(" | ")} |\n|${" --- |".repeat(names.length + 1)}`;
  return `${opening}\n${head}\n${rows.join("\n")}\n${closing}`;
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return "–";
  if (!cell.loads) return "needs files: does not load";
  if (cell.error !== undefined) return `ends with ${cell.error}`;
  const texts = ["same bits"];
  if (cell.near.length > 0) texts.push(`last bits: ${cell.near.join(", ")}`);
  if (cell.missing.length > 0) texts.push(`without files no ${cell.missing.join(", ")}`);
  return texts.join("; ");
}
