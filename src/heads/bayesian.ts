import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Backend } from "../ops/backend.ts";
import { asStored } from "../ops/layout.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import { WeightLoader } from "../ops/weight_loader.ts";
import type {
  Head,
  HeadFacts,
  HeadKind,
  HeadPlan,
  Judgement,
  ReadRows,
  ReadStates,
} from "./head.ts";
import { posteriorName, scoreName } from "./scalar.ts";

/** The key of `config.json` that holds σ², the variance of a rating about its score. */
export const noiseKey = "bayesian_noise_variance";

/**
 * A linear head whose weights are a normal distribution, as `assay fit head --bayesian` writes it: with h
 * the hidden state of the last token, F the posterior's factor (covariance FᵀF) and σ² the noise,
 *
 *     score = w · h      std = √(‖F h‖² + σ²)      std of a margin = √(‖F h − F h'‖² + 2σ²)
 *
 * σ² is 0 for a head that was fitted on pairs. The mean stands in `score.weight`, so that other programs
 * read the checkpoint as one with a scalar head.
 */
export const bayesianHead: HeadKind = {
  kind: "bayesian",
  names: [posteriorName],
  told: `"${scoreName}" with "${posteriorName}" (Bayesian)`,
  matches: ({ tensors }) => tensors.has(scoreName) && tensors.has(posteriorName),
  plan: planBayesian,
};

function planBayesian({ hiddenSize, name, config }: HeadFacts): HeadPlan {
  const reader = new ConfigReader(config, `${name}/config.json`);
  const noise = reader.value(noiseKey) ?? 0;
  if (typeof noise !== "number" || !(noise >= 0 && noise < Infinity)) {
    throw reader.unexpected(noiseKey, "a finite number of at least 0", noise);
  }
  return {
    kind: "bayesian",
    reads: { score: { at: "last" } },
    parts: {},
    settings: { [noiseKey]: noise },
    tensors: new Map([
      [scoreName, [1, hiddenSize]],
      [posteriorName, [hiddenSize, hiddenSize]],
    ]),
    load: (checkpoint, backend) => BayesianScores.load(checkpoint, backend, noise),
  };
}

class BayesianScores implements Head {
  private constructor(
    readonly loader: WeightLoader,
    readonly mean: Weight,
    readonly factor: Weight,
    readonly noise: number,
  ) {}

  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    noise: number,
  ): Promise<BayesianScores> {
    const loader = new WeightLoader(checkpoint, backend);
    const mean = await loader.weight(scoreName, { outputs: asStored });
    const factor = await loader.weight(posteriorName, { outputs: asStored });
    return new BayesianScores(loader, mean, factor, noise);
  }

  record({ score: input }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    return [this.mean, this.factor].map((weight) => {
      const output = backend.matrix(input!.rows, weight.rows);
      backend.run(matmul, { input: input!, weight, output });
      return output;
    });
  }

  judge(
    [scores, deviations]: readonly Float32Array[],
    conversations: readonly ReadRows[],
  ): Judgement[] {
    const { factor: { rows: size }, noise } = this;
    return conversations.map(({ score: rows }) => {
      const at = rows![0]!;
      const vector = Float64Array.from(deviations!.subarray(at * size, (at + 1) * size));
      const variance = vector.reduce((sum, value) => sum + value * value, noise);
      const deviation = { vector, noise };
      return { score: scores![at]!, std: Math.sqrt(variance), deviation, parts: {} };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
