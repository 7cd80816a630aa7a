/**
 * The program that every runtime runs: bundled with the public module, it loads some checkpoints, scores
 * their conversations and tells what came of it, as data.
 *
 * @module
 */
import { type Conversation, type LoadOptions, RewardModel } from "../../mod.ts";

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
  /** The codes of the errors of conversations without a score, and what was warned of. */
  readonly said: readonly string[];
}

/**
 * Does some tasks, one after another.
 *
 * @param place Path or address of the folder that all of them lie in.
 * @param tasks What to do.
 */
export async function scoreModels(place: string, tasks: readonly Task[]): Promise<Done[]> {
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
  return done;
}
