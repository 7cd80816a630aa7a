/** What a finished command left behind. */
export interface Outcome {
  readonly ok: boolean;
  /** Its exit status; 127 where it was not found. */
  readonly code: number;
  /** Its standard output and standard error, one after the other. */
  readonly output: string;
}

/** Runs a command to its end, without input and without printing. */
export async function run(
  command: string,
  args: readonly string[],
  options: Pick<Deno.CommandOptions, "cwd" | "env" | "clearEnv"> = {},
): Promise<Outcome> {
  try {
    const { success, code, stdout, stderr } = await new Deno.Command(command, {
      ...options,
      args: [...args],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { ok: success, code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { ok: false, code: 127, output: `${command}: not found` };
  }
}

/** Runs the Deno that runs this program, wherever it lies. */
export function runDeno(...args: readonly string[]): Promise<Outcome> {
  return run(Deno.execPath(), args, { env: { NO_COLOR: "1", NODEVICE_SELECT: "1" } });
}
