import { checkWritable } from "../data/byte_sink.ts";
import { AssayError } from "../error.ts";

/**
 * Makes sure, before long work is done, that a command's output files can be written and that none
 * of them is one of its inputs, which are read a second time when rows are written.
 *
 * @param inputs Paths that are read; `-` is standard input.
 * @param outputs Paths that are written; `undefined` for flags that were not given.
 * @throws {AssayError} `cli/usage`, `data/cannot-write`.
 */
export async function checkOutputs(
  inputs: readonly string[],
  outputs: readonly (string | undefined)[],
): Promise<void> {
  const sources = new Set(await Promise.all(inputs.map(realPath)));
  for (const path of outputs) {
    if (path === undefined) continue;
    if (sources.has(await realPath(path))) {
      throw new AssayError(
        "cli/usage",
        `Cannot write ${path}: expected another file than the inputs, which are read while it is ` +
          "written",
      );
    }
    await checkWritable(path);
  }
}

async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch {
    return path;
  }
}
