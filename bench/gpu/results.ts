import { join } from "node:path";
import { run } from "../../tools/command.ts";
import type { StepResult } from "./run_step.ts";
import type { FactRow, Row } from "./rows.ts";

/** What the kit found on a machine: `results.json`. */
export interface Results {
  /** The adapter's name; undefined where there is none. */
  readonly adapter?: string | undefined;
  /** Whether it computes on the processor. */
  readonly software: boolean;
  readonly machine: readonly string[];
  /** Features that were granted. */
  readonly features: readonly string[];
  /** The card, its driver and its clocks, as the driver's own tool says. */
  readonly driver?: string | undefined;
  /** PyTorch's version and what it runs on. */
  readonly pytorch?: string | undefined;
  /** What of the repository was measured. */
  readonly commit: string;
  readonly steps: readonly StepResult[];
}

/** What is known of the machine, from the lines that `machine_facts.ts` prints. */
export function factsOf(rows: readonly Row[]): Omit<Results, "commit" | "steps"> {
  const value = (fact: FactRow["fact"]) =>
    rows.find((row): row is FactRow => row.row === "fact" && row.fact === fact)?.value;
  const text = (fact: FactRow["fact"]): string | undefined => {
    const found = value(fact);
    return typeof found === "string" ? found : undefined;
  };
  const list = (fact: FactRow["fact"]): readonly string[] => {
    const found = value(fact);
    return Array.isArray(found) ? found : [];
  };
  return {
    adapter: text("adapter"),
    software: value("software") === true,
    machine: list("machine"),
    features: list("features"),
    driver: text("driver"),
    pytorch: text("pytorch"),
  };
}

/** What the packed kit says of the tree that it was packed from. */
export const packedFile = ".gpu/packed.json";

/** The commit of this tree, with a word on changes that are not in it. */
export async function commitOf(root: string): Promise<string> {
  const git = (...args: string[]) => run("git", ["-C", root, ...args]);
  const head = await git("rev-parse", "--short=7", "HEAD");
  if (!head.ok) {
    const packed = await Deno.readTextFile(join(root, packedFile)).catch(() => "{}");
    return JSON.parse(packed).commit ?? "unknown";
  }
  const changes = await git("status", "--porcelain");
  return head.output.trim() + (changes.output.trim() === "" ? "" : " with changes");
}

/**
 * Results of an earlier call to go on from: of the same adapter and the same code, else none.
 *
 * @returns The results, or why there are none.
 */
export async function earlierResults(
  files: readonly string[],
  now: Pick<Results, "adapter" | "commit">,
): Promise<Results | string | undefined> {
  for (const file of files) {
    const text = await Deno.readTextFile(file).catch(() => undefined);
    if (text === undefined) continue;
    const earlier: Results = JSON.parse(text);
    if (earlier.adapter === now.adapter && earlier.commit === now.commit) return earlier;
    return `not gone on from ${file}: that is of ${earlier.adapter} at ${earlier.commit}`;
  }
  return undefined;
}

/** Results with a step's, in place of those of its name, in the order of `names`. */
export function withStep(
  results: Results,
  result: StepResult,
  names: readonly string[],
): Results {
  const steps = [...results.steps.filter(({ name }) => name !== result.name), result];
  const place = ({ name }: StepResult): number => names.indexOf(name);
  return { ...results, steps: steps.toSorted((a, b) => place(a) - place(b)) };
}

/** When, by what and on what a step was measured. */
export function circumstances(results: Results, { name, began }: StepResult): string {
  const when = began === undefined ? "" : ` ${began.slice(0, 10)}, ${began.slice(11, 16)} UTC`;
  return `Measured${when}: \`bash bench/gpu/run.sh --steps ${name}\`, adapter ${results.adapter}, ` +
    `commit ${results.commit}.`;
}

/** The rows of a step that was run. */
export function stepOf(results: Results, name: string): StepResult | undefined {
  return results.steps.find((step) => step.name === name);
}

/** GFLOP/s that a loop of multiply-adds over registers reaches. */
export function ceilingOf(results: Results): number {
  const rows = stepOf(results, "kernels")?.rows ?? [];
  const ceiling = rows.find((row) => row.row === "ceiling");
  return ceiling?.row === "ceiling" ? ceiling.gigaflops : NaN;
}
