import { ConfigReader } from "../checkpoint/config_reader.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import { type Linear, WeightLoader } from "../ops/weight_loader.ts";
import type {
  Head,
  HeadFacts,
  HeadKind,
  HeadPlan,
  Judgement,
  ReadRows,
  ReadStates,
} from "./head.ts";
import { loadLayers, runLayers } from "./linear_layers.ts";
import { helpSteerObjectives, objectiveNames } from "./objectives.ts";
import { scoreName, urmWeightsName } from "./scalar.ts";

/** The linear maps that weigh the objectives, with SELU between two. */
const weightLayers: readonly string[] = ["weights.fc.0", "weights.fc.2", "weights.fc.4"];

/**
 * The head of URM (Lou et al. 2024, arXiv 2410.00847): each objective a normal distribution, and weights
 * for all of them, from the state h of the last token:
 *
 *     rewards       r_i = (W · h)_2i
 *     spread        σ_i = exp((W · h)_2i+1)          it is stored as a logarithm
 *     coefficients  c = L₃(selu(L₂(selu(L₁ · h))))   no softmax: they need not add up to 1
 *     score         Σ r_i c_i
 *     its std       √Σ (c_i σ_i)²                    of objectives that vary independently
 *
 * The published code takes the rewards alone; spread and std explain the score and don't change it.
 */
export const urmHead: HeadKind = {
  kind: "urm",
  names: [urmWeightsName],
  told: `"${scoreName}" with "weights.fc.*" (urm)`,
  matches: ({ tensors }) => tensors.has(urmWeightsName),
  plan: planUrmHead,
};

function planUrmHead(facts: HeadFacts): HeadPlan {
  const { hiddenSize, tensors: found } = facts;
  const config = new ConfigReader(facts.config, `${facts.name}/config.json`);
  const last = `${weightLayers.at(-1)}.weight`;
  const count = found.get(last)?.shape[0] ?? 1;
  const labels = config.section("id2label");
  const told = labels === undefined
    ? config.count("num_labels", 2 * count)
    : Object.keys(labels.config).length;
  if (told !== 2 * count) {
    const expected = `${2 * count}, a mean and a spread for each of the ${count} rows of "${last}"`;
    throw config.unexpected(labels === undefined ? "num_labels" : "id2label", expected, told);
  }
  const tensors = new Map<string, readonly number[]>([[scoreName, [2 * count, hiddenSize]]]);
  let inputs = hiddenSize;
  for (const name of weightLayers) {
    const outputs = name === weightLayers.at(-1) ? count : hiddenSize;
    tensors.set(`${name}.weight`, [outputs, inputs]);
    tensors.set(`${name}.bias`, [outputs]);
    inputs = outputs;
  }
  const objectives = objectiveNames(config, count, [helpSteerObjectives]);
  return {
    kind: "urm",
    reads: { score: { at: "last" } },
    parts: { rewards: objectives, coefficients: objectives, spread: objectives },
    tensors,
    load: async (checkpoint, backend) => {
      const loader = new WeightLoader(checkpoint, backend);
      const layers = await loadLayers(loader, weightLayers);
      return new UrmHead(loader, await loader.weight(scoreName), layers);
    },
  };
}

class UrmHead implements Head {
  constructor(
    readonly loader: WeightLoader,
    readonly moments: Weight,
    readonly layers: readonly Linear[],
  ) {}

  record({ score: input }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    const moments = backend.matrix(input!.rows, this.moments.rows);
    backend.run(matmul, { input: input!, weight: this.moments, output: moments });
    return [moments, runLayers(backend, input!, this.layers, "selu")];
  }

  judge(
    [moments, weights]: readonly Float32Array[],
    conversations: readonly ReadRows[],
  ): Judgement[] {
    const count = this.moments.rows / 2;
    return conversations.map(({ score: rows }) => {
      const at = rows![0]! * count;
      const coefficients = Float64Array.from(weights!.subarray(at, at + count));
      const moment = (i: number, which: 0 | 1): number => moments![2 * (at + i) + which]!;
      const rewards = coefficients.map((_, i) => moment(i, 0));
      const spread = coefficients.map((_, i) => Math.exp(moment(i, 1)));
      const score = rewards.reduce((sum, reward, i) => sum + reward * coefficients[i]!, 0);
      const std = Math.hypot(...spread.map((sigma, i) => sigma * coefficients[i]!));
      return { score, std, parts: { rewards, coefficients, spread } };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
