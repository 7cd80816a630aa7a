/**
 * What the runtimes are given to do, and what they are held against: the golden scores, and Deno's own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleModule } from "../../tools/bundle/bundle_module.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { conversationsInOrder, conversationsOfRow } from "../../src/data/row_conversations.ts";
import {
  goldenConversations,
  goldenLabel,
  goldenOptions,
  parityTolerance,
} from "../golden/parity.ts";
import { type Done, scoreModels, type Task } from "./score_models.ts";

/** The repository's folder; checkpoints are named below it. */
export const repository: string = fileURLToPath(new URL("../../", import.meta.url));

/** Tiny checkpoints of as many kinds as a plain twin scores soon: a gate, a scalar, pairs, quantiles, steps. */
const models = ["armo", "llama", "bert", "gemma2", "head_quantile", "process_labels"];

/** The trained checkpoint, which has no golden scores. */
const demo = "models/demo";

/** Long enough for every golden text, also where a dynamic rope goes past its trained length. */
const maxTokens = 640;

/** Tiny checkpoints with their golden conversations, and the demo model with an example. */
async function allTasks(): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const model of models) {
    const options = { ...await goldenOptions(model), label: await goldenLabel(model), maxTokens };
    const conversations = (await goldenConversations(model)).map(({ messages }) => messages);
    tasks.push({ folder: `tests/golden/parity/${model}`, options, conversations });
  }
  const conversations = [];
  for await (const { row } of readRows(join(repository, "examples/conversations.jsonl"))) {
    conversations.push(conversationsInOrder(conversationsOfRow(row!))[0]!);
  }
  return [...tasks, { folder: demo, options: {}, conversations: conversations.slice(0, 1) }];
}

/** The tasks, what Deno makes of them, and the program that does them, bundled. */
export interface Bundled {
  readonly tasks: readonly Task[];
  readonly expected: readonly Done[];
  /** The bundle's text. */
  readonly program: string;
}

let bundled: Promise<Bundled> | undefined;

/** What {@link Bundled} says, made once. */
export function bundledTasks(): Promise<Bundled> {
  return bundled ??= makeBundled();
}

async function makeBundled(): Promise<Bundled> {
  const tasks = await allTasks();
  const backend = "cpu";
  const here = tasks.map((task) => ({ ...task, options: { ...task.options, backend } as const }));
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await bundleModule(join(repository, "tests/runtimes/score_models.ts"), file);
    const program = await Deno.readTextFile(file);
    return { tasks: here, expected: await scoreModels(repository, here), program };
  } finally {
    await Deno.remove(file);
  }
}

/** Holds what a runtime made of the tasks against the golden scores. */
export async function assertGolden(done: readonly Done[]): Promise<void> {
  const { expected } = await bundledTasks();
  assert.deepEqual(done.map(({ folder }) => folder), expected.map(({ folder }) => folder));
  for (const [index, model] of models.entries()) {
    const tolerance = (await parityTolerance(model)).score;
    const golden = (await goldenConversations(model)).map(({ score }) => score);
    const { scores, said } = done[index]!;
    assert.equal(scores.length, golden.length);
    scores.forEach((score, i) => {
      const off = Math.abs(score! - golden[i]!) / Math.max(1, Math.abs(golden[i]!));
      assert.ok(
        score !== null && off <= tolerance,
        `${model}: ${score}, not ${golden[i]}; ${said}`,
      );
    });
  }
}

/**
 * Holds what a runtime made of the tasks against what Deno made of them: the same bits, as floats. A head
 * may count in doubles, of whose last bit engines' own `Math.exp` and the like give their own.
 */
export async function assertAsDeno(done: readonly Done[]): Promise<void> {
  const { expected } = await bundledTasks();
  const floats = (several: readonly Done[]) =>
    several.map(({ folder, kernels, scores }) => ({
      folder,
      kernels,
      scores: scores.map((score) => score && Math.fround(score)),
    }));
  assert.deepEqual(floats(done), floats(expected));
}
