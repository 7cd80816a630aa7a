import { RewardModel } from "../scoring/reward_model.ts";
import { RewardModelWorker } from "../scoring/worker/reward_model_worker.ts";
import type { LoadScorer } from "../tasks/score/open_scorer.ts";
import type { Output } from "./output.ts";

/** Where somebody watches, a worker scores: the progress bar moves and Ctrl-C is heard meanwhile. */
export function loaderFor({ stderr }: Output): LoadScorer {
  const loader = stderr.isTerminal ? RewardModelWorker : RewardModel;
  return (source, options) => loader.load(source, options);
}
