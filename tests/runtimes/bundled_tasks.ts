/**
 * What the runtimes are given to do, and what they are held against: the golden scores, and Deno's own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleModule } from "../../tools/bundle/bundle_module.ts";
import { relaxedModule } from "../../src/wasm/modules.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { conversationsInOrder, conversationsOfRow } from "../../src/data/row_conversations.ts";
import {
  type GoldenConversation,
  goldenConversations,
  goldenLabel,
  goldenOptions,
  parityModels,
  parityTolerance,
} from "../golden/parity.ts";
import { type Done, type Report, scoreModels, type Task } from "./score_models.ts";

/** The repository's folder; checkpoints are named below it. */
export const repository: string = fileURLToPath(new URL("../../", import.meta.url));

/** The trained checkpoint, which has no golden scores. */
const demo = "models/demo";

/** Long enough for every golden text, also where a dynamic rope goes past its trained length. */
const maxTokens = 640;

/** The first golden conversations of a tiny checkpoint: Deno's own tests score the others. */
async function goldenOf(model: string): Promise<GoldenConversation[]> {
  return (await goldenConversations(model)).slice(0, 4);
}

/** Every tiny checkpoint with golden conversations, and the demo model with the first examples. */
async function allTasks(): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const model of parityModels) {
    const own = { ...await goldenOptions(model), label: await goldenLabel(model) };
    const options = { ...own, maxTokens };
    const conversations = (await goldenOf(model)).map(({ messages }) => messages);
    tasks.push({ folder: `tests/golden/parity/${model}`, options, conversations });
  }
  const conversations = [];
  for await (const { row } of readRows(join(repository, "examples/conversations.jsonl"))) {
    conversations.push(conversationsInOrder(conversationsOfRow(row!))[0]!);
  }
  return [{ folder: demo, options: {}, conversations: conversations.slice(0, 4) }, ...tasks];
}

/** The tasks, and the program that does them, bundled. */
export interface Bundled {
  readonly tasks: readonly Task[];
  /** The bundle's text. */
  readonly program: string;
}

let bundled: Promise<Bundled> | undefined;

/** What {@link Bundled} says, made once. */
export function bundledTasks(): Promise<Bundled> {
  return bundled ??= makeBundled();
}

async function makeBundled(): Promise<Bundled> {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await bundleModule(join(repository, "tests/runtimes/score_models.ts"), file);
    return { tasks: await allTasks(), program: await Deno.readTextFile(file) };
  } finally {
    await Deno.remove(file);
  }
}

/** Asked for here, where there may be an adapter; the runtimes that are tried take it by themselves. */
const backend = "wasm";

type Arithmetic = Report["arithmetic"];

/** What Deno made of tasks with each of the engine's modules, by folder. */
const ofDeno: Readonly<Record<Arithmetic, Map<string, Done>>> = {
  relaxed: new Map(),
  strict: new Map(),
};

/** What Deno makes of tasks with one of the engine's modules, each made once. */
async function doneByDeno(arithmetic: Arithmetic, tasks: readonly Task[]): Promise<Done[]> {
  const known = ofDeno[arithmetic];
  const report = await scoreHere(arithmetic, tasks.filter(({ folder }) => !known.has(folder)));
  for (const done of report.done) known.set(done.folder, done);
  return tasks.map(({ folder }) => known.get(folder)!);
}

async function scoreHere(arithmetic: Arithmetic, tasks: readonly Task[]): Promise<Report> {
  const { validate } = WebAssembly;
  const { length } = atob(relaxedModule);
  // As a runtime that doesn't know the relaxed operations has it.
  const isKnown: typeof validate = (bytes) => bytes.byteLength !== length && validate(bytes);
  try {
    if (arithmetic === "strict") WebAssembly.validate = isKnown;
    const here = tasks.map((task): Task => ({ ...task, options: { ...task.options, backend } }));
    const report = await scoreModels(repository, here);
    assert.equal(report.arithmetic, arithmetic);
    return report;
  } finally {
    WebAssembly.validate = validate;
  }
}

/** Holds what a runtime made of some tasks against the golden scores. */
export async function assertGolden({ done }: Report, tasks: readonly Task[]): Promise<void> {
  assert.deepEqual(done.map(({ folder }) => folder), tasks.map(({ folder }) => folder));
  for (const { folder, scores, said } of done) {
    const model = folder.split("/").at(-1)!;
    if (folder === demo) continue;
    const tolerance = (await parityTolerance(model)).score;
    const golden = (await goldenOf(model)).map(({ score }) => score);
    assert.equal(scores.length, golden.length);
    scores.forEach((score, i) => {
      const off = Math.abs(score! - golden[i]!) / Math.max(1, Math.abs(golden[i]!));
      const isNear = score !== null && off <= tolerance;
      assert.ok(isNear, `${model}: ${score}, not ${golden[i]}; ${said}`);
    });
  }
}

/**
 * Holds what a runtime made of tasks against what Deno makes of them with the same module: the same
 * bits, as floats. A head may count in doubles, of whose last bit engines' own `Math.exp` and the like
 * give their own.
 */
export async function assertAsDeno(
  { arithmetic, done }: Report,
  tasks: readonly Task[],
): Promise<void> {
  const floats = (several: readonly Done[]) =>
    several.map(({ folder, kernels, scores }) => ({
      folder,
      kernels,
      scores: scores.map((score) => score && Math.fround(score)),
    }));
  assert.deepEqual(floats(done), floats(await doneByDeno(arithmetic, tasks)));
}
