import type { Calibrator } from "../calibration/calibrator.ts";
import { hubOptions, type LoadOptions } from "../scoring/load_options.ts";
import { RewardModelWorker } from "../scoring/worker/reward_model_worker.ts";
import { type ModelSpec, openModelFolder } from "../tasks/model_folder.ts";
import { type ServableModel, servableModel } from "../tasks/serve/servable_model.ts";
import { identityDigest, type ScoringIdentity, scoringIdentity } from "./scoring_identity.ts";

/** A loaded model that tells what its bits depend on. */
export interface IdentifiedModel extends ServableModel {
  /** Undefined of a model that a program made itself: then no other machine's rows go with its own. */
  readonly identity?: ScoringIdentity | undefined;
  /** Digest of the identity. */
  readonly identityDigest?: string | undefined;
}

/**
 * Loads a reward model in a worker of its own, with an adapter where one is named, and finds out what its
 * bits depend on.
 *
 * @param calibrator What adds calibrated scores to its rows.
 * @throws {AssayError} As `RewardModelWorker.load` and `openModelFolder`.
 */
export async function loadIdentifiedModel(
  spec: ModelSpec,
  options: LoadOptions,
  calibrator?: Calibrator,
): Promise<IdentifiedModel> {
  using opened = new DisposableStack();
  const folder = opened.use(await openModelFolder(spec, hubOptions(options)));
  for (const warning of folder.warnings) options.onWarning?.(warning);
  const model = opened.use(await RewardModelWorker.load(folder.source, options));
  const identity = await scoringIdentity({ folder, model, options, calibrator });
  const all = opened.move();
  return {
    ...servableModel(model, all, folder.hubName),
    identity,
    identityDigest: await identityDigest(identity),
  };
}
