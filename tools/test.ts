/**
 * `deno task test [PATH…]`: sets the machine up, then runs the tests and the examples that stand in
 * the documentation, in one process. The closing lines tell what was skipped and why; a skip without
 * a printed reason is a failure. The last line is `N passed, N failed`, then `, N skipped` if any.
 * Types are not checked here but by `deno task ok`, so that one slip doesn't keep all tests from running.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setUp } from "./set_up.ts";

/** What was read off the output of `deno test`. */
interface Tally {
  passed: number;
  failed: number;
  /** Names of the tests that were ignored. */
  readonly skipped: string[];
  /** Printed lines `skipped "name": reason`, see `tests/requirement.ts`. */
  readonly reasons: Map<string, string>;
}

const summaryLine = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/;
const ignoredLine = /^\s*(.+) \.\.\. ignored \(/;
const reasonLine = /^skipped "(.+)": (.+)$/;

/** Runs the tests of `paths`, passing their output on while counting. */
async function runTests(paths: readonly string[]): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: [], reasons: new Map() };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--doc", "--no-check", ...paths],
    env: { NO_COLOR: "1", NODEVICE_SELECT: "1" },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let allPassed = false;
  for await (const line of createInterface({ input: Readable.fromWeb(child.stdout) })) {
    console.log(line);
    const summary = summaryLine.exec(line);
    const reason = reasonLine.exec(line);
    const ignored = ignoredLine.exec(line);
    if (summary) {
      [tally.passed, tally.failed] = [Number(summary[1]), Number(summary[2])];
      allPassed = line.startsWith("ok ");
    } else if (reason) tally.reasons.set(reason[1]!, reason[2]!);
    else if (ignored) tally.skipped.push(ignored[1]!);
  }
  const { success, signal } = await child.status;
  if (signal !== null && allPassed) {
    // Mesa's software adapter does so now and then while it is unloaded: once in some forty processes.
    console.log(`the tests' process ended by ${signal} after its summary, as it left its adapter`);
  } else if (!success && tally.failed === 0) {
    // A file that does not compile, or a leak found at the end, fails the run without being counted.
    tally.failed = 1;
  }
  return tally;
}

/** Prints how many tests each reason kept from running; returns how many had none. */
function reportSkipped({ skipped, reasons }: Tally): number {
  const byReason = Map.groupBy(skipped, (name) => reasons.get(name));
  for (const [reason, names] of byReason) {
    if (reason !== undefined) console.log(`skipped ${names.length}: ${reason}`);
  }
  const unexplained = byReason.get(undefined) ?? [];
  for (const name of unexplained) console.log(`skipped without a printed reason: ${name}`);
  return unexplained.length;
}

/** Whatever can hold tests or examples and exists in this checkout. */
function testedPaths(): string[] {
  const exists = (path: string): boolean => {
    try {
      Deno.statSync(path);
      return true;
    } catch {
      return false;
    }
  };
  return ["tests", "src", "mod.ts", "README.md", "docs"].filter(exists);
}

await setUp();
const tally = await runTests(Deno.args.length > 0 ? Deno.args : testedPaths());
const unexplained = reportSkipped(tally);
const failed = tally.failed + unexplained;
const skipped = tally.skipped.length - unexplained;
console.log(
  `${tally.passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`,
);
if (failed > 0) Deno.exit(1);
