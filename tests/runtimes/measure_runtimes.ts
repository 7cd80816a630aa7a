/**
 * Every cell of the table of runtimes, each run: the public modules and the command line, from the
 * installed package, beside Deno's own from the source.
 *
 * @module
 */
import { missingChromium } from "../chromium.ts";
import { type Cell, cellsOf } from "./compare_outcomes.ts";
import { installedPackage } from "./installed_package.ts";
import { findingsOfCommands, inProcess, runHere } from "./run_commands.ts";
import { findingsInChromium } from "./run_in_browser.ts";
import { findingsHere, findingsIn, type Outcomes } from "./run_programs.ts";
import { findRuntime } from "./runtimes.ts";
import { sameAdapterCell } from "./same_adapter.ts";

/** A runtime of the table. */
export interface MeasuredRuntime {
  /** Its name in the table. */
  readonly name: string;
  /** Why this machine doesn't have it; `undefined` where it does. */
  readonly missing: string | undefined;
  /** What everything does in it. */
  readonly measure: () => Promise<Record<string, Cell>>;
  /** What the kernels of GPUs do in it, on an adapter that Deno's own WebGPU has too. */
  readonly measureGpu?: () => Promise<Cell>;
}

/** What the kernels of GPUs are called among the modules. */
export const gpuKernels = "gpu";

/** What the command line is called among the modules. */
export const commandLine = "assay";

let own: Promise<Outcomes> | undefined;

/** What Deno makes of all, from the source; once for each process. */
function outcomesOfDeno(): Promise<Outcomes> {
  return own ??= measureDeno();
}

async function measureDeno(): Promise<Outcomes> {
  const modules = await findingsHere();
  const findings = await findingsOfCommands(runHere);
  return { ...modules, [commandLine]: { loads: true, findings } };
}

/** The installed package in a runtime of the command line. */
function installedIn(command: readonly string[]): () => Promise<Record<string, Cell>> {
  return async () => {
    const installed = await installedPackage();
    const modules = await findingsIn(command, installed);
    const findings = await findingsOfCommands(
      inProcess([...command, installed.command], installed.env),
    );
    const all = { ...modules, [commandLine]: { loads: true, findings } };
    return cellsOf(all, await outcomesOfDeno());
  };
}

const node = await findRuntime("node", 24);
const bun = await findRuntime("bun", 1);

/** The runtimes of the table. */
export const measuredRuntimes: readonly MeasuredRuntime[] = [
  {
    name: "Deno 2.9, npm",
    missing: undefined,
    measure: installedIn([Deno.execPath(), "run", "--quiet", "--allow-all"]),
  },
  {
    name: "Node 24",
    missing: node.missing,
    measure: installedIn([node.program!]),
    measureGpu: () => sameAdapterCell(node.program!),
  },
  {
    name: "Bun 1.4",
    missing: bun.missing,
    measure: installedIn([bun.program!]),
    measureGpu: () => sameAdapterCell(bun.program!),
  },
  {
    name: "Chromium",
    missing: missingChromium,
    async measure() {
      const outcomes = await findingsInChromium(await installedPackage());
      const { [commandLine]: _, ...modules } = await outcomesOfDeno();
      return cellsOf(outcomes, modules);
    },
  },
];
