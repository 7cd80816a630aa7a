import { linesOf } from "../lines_of.ts";

/** What was read off the output of `deno test`. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that were ignored. */
  readonly skipped: readonly string[];
  /** By test, why it was ignored: printed lines `skipped "name": reason`, see `tests/requirement.ts`. */
  readonly reasons: ReadonlyMap<string, string>;
}

const summaryLine = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/;
const ignoredLine = /^\s*(.+) \.\.\. ignored \(/;
const reasonLine = /^skipped "(.+)": (.+)$/;

/** Runs the tests of `paths` in a process of their own; `print` is told each line that they print. */
export async function runTests(
  paths: readonly string[],
  print: (line: string) => void,
): Promise<Tally> {
  const skipped: string[] = [];
  const reasons = new Map<string, string>();
  let [passed, failed, allPassed] = [0, 0, false];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--doc", "--no-check", ...paths],
    env: { NO_COLOR: "1", NODEVICE_SELECT: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const read = async (
    stream: ReadableStream<Uint8Array>,
    take: (line: string) => void,
  ): Promise<void> => {
    for await (const line of linesOf(stream)) take(line);
  };
  await Promise.all([
    read(child.stderr, print),
    read(child.stdout, (line) => {
      print(line);
      const summary = summaryLine.exec(line);
      const reason = reasonLine.exec(line);
      const ignored = ignoredLine.exec(line);
      if (summary) {
        [passed, failed] = [Number(summary[1]), Number(summary[2])];
        allPassed = line.startsWith("ok ");
      } else if (reason) reasons.set(reason[1]!, reason[2]!);
      else if (ignored) skipped.push(ignored[1]!);
    }),
  ]);
  const { success, signal } = await child.status;
  if (signal !== null && allPassed) {
    // Mesa's software adapter does so now and then while it is unloaded: once in some forty processes.
    print(`the tests' process ended by ${signal} after its summary, as it left its adapter`);
  } else if (!success && failed === 0) {
    // A file that does not compile, or a leak found at the end, fails the run without being counted.
    failed = 1;
    print(`the tests of ${paths.join(" ")} failed as a whole`);
  }
  return { passed, failed, skipped, reasons };
}
