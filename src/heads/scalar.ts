import type { Matrix } from "../ops/matrix.ts";
import { matmul } from "../ops/matmul.ts";
import type { Weight } from "../ops/weight.ts";
import { WeightLoader } from "../ops/weight_loader.ts";
import type { Head, HeadKind, Judgement, ReadRows, ReadStates } from "./head.ts";

/** The head's one tensor, [1, hidden]. */
export const scoreName = "score.weight";

/**
 * The head of `*ForSequenceClassification` with one label: score = weight · hidden[last token]. The
 * raw logit: no bias, and no sigmoid, which would turn 23.0 into 1.0.
 */
export const scalarHead: HeadKind = {
  kind: "scalar",
  tensor: scoreName,
  told: `"${scoreName}" (scalar)`,
  plan: ({ hiddenSize }) => ({
    kind: "scalar",
    reads: { score: { at: "last" } },
    parts: {},
    tensors: new Map([[scoreName, [1, hiddenSize]]]),
    load: async (checkpoint, backend) => {
      const loader = new WeightLoader(checkpoint, backend);
      return new ScalarHead(loader, await loader.weight(scoreName));
    },
  }),
};

class ScalarHead implements Head {
  constructor(readonly loader: WeightLoader, readonly weight: Weight) {}

  record({ score: input }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    const output = backend.matrix(input!.rows, 1);
    backend.run(matmul, { input: input!, weight: this.weight, output });
    return [output];
  }

  judge([scores]: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[] {
    return conversations.map(({ score }) => ({ score: scores![score![0]!]!, parts: {} }));
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
