import type { LoadOptions } from "../../scoring/load_options.ts";
import { RewardModelWorker } from "../../scoring/worker/reward_model_worker.ts";
import { hubOptions } from "../../scoring/load_options.ts";
import { type ModelSpec, openModelFolder } from "../../tasks/model_folder.ts";
import type { LoadedScorer } from "../../tasks/score/open_scorer.ts";
import { scoringIdentity } from "../scoring_identity.ts";
import type { WorkerModel } from "./worker_model.ts";

/** A worker's model, which holds files and a worker of its own until it is disposed of. */
export interface OpenedWorkerModel extends WorkerModel, Disposable {}

/**
 * Loads the model of a worker. It computes in a worker of its own, so that signs of life go out
 * meanwhile.
 *
 * @param name What runs call it.
 * @param spec The model.
 * @param options How it is loaded.
 * @throws {AssayError} What `openModelFolder` and `RewardModelWorker.load` throw.
 */
export async function openWorkerModel(
  name: string,
  spec: ModelSpec,
  options: LoadOptions,
): Promise<OpenedWorkerModel> {
  using opened = new DisposableStack();
  const folder = opened.use(await openModelFolder(spec, hubOptions(options)));
  for (const warning of folder.warnings) options.onWarning?.(warning);
  const load = () => RewardModelWorker.load(folder.source, options);
  let model = await load();
  opened.defer(() => model[Symbol.dispose]());
  const identity = await scoringIdentity({ folder, model, options });
  const scorer: Pick<LoadedScorer, "scoreStream"> = {
    scoreStream: (conversations, options) => model.scoreStream(conversations, options),
  };
  const all = opened.move();
  return {
    name,
    identity,
    scorer,
    async reload(): Promise<void> {
      await model[Symbol.asyncDispose](); // there may be room for one alone
      model = await load();
    },
    [Symbol.dispose]: () => all[Symbol.dispose](),
  };
}
