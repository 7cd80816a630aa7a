/**
 * The program that every runtime runs: bundled with the public module, it loads some checkpoints, scores
 * their conversations and tells what came of it, as data.
 *
 * @module
 */
import { type Conversation, type LoadOptions, RewardModel } from "../../mod.ts";
import { Engine } from "../../src/wasm/engine.ts";

/** A checkpoint and what is to be scored with it. */
export interface Task {
  /** The folder, below the place where all of them lie. */
  readonly folder: string;
  readonly options: LoadOptions;
  readonly conversations: readonly Conversation[];
}

/** What came of a task. */
export interface Done {
  readonly folder: string;
  /** The model's `kernels`. */
  readonly kernels: string;
  readonly scores: readonly (number | null)[];
  /** Messages of the errors of conversations without a score, and what was warned of. */
  readonly said: readonly string[];
}

/** What a runtime tells. */
export interface Report {
  /** Which of the WebAssembly engine's modules it takes; they round differently. */
  readonly arithmetic: "relaxed" | "strict";
  /** Helpers that join the engine's main thread where one is asked for. */
  readonly helpers: number;
  readonly done: readonly Done[];
}

/**
 * Does some tasks, one after another.
 *
 * @param place Path or address of the folder that all of them lie in.
 * @param tasks What to do.
 */
export async function scoreModels(place: string, tasks: readonly Task[]): Promise<Report> {
  const done: Done[] = [];
  for (const { folder, options, conversations } of tasks) {
    const said: string[] = [];
    const onWarning = (message: string) => void said.push(message);
    using model = await RewardModel.load(`${place}/${folder}`, { ...options, onWarning });
    const verdicts = await model.score(conversations);
    for (const { error } of verdicts) if (error !== null) said.push(error.message);
    const scores = verdicts.map(({ score }) => score);
    done.push({ folder, kernels: model.kernels, scores, said });
  }
  using engine = await Engine.open({ threads: 2 });
  return { arithmetic: engine.arithmetic, helpers: await helpersThatCome(engine), done };
}

/** Helpers need workers and shared memory; they come when they have started. */
async function helpersThatCome({ kernels, team }: Engine): Promise<number> {
  team.assemble();
  for (let wait = 0; wait < 500 && team.most > 0 && kernels.helpers() === 0; wait++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return kernels.helpers().toString(2).replaceAll("0", "").length;
}
