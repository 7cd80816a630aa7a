import type { WorkerModel } from "../../src/fleet/queue/worker_model.ts";
import type { Scorer } from "../../src/tasks/score/scorer.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";

const verdict: Verdict = {
  score: 0.123456789,
  scoreStd: null,
  parts: {},
  rewards: null,
  coefficients: null,
  gating: null,
  kernels: "cpu",
  tokens: 7,
  truncated: false,
  error: null,
};

/** A model that costs nothing: what is measured with it is all the rest. */
export const freeScorer: Scorer = {
  async *scoreStream(conversations) {
    for await (const _ of conversations) yield verdict;
  },
};

/** A worker's model that costs nothing. */
export const freeWorker: WorkerModel = {
  name: "free",
  identity: {
    assay: "0",
    model: "free",
    source: null,
    settings: {},
    maxTokens: 1,
    calibrator: null,
    kernels: "cpu",
    precision: "f32",
    weights: "stored",
    processor: "any",
  },
  scorer: freeScorer,
  reload: () => Promise.resolve(),
};
