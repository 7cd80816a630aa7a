import type { Scorer } from "../../tasks/score/scorer.ts";
import type { ScoringIdentity } from "../scoring_identity.ts";

/** What a worker computes with. */
export interface WorkerModel {
  /** What runs call it. */
  readonly name: string;
  readonly identity: ScoringIdentity;
  readonly scorer: Scorer;
  /** Loads the model anew, after it failed as a whole. */
  reload(): Promise<void>;
}
