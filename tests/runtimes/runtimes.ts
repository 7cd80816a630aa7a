/**
 * The runtimes beside Deno that the tests run Assay in, where this machine has them.
 *
 * @module
 */
import { delimiter, join } from "node:path";
import { run } from "../../tools/command.ts";
import { runtimesFolder } from "../../tools/set_up_runtimes.ts";

/** A runtime on the command line. */
export interface Runtime {
  /** The program; `undefined` where the machine has none. */
  readonly program: string | undefined;
  /** Why there is none. */
  readonly missing: string | undefined;
}

/**
 * A runtime: of those that `tools/set_up_runtimes.ts` puts down, or the machine's own.
 *
 * @param name The program's name.
 * @param oldest The oldest major version that will do.
 */
export async function findRuntime(name: "node" | "bun", oldest: number): Promise<Runtime> {
  const own = (Deno.env.get("PATH") ?? "").split(delimiter).map((folder) => join(folder, name));
  for (const program of [join(runtimesFolder, "node_modules", ".bin", name), ...own]) {
    const { ok, output } = await run(program, ["--version"]);
    const major = Number(/^v?(\d+)\./.exec(output)?.[1]);
    if (ok && major >= oldest) return { program, missing: undefined };
  }
  const missing = `no ${name} from ${oldest} on: deno run -A tools/set_up_runtimes.ts`;
  return { program: undefined, missing };
}
