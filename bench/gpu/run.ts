/**
 * The kit on a machine with a GPU: runs step after step, each with a limit, and writes what it has found
 * after each. `run.sh` beside it starts this on a machine without Deno.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatReport } from "../report.ts";
import { table } from "../section.ts";
import { commitOf, earlierResults, factsOf, type Results, withStep } from "./results.ts";
import { runStep, type StepResult } from "./run_step.ts";
import { sectionsOf } from "./sections.ts";
import { denoRun, largeShape, type Step, stepsOf, tinyShape } from "./steps.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const usage = `Usage: bash bench/gpu/run.sh [options]

Checks, tests and measures Assay on this machine's GPU, beside PyTorch and ONNX Runtime Web.

  --out FOLDER      where results.json, report.md and log.txt go (default .gpu/out)
  --minutes N       no step goes on for longer after the start; what is left is run by another
                    call (default 9)
  --steps NAMES     the steps to run, with commas between, those that are done too
  --resume FILE     results.json of an earlier call on such a machine, whose steps that are done are
                    not run again (default .gpu/results.json, or what is in --out)
  --shape SHAPE     layers,width,feed-forward,heads,key heads:conversations×tokens,…
                    (default ${largeShape})
  --python PROGRAM  a Python with PyTorch (default python3)
  --work FOLDER     for what is made on the way (default: a temporary one)
  --quick           tiny sizes, to see that everything runs; on a software adapter too
  --dry-run         tell what would be done, and what is missing
  --help            this text

Exit status: 0 all steps are done, 1 some are not (run again), 2 wrong usage.
`;

/** Seconds that a step is worth beginning for. */
const worthwhile = 15;

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: "string", default: join(root, ".gpu/out") },
      minutes: { type: "string", default: "9" },
      steps: { type: "string" },
      resume: { type: "string" },
      shape: { type: "string" },
      python: { type: "string", default: "python3" },
      work: { type: "string" },
      spent: { type: "string", default: "0" }, // seconds that run.sh took
      quick: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) {
    throw new TypeError(`--minutes takes a number over 0; found ${values.minutes}`);
  }
  return { ...values, minutes };
}

type Options = ReturnType<typeof readOptions>;

/** What keeps a step from being run on this machine. */
export function lackOf({ needs }: Step, facts: Pick<Results, "adapter" | "pytorch">) {
  if (needs.includes("adapter") && facts.adapter === undefined) return "no WebGPU adapter";
  if (needs.includes("pytorch") && facts.pytorch === undefined) return "no Python with PyTorch";
  return undefined;
}

/** The steps that are to be run, and what the others wait for. */
export function planOf(
  steps: readonly Step[],
  results: Results,
  asked: readonly string[] | undefined,
): { step: Step; skip: string | undefined }[] {
  const unknown = asked?.filter((name) => !steps.some((step) => step.name === name)) ?? [];
  if (unknown.length > 0) {
    const names = steps.map(({ name }) => name).join(", ");
    throw new TypeError(`--steps takes ${names}; found ${unknown.join(", ")}`);
  }
  const isDone = ({ name }: Step): boolean =>
    asked === undefined && results.steps.some((of) => of.name === name && of.state === "done");
  return steps.filter(({ name }) => asked?.includes(name) ?? true).map((step) => ({
    step,
    skip: isDone(step) ? "done before" : lackOf(step, results),
  }));
}

function reportText(results: Results): string {
  const rows = results.steps.map(({ name, state, reason, seconds }) => [
    name,
    reason === undefined ? state : `${state}: ${reason}`,
    seconds.toFixed(0),
  ]);
  const head = `# The kit on ${results.adapter ?? "no adapter"}\n\nCommit ${results.commit}.\n\n` +
    table(["step", "state", "s"], rows);
  return formatReport({ head, sections: sectionsOf(results) });
}

/** Writes results so that a call that is ended midway leaves whole files. */
class Writer {
  #last = 0;

  constructor(readonly out: string) {}

  async write(results: Results): Promise<void> {
    this.#last = performance.now();
    await this.#file("results.json", JSON.stringify(results, undefined, 1));
    await this.#file("report.md", reportText(results));
  }

  /** Within a step: not too often. */
  async keep(results: Results): Promise<void> {
    if (performance.now() - this.#last > 3000) await this.write(results);
  }

  async #file(name: string, text: string): Promise<void> {
    const path = join(this.out, name);
    await Deno.writeTextFile(`${path}.part`, text);
    await Deno.rename(`${path}.part`, path);
  }

  readonly log = (line: string): void => {
    console.error(line);
    Deno.writeTextFileSync(join(this.out, "log.txt"), `${line}\n`, { append: true });
  };
}

/** The machine, looked at in a process of its own: a driver that hangs is cut off. */
async function lookAround({ python }: Options, log: (line: string) => void): Promise<Results> {
  const step: Step = {
    name: "machine",
    does: "",
    limit: 90,
    needs: [],
    commands: () => [denoRun("bench/gpu/machine_facts.ts", python)],
  };
  const { state, reason, rows } = await runStep(step, { limit: step.limit, log });
  if (state !== "done") log(`the machine was looked at in part: ${state}, ${reason}`);
  return { ...factsOf(rows), commit: await commitOf(root), steps: [] };
}

function describePlan(plan: ReturnType<typeof planOf>): string {
  return plan.map(({ step: { name, does, limit }, skip }) =>
    `  ${name.padEnd(14)} ${
      skip === undefined ? `${String(limit).padStart(4)} s at most` : skip.padEnd(16)
    }  ${does}`
  ).join("\n");
}

async function runAll(
  plan: ReturnType<typeof planOf>,
  results: Results,
  secondsLeft: () => number,
  writer: Writer,
): Promise<Results> {
  const names = plan.map(({ step }) => step.name);
  const order = [
    ...results.steps.map(({ name }) => name).filter((n) => !names.includes(n)),
    ...names,
  ];
  for (const { step, skip } of plan) {
    if (skip === "done before") continue;
    const left = secondsLeft();
    let result: StepResult;
    if (skip !== undefined || left < worthwhile) {
      const [state, reason] = skip === undefined
        ? ["not begun", "no time was left"] as const
        : ["left out", skip] as const;
      result = { name: step.name, state, reason, seconds: 0, rows: [], sections: [] };
      const earlier = results.steps.find(({ name }) => name === step.name);
      if (earlier !== undefined && earlier.rows.length + earlier.sections.length > 0) continue;
    } else {
      writer.log(`=== ${step.name}: ${step.does}`);
      result = await runStep(step, {
        limit: left,
        log: writer.log,
        onResult: (part) => writer.keep(withStep(results, part, order)),
      });
      writer.log(`=== ${step.name}: ${result.state}, ${result.seconds.toFixed(0)} s`);
    }
    results = withStep(results, result, order);
    await writer.write(results);
  }
  return results;
}

async function main(options: Options): Promise<number> {
  const start = performance.now() - 1000 * Number(options.spent);
  Deno.chdir(root);
  const dry = options["dry-run"];
  await Deno.mkdir(options.out, { recursive: true });
  const writer = new Writer(options.out);
  const found = await lookAround(options, writer.log);
  const files = [options.resume ?? ".gpu/results.json", join(options.out, "results.json")];
  const earlier = await earlierResults(files, found);
  if (typeof earlier === "string") writer.log(earlier);
  const results = { ...found, steps: typeof earlier === "object" ? earlier.steps : [] };
  const work = options.work ?? await Deno.makeTempDir({ prefix: "assay-gpu-" });
  try {
    const plan = planOf(
      stepsOf({
        quick: options.quick,
        work,
        python: options.python,
        shape: options.shape ?? (options.quick ? tinyShape : largeShape),
        hasPyTorch: found.pytorch !== undefined,
      }),
      results,
      options.steps?.split(","),
    );
    const { adapter, software, pytorch, commit } = results;
    console.log(
      `Adapter: ${adapter ?? "none"}${
        software ? " (software: its times say nothing of a GPU)" : ""
      }` +
        `\nPyTorch: ${pytorch ?? "none"}\nCommit: ${commit}\n${describePlan(plan)}`,
    );
    if (dry) return 0;
    if (adapter === undefined || software && !options.quick) {
      console.log(
        "There is no GPU here, so nothing was measured; --quick tries the steps without.",
      );
      return 1;
    }
    const secondsLeft = () => 60 * options.minutes - (performance.now() - start) / 1000;
    const last = await runAll(plan, results, secondsLeft, writer);
    console.log(reportText(last));
    return last.steps.every(({ state }) => state === "done" || state === "left out") ? 0 : 1;
  } finally {
    if (options.work === undefined) await Deno.remove(work, { recursive: true }).catch(() => {});
  }
}

if (import.meta.main) {
  try {
    const options = readOptions(Deno.args);
    if (options.help) console.log(usage);
    else Deno.exitCode = await main(options);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`bench/gpu/run.sh: ${error.message}; see --help`);
    Deno.exitCode = 2;
  }
}
