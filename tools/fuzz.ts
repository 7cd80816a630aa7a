/**
 * `deno task fuzz [NAME…] [--minutes N] [--seed S] [--case C]`: tries mutated inputs on everything
 * that reads what it does not trust, for N minutes in all (default 5), and prints what each target
 * found. `--case C` replays one case of one target in this process, with its input.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { AssayError } from "../src/error.ts";
import { runTarget } from "../tests/fuzz/driver.ts";
import { Random } from "../tests/fuzz/random.ts";
import { targets } from "../tests/fuzz/targets.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    case: { type: "string" },
  },
});
const names = positionals.length === 0 ? Object.keys(targets) : positionals;
const unknown = names.find((name) => !Object.hasOwn(targets, name));
const seed = Number(values.seed);
const minutes = Number(values.minutes);
if (unknown !== undefined || !Number.isInteger(seed) || !(minutes > 0)) {
  console.error(
    `Usage: deno task fuzz [${
      Object.keys(targets).join(" | ")
    }] [--minutes N] [--seed S] [--case C]`,
  );
  Deno.exit(2);
}

if (values.case === undefined) await runAll();
else await replay(names[0]!, Number(values.case));

async function replay(name: string, number: number): Promise<void> {
  const target = await targets[name]!();
  const { what, input, run } = target.draw(new Random(seed, number));
  console.log(`${name} ${number}: ${what}`);
  console.log(input);
  try {
    console.log("outcome:", await run());
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    console.log("outcome:", error.code, error.message);
  }
}

async function runAll(): Promise<void> {
  let failed = 0;
  for (const target of names) {
    const { cases, seconds, outcomes, findings } = await runTarget({
      target,
      seed,
      seconds: minutes * 60 / names.length,
      onFinding({ number, what, message, where }) {
        failed++;
        console.log(`FOUND ${what}: ${message} ${where}`);
        console.log(`  deno task fuzz ${target} --seed ${seed} --case ${number}`);
      },
    });
    const told = [...outcomes].sort(([, a], [, b]) => b - a).map(([word, n]) => `${word} ${n}`);
    console.log(
      `${target}: ${cases} cases in ${seconds.toFixed(0)} s, ${findings.length} findings`,
    );
    console.log(`  ${told.join(", ")}`);
  }
  if (failed > 0) Deno.exitCode = 1;
}
