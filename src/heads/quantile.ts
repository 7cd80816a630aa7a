import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import { softmaxGate } from "../ops/softmax_gate.ts";
import type { Weight } from "../ops/weight.ts";
import { type Linear, WeightLoader } from "../ops/weight_loader.ts";
import type { Backend } from "../ops/backend.ts";
import {
  finiteNumbers,
  gatingLayerName,
  hasQuantiles,
  logitScaleName,
  normOfGate,
  regressionName,
  transformName,
} from "./armo.ts";
import { foldBatchNorm } from "./batch_norm.ts";
import type {
  Head,
  HeadFacts,
  HeadKind,
  HeadPlan,
  Judgement,
  ReadRows,
  ReadStates,
} from "./head.ts";
import { outputsOf, runLayers } from "./linear_layers.ts";
import { armoObjectives, helpSteerObjectives, objectiveNames } from "./objectives.ts";

/**
 * The head of QRM (Dorka 2024, arXiv 2409.10164): ArmoRM's, with the quantiles of each reward instead of
 * the reward. With h the hidden state of the last token and p that of the assistant header's start:
 *
 *     Q_ik          quantile k of objective i: (W · h)_{i · quantiles + k}
 *     rewards       r_i = mean of Q_ik over k
 *     gating        g = softmax(MLP(p) / temperature) · logit scale
 *     coefficients  c = g · Mᵀ, or g where there is no transform M
 *     score         Σ r_i c_i
 *     quantiles     q_k = Σ_i c_i Q_ik, whose mean is the score
 *     its std       √(mean of (q_k − score)² over k)
 *
 * The quantiles lie at the levels k / (quantiles + 1), and the standard deviation is that of a
 * distribution which is each of them equally often, all objectives at their own quantile k together.
 *
 * The gate's MLP has a batch norm after each ReLU, which on loading is folded into the next linear map.
 */
export const quantileHead: HeadKind = {
  kind: "quantile",
  names: [regressionName],
  told:
    `"${regressionName}" with "gating.*" and num_quantiles, or batch norms in the gate (quantile)`,
  matches: (facts) => facts.tensors.has(regressionName) && hasQuantiles(facts),
  plan: planQuantileHead,
};

/** How the gate lies in the checkpoint. */
interface GateLayout {
  /** Numbers of the linear maps in `gating.layers`. */
  readonly linears: readonly number[];
  readonly temperature: number;
}

function planQuantileHead(facts: HeadFacts): HeadPlan {
  const { hiddenSize, tensors: found, name } = facts;
  const config = new ConfigReader(facts.config, `${name}/config.json`);
  const quantiles = config.count("num_quantiles", 19);
  const rows = found.get(regressionName)!.shape[0] ?? 0;
  const objectives = config.count("num_objectives", Math.max(1, Math.floor(rows / quantiles)));
  if (objectives * quantiles !== rows) {
    const expected =
      `so many that, times the ${quantiles} of num_quantiles, they are the ${rows} ` +
      `rows of "${regressionName}"`;
    throw config.unexpected("num_objectives", expected, objectives);
  }
  const linears = gateLayers(facts, config);
  // QRM-Llama's class, whose gate has no dropout, always has the transform: it was not left out there.
  const transforms = found.has(transformName) || linears[1] === linears[0]! + 3;
  const tensors = new Map<string, readonly number[]>([
    [regressionName, [rows, hiddenSize]],
    [logitScaleName, [1]],
  ]);
  if (transforms) tensors.set(transformName, [objectives, objectives]);
  const width = found.get(`${gatingLayerName(linears[0]!)}.weight`)?.shape[0] ?? 1;
  if (config.count("gating_hidden_dim", width) !== width) {
    throw config.unexpected("gating_hidden_dim", `${width}, by the tensors`, "another number");
  }
  linears.forEach((layer, i) => {
    const isLast = i === linears.length - 1;
    const outputs = isLast ? objectives : width;
    tensors.set(`${gatingLayerName(layer)}.weight`, [outputs, i === 0 ? hiddenSize : width]);
    if (isLast) tensors.set(`${gatingLayerName(layer)}.bias`, [outputs]);
    else {
      for (const part of ["weight", "bias", "running_mean", "running_var"]) {
        tensors.set(`${gatingLayerName(layer + 2)}.${part}`, [width]);
      }
    }
  });
  // QRM-Llama's class has a default; no public code of QRM-Gemma-2's own tells one.
  const temperature = config.positive("gating_temperature", transforms ? 10 : undefined);
  const names = objectiveNames(config, objectives, [armoObjectives, helpSteerObjectives]);
  return {
    kind: "quantile",
    reads: { score: { at: "last" }, gate: { at: "header" } },
    parts: { rewards: names, coefficients: names, gating: names, quantiles: null },
    tensors,
    load: (checkpoint, backend) =>
      QuantileHead.load(checkpoint, backend, { linears, temperature, transforms, quantiles }),
  };
}

/**
 * Numbers of the gate's linear maps. After each but the last come a ReLU and a batch norm, and in
 * QRM-Gemma-2 a dropout, which scoring has none of: 0, 3, 6, 9 or 0, 4, 8, 11.
 */
function gateLayers({ tensors }: HeadFacts, config: ConfigReader): readonly number[] {
  const norms = [...tensors.keys()].flatMap((name) => {
    const [, number] = normOfGate.exec(name) ?? [];
    return number === undefined ? [] : [Number(number)];
  }).sort((a, b) => a - b);
  const hidden = config.count("gating_n_hidden", 3, 64);
  if (norms.length !== hidden) {
    const expected = `${norms.length}, the batch norms of "gating.layers"`;
    throw config.unexpected("gating_n_hidden", expected, hidden);
  }
  return [...norms.map((norm) => norm - 2), norms.at(-1)! + 1];
}

class QuantileHead implements Head {
  private constructor(
    readonly loader: WeightLoader,
    readonly regression: Weight,
    readonly gate: readonly Linear[],
    readonly numbers: {
      readonly transform: Float32Array | undefined;
      readonly logitScale: number;
      readonly temperature: number;
      readonly quantiles: number;
    },
  ) {}

  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    layout: GateLayout & { readonly transforms: boolean; readonly quantiles: number },
  ): Promise<QuantileHead> {
    const { linears, temperature, transforms, quantiles } = layout;
    const loader = new WeightLoader(checkpoint, backend);
    const gate: Linear[] = [];
    for (const [i, layer] of linears.entries()) {
      const name = gatingLayerName(layer);
      const outputs = outputsOf(i, linears.length);
      if (i === 0) {
        gate.push(await loader.linear(name, false, { outputs }));
        continue;
      }
      const norm = gatingLayerName(linears[i - 1]! + 2);
      const folded = await foldBatchNorm(checkpoint, name, norm);
      gate.push(loader.computed(name, folded, { outputs }));
    }
    const transform = transforms ? await finiteNumbers(checkpoint, transformName) : undefined;
    const [logitScale] = await finiteNumbers(checkpoint, logitScaleName);
    const regression = await loader.weight(regressionName);
    const numbers = { transform, logitScale: logitScale!, temperature, quantiles };
    return new QuantileHead(loader, regression, gate, numbers);
  }

  record({ score: last, gate }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    const { temperature, logitScale } = this.numbers;
    const quantiles = backend.matrix(last!.rows, this.regression.rows);
    backend.run(matmul, { input: last!, weight: this.regression, output: quantiles });
    const logits = runLayers(backend, gate!, this.gate, "relu");
    backend.run(softmaxGate, { logits, temperature, logitScale });
    return [quantiles, logits];
  }

  judge(
    [all, gates]: readonly Float32Array[],
    conversations: readonly ReadRows[],
  ): Judgement[] {
    const { quantiles: count } = this.numbers;
    const { rows } = this.regression;
    const objectives = rows / count;
    return conversations.map(({ score: last, gate: header }) => {
      const own = all!.subarray(last![0]! * rows, (last![0]! + 1) * rows);
      const at = header![0]! * objectives;
      const gating = Float64Array.from(gates!.subarray(at, at + objectives));
      const coefficients = this.#coefficients(gating);
      const rewards = gating.map((_, i) => {
        let sum = 0;
        for (let k = 0; k < count; k++) sum += own[i * count + k]!;
        return sum / count;
      });
      const score = rewards.reduce((sum, reward, i) => sum + reward * coefficients[i]!, 0);
      const quantiles = Float64Array.from(
        { length: count },
        (_, k) => coefficients.reduce((sum, c, i) => sum + c * own[i * count + k]!, 0),
      );
      const variance = quantiles.reduce((sum, q) => sum + (q - score) ** 2, 0) / count;
      const parts = { rewards, coefficients, gating, quantiles };
      return { score, std: Math.sqrt(variance), parts };
    });
  }

  /** c = g · Mᵀ: what each reward counts in the score. */
  #coefficients(gating: Float64Array): Float64Array {
    const { transform } = this.numbers;
    if (transform === undefined) return gating;
    const { length } = gating;
    return gating.map((_, i) => {
      let sum = 0;
      for (let j = 0; j < length; j++) sum += gating[j]! * transform[i * length + j]!;
      return sum;
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
