/**
 * Runs cases of one target and says on standard output, a line each, which case it is about to run
 * and what it found; `driver.ts` listens. A process of its own, because a case may never end, or may
 * take all the memory there is.
 *
 * Arguments: target, seed, first case, how many cases (0: until it is ended).
 *
 * @module
 */
import { AssayError } from "../../src/error.ts";
import { knownFindings } from "./known_findings.ts";
import { Random } from "./random.ts";
import { targets } from "./targets.ts";

const encoder = new TextEncoder();
const say = (line: string) => Deno.stdout.writeSync(encoder.encode(`${line}\n`));

const [name = "", ...numbers] = Deno.args;
const [seed = 0, first = 0, count = 0] = numbers.map(Number);
const target = await targets[name]!();
const known = knownFindings.filter((finding) => finding.target === name);
/** Milliseconds between tellings of outcomes. */
const outcomesEvery = 300;
let outcomes: Record<string, number> = {};
let told = performance.now();

const tell = () => {
  say(`outcomes ${JSON.stringify(outcomes)}`);
  outcomes = {};
  told = performance.now();
};

// An error that nobody waits for is a finding of the case that is running.
let stray: unknown;
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stray = event.reason;
});

say("ready");
for (let number = first; count === 0 || number < first + count; number++) {
  say(`case ${number}`);
  const { what, input, run } = target.draw(new Random(seed, number));
  const skip = known.find(({ skips }) => skips(input));
  try {
    const outcome = skip === undefined ? await run() : `known (${skip.reason})`;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (stray !== undefined) throw stray;
  } catch (error) {
    stray = undefined;
    if (error instanceof AssayError && /^[a-z]+\/[a-z0-9-]+$/.test(error.code)) {
      outcomes[error.code] = (outcomes[error.code] ?? 0) + 1;
    } else {
      const { name: kind, message, stack } = error instanceof Error ? error : new Error(`${error}`);
      const frames = (stack ?? "").split("\n").filter((line) => line.includes("/src/")).slice(0, 3);
      const where = frames.map((line) => line.replace(/^.*\/(src\/[^)]*).*$/, "$1")).join(" < ");
      const text = `${kind}: ${message.slice(0, 300)}`;
      say(`finding ${JSON.stringify({ number, what, message: text, where })}`);
    }
  }
  if (performance.now() - told > outcomesEvery) tell();
}
tell();
say("done");
