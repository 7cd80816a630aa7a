/**
 * `deno task test [PATH…]`: sets the machine up, then runs the tests and the examples that stand in
 * the documentation: those of the paths in one process, or all of them, in as many processes at once as
 * there are cores, four at most. The closing lines tell what was skipped and why; a skip without a printed reason is a
 * failure. The last line is `N passed, N failed`, then `, N skipped` if any. Types are not checked
 * here but by `deno task ok`, so that one slip doesn't keep all tests from running.
 *
 * @module
 */
import { setUp } from "./set_up.ts";
import { runTests, type Tally } from "./tests/run_tests.ts";
import { testGroups } from "./tests/test_groups.ts";
import { LinesInTurn } from "./tests/lines_in_turn.ts";

/** Runs each group in a process, some at once; their lines are printed group by group, in order. */
async function runGroups(groups: readonly (readonly string[])[]): Promise<Tally[]> {
  const lines = new LinesInTurn(groups.length, (line) => console.log(line));
  const tallies: Tally[] = [];
  const waiting = groups.entries();
  const work = async (): Promise<void> => {
    for (const [turn, paths] of waiting) {
      tallies.push(await runTests(paths, (line) => lines.print(turn, line)));
      lines.end(turn);
    }
  };
  const processes = Math.min(navigator.hardwareConcurrency, 4, groups.length);
  await Promise.all(Array.from({ length: processes }, work));
  return tallies;
}

/** Prints how many tests each reason kept from running; returns how many had none. */
function reportSkipped(tallies: readonly Tally[]): number {
  const skipped = tallies.flatMap(({ skipped, reasons }) =>
    skipped.map((name) => ({ name, reason: reasons.get(name) }))
  );
  const byReason = Map.groupBy(skipped, ({ reason }) => reason);
  for (const [reason, tests] of byReason) {
    if (reason !== undefined) console.log(`skipped ${tests.length}: ${reason}`);
  }
  const unexplained = byReason.get(undefined) ?? [];
  for (const { name } of unexplained) console.log(`skipped without a printed reason: ${name}`);
  return unexplained.length;
}

await setUp();
const tallies = await runGroups(Deno.args.length > 0 ? [Deno.args] : testGroups());
const unexplained = reportSkipped(tallies);
const total = (count: (tally: Tally) => number): number =>
  tallies.reduce((sum, tally) => sum + count(tally), 0);
const failed = total((tally) => tally.failed) + unexplained;
const skipped = total((tally) => tally.skipped.length) - unexplained;
console.log(
  `${total((tally) => tally.passed)} passed, ${failed} failed${
    skipped > 0 ? `, ${skipped} skipped` : ""
  }`,
);
if (failed > 0) Deno.exit(1);
