import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { WeightLoader } from "../ops/weight_loader.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Backend } from "../ops/backend.ts";
import type { Head, HeadFacts, HeadPlan, Judgement, PooledStates } from "./head.ts";

/** The head's one tensor, [1, hidden]. */
export const scoreName = "score.weight";

/**
 * The head of `*ForSequenceClassification` with one label: score = weight · hidden[last token]. The
 * raw logit: no bias, and no sigmoid, which would turn 23.0 into 1.0.
 */
export function planScalarHead({ hiddenSize }: HeadFacts): HeadPlan {
  return {
    kind: "scalar",
    objectives: [],
    gates: false,
    tensors: new Map([[scoreName, [1, hiddenSize]]]),
    load: async (checkpoint: Checkpoint, backend: Backend): Promise<Head> => {
      const loader = new WeightLoader(checkpoint, backend);
      return new ScalarHead(loader, await loader.weight(scoreName));
    },
  };
}

class ScalarHead implements Head {
  constructor(readonly loader: WeightLoader, readonly weight: Weight) {}

  record({ last }: PooledStates): Matrix[] {
    const { backend } = this.loader;
    const output = backend.matrix(last.rows, 1);
    backend.run(matmul, { input: last, weight: this.weight, output });
    return [output];
  }

  judge(
    [scores]: readonly Float32Array[],
    _gateRows: readonly number[],
    count: number,
  ): Judgement[] {
    return Array.from(scores!.subarray(0, count), (score) => ({
      score,
      rewards: null,
      coefficients: null,
      gating: null,
    }));
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
