import { hubOptions, type LoadOptions } from "../../scoring/load_options.ts";
import { RewardModelWorker } from "../../scoring/worker/reward_model_worker.ts";
import { type ModelSpec, openModelFolder } from "../model_folder.ts";
import type { StreamScorer } from "./request_queue.ts";

/** A loaded model as a server uses it. */
export interface ServableModel extends
  StreamScorer,
  Disposable,
  Pick<
    RewardModelWorker,
    | "name"
    | "architecture"
    | "headKind"
    | "labels"
    | "objectives"
    | "kernels"
    | "weights"
    | "maxTokens"
    | "tokens"
    | "state"
  > {
  /** Name and commit of a model of the hub; for the column `scored_by`. */
  readonly hubName?: string | undefined;
}

/**
 * Loads a reward model in a worker of its own, with an adapter where one is named.
 *
 * @throws {AssayError} As `RewardModelWorker.load` and `openModelFolder`.
 */
export async function loadServableModel(
  spec: ModelSpec,
  options: LoadOptions,
): Promise<ServableModel> {
  using opened = new DisposableStack();
  const { source, warnings, hubName } = opened.use(
    await openModelFolder(spec, hubOptions(options)),
  );
  for (const warning of warnings) options.onWarning?.(warning);
  const model = opened.use(await RewardModelWorker.load(source, options));
  return servableModel(model, opened.move(), hubName);
}

/**
 * A loaded model as a server uses it.
 *
 * @param owned What is disposed of with it, the model first of all.
 * @param hubName Name and commit of a model of the hub.
 */
export function servableModel(
  model: RewardModelWorker,
  owned: Disposable,
  hubName?: string,
): ServableModel {
  const { name, architecture, headKind, labels, objectives, kernels, weights, maxTokens } = model;
  return {
    name,
    hubName,
    architecture,
    headKind,
    labels,
    objectives,
    kernels,
    weights,
    maxTokens,
    tokens: (conversation) => model.tokens(conversation),
    state: () => model.state(),
    scoreStream: (conversations) => model.scoreStream(conversations),
    [Symbol.dispose]: () => owned[Symbol.dispose](),
  };
}
