import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/command.ts";

/** The measured peak of the processor's multiply-add units. */
export interface ProcessorCeiling {
  readonly bits: number;
  /** In f32, all cores. */
  readonly gigaflops: number;
}

/** Builds `fma.c` and returns a function that runs it, or undefined without a C compiler. */
export async function processorCeiling(
  folder: string,
): Promise<(() => Promise<ProcessorCeiling>) | undefined> {
  const source = fileURLToPath(new URL("fma.c", import.meta.url));
  const program = join(folder, "fma");
  await Deno.mkdir(folder, { recursive: true });
  const built = await run("cc", ["-O3", "-march=native", "-pthread", source, "-o", program]);
  if (!built.ok) return undefined;
  return async () => {
    const [bits, gigaflops] = (await run(program, [])).output.split(" ").map(Number);
    return { bits: bits!, gigaflops: gigaflops! };
  };
}
