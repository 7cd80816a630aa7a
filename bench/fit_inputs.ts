/**
 * What fit_demo.ts and fit_losses.ts begin with: rows from the demo's training code, and the hidden
 * states that `assay fit features` makes of them. Both lie in a folder by what they depend on, and are
 * made once.
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";

/** The options of both programs. */
export const options = parseArgs({
  options: {
    model: { type: "string", default: "models/demo" },
    data: { type: "string", default: "../shared/data" },
    state: { type: "string", default: ".cache/demo-training" },
    work: { type: "string", default: ".cache/fit-bench" },
    python: { type: "string", default: "python" },
    share: { type: "string", default: "1" },
    states: { type: "string" },
    steps: { type: "string", default: "200" },
    batch: { type: "string", default: "32" },
  },
}).values;

/** Runs a program of this repository, its notes on standard error. */
async function run(command: string, args: readonly string[]): Promise<void> {
  console.error(`> ${[command, ...args].join(" ")}`);
  const child = new Deno.Command(command, { args: [...args], stdout: "null", stderr: "inherit" });
  const { code } = await child.output();
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with status ${code}`);
}

/** Runs a command of Assay. */
export async function assay(...args: string[]): Promise<void> {
  await run(Deno.execPath(), ["run", "--allow-all", "src/cli/main.ts", ...args]);
}

/** Runs a Python program of the training's, or of the bench's, with what all of them take. */
export async function python(program: string, ...flags: string[]): Promise<void> {
  const { data, state, work } = options;
  await Deno.mkdir(work, { recursive: true });
  await run(options.python, [program, "--data", data, "--state", state, "--out", work, ...flags]);
}

/** The features of a file of rows in the work folder; computed where this model's are not there yet. */
export async function features(rows: string, ...flags: string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of [`${options.model}/model.safetensors`, `${options.work}/${rows}`]) {
    hash.update(await Deno.readFile(file));
  }
  const folder = `${options.work}/features-${hash.digest("hex").slice(0, 12)}`;
  const input = `${options.work}/${rows}`;
  await assay("fit", "features", options.model, input, "--output", folder, ...flags);
  return folder;
}

/** How many steps of how many pairs. */
export function trainingSize(): { readonly steps: number; readonly batchSize: number } {
  return { steps: Number(options.steps), batchSize: Number(options.batch) };
}
