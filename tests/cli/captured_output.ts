import { Output, OutputClosed, type OutputStream } from "../../src/cli/output.ts";

/** An output that tests look at. */
export interface CapturedOutput {
  readonly output: Output;
  /** What went to standard output. */
  stdout(): string;
  /** What went to standard error. */
  stderr(): string;
  /** The rows of standard output. */
  rows(): Record<string, unknown>[];
}

/** Stands in for the process's output; `stdoutLimit` bytes are taken before the reader goes away. */
export function captureOutput(
  { isTerminal = false, stdoutLimit = Infinity } = {},
): CapturedOutput {
  const texts = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr", limit: number): OutputStream => ({
    isTerminal,
    columns: 80,
    write(bytes: Uint8Array): Promise<void> {
      texts[name] += new TextDecoder().decode(bytes);
      if (texts[name].length > limit) return Promise.reject(new OutputClosed("closed"));
      return Promise.resolve();
    },
  });
  return {
    output: new Output(stream("stdout", stdoutLimit), stream("stderr", Infinity)),
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    rows: () =>
      texts.stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)),
  };
}

/** What a run of the command line in a process of its own gave. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a process is run. */
export interface ProcessOptions {
  /** What it reads on standard input. */
  readonly input?: string | undefined;
  readonly permissions?: readonly string[] | undefined;
  /** Variables of its environment, beside this process's. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What is done with it while it runs. */
  readonly during?: ((process: Deno.ChildProcess) => Promise<void>) | undefined;
}

/**
 * Runs the command line in a process of its own that may only read files, as users without further
 * permissions run it.
 */
export async function runAssay(
  args: readonly string[],
  { input = "", permissions = ["--allow-read"], env = {}, during }: ProcessOptions = {},
): Promise<CommandResult> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...permissions, "src/cli/main.ts", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NODEVICE_SELECT: "1", ...env },
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that refuses its arguments ends before it reads.
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), during?.(child)]);
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { status: code, stdout: decode(stdout), stderr: decode(stderr) };
}

/** Gives a test a folder of its own. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
