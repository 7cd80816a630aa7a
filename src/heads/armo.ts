import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { type Linear, WeightLoader } from "../ops/weight_loader.ts";
import { asStored, padded } from "../ops/layout.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Backend } from "../ops/backend.ts";
import { softmaxGate } from "../ops/softmax_gate.ts";
import { armoObjectives, objectiveNames } from "./objectives.ts";
import type {
  Head,
  HeadFacts,
  HeadKind,
  HeadPlan,
  Judgement,
  ReadRows,
  ReadStates,
} from "./head.ts";

/** Rewards of the objectives, [objectives, hidden]. */
export const regressionName = "regression_layer.weight";
/** Takes the verbosity out of the other objectives, [objectives, objectives]. */
export const transformName = "reward_transform_matrix";
/** The gate's learnt scale, [1]. */
export const logitScaleName = "gating.logit_scale";

/** A batch norm in a gating network: ArmoRM's has none, QRM's has one after each hidden layer. */
export const normOfGate = /^gating\.layers\.(\d+)\.running_mean$/;

/** More hidden layers than any gating network has. */
const manyLayers = 64;

/** What a linear map of the gating network is named: `.weight`, `.bias`. */
export function gatingLayerName(layer: number): string {
  return `gating.layers.${layer}`;
}

/**
 * The head of ArmoRM (Wang et al. 2024, arXiv 2406.12845): a mixture of experts over interpretable
 * objectives. With h the hidden state of the last token and p that of the assistant header's start:
 *
 *     rewards       r = W · h
 *     gating        g = softmax(MLP(p) / temperature) · logit scale
 *     coefficients  c = g · Mᵀ
 *     score         Σ g_j (r · M)_j = Σ r_i c_i
 *
 * The gate reads the prompt alone, so responses to one prompt share it.
 */
export const armoHead: HeadKind = {
  kind: "armo",
  names: [regressionName],
  told: `"${regressionName}" with "gating.*" (ArmoRM)`,
  matches: (facts) => facts.tensors.has(regressionName) && !hasQuantiles(facts),
  plan: planArmoHead,
};

/** Whether it is a head of quantiles instead (QRM), which has tensors of the same names. */
export function hasQuantiles({ config, tensors }: HeadFacts): boolean {
  return (config.num_quantiles ?? undefined) !== undefined ||
    [...tensors.keys()].some((name) => normOfGate.test(name));
}

function planArmoHead(facts: HeadFacts): HeadPlan {
  const { hiddenSize } = facts;
  const config = new ConfigReader(facts.config, `${facts.name}/config.json`);
  const rows = facts.tensors.get(regressionName)!.shape[0];
  const count = config.count("num_objectives", rows);
  if (count !== rows) {
    const expected = `the ${rows} rows of "${regressionName}"`;
    throw config.unexpected("num_objectives", expected, count);
  }
  const width = config.count("gating_hidden_dim", 1024);
  const hiddenLayers = config.count("gating_n_hidden", 3, manyLayers);
  const temperature = config.positive("gating_temperature", 10);
  const tensors = new Map<string, readonly number[]>([
    [regressionName, [count, hiddenSize]],
    [transformName, [count, count]],
    [logitScaleName, [1]],
  ]);
  for (let layer = 0; layer <= hiddenLayers; layer++) {
    const outputs = layer === hiddenLayers ? count : width;
    const name = gatingLayerName(layer);
    tensors.set(`${name}.weight`, [outputs, layer === 0 ? hiddenSize : width]);
    tensors.set(`${name}.bias`, [outputs]);
  }
  const objectives = objectiveNames(config, count, [armoObjectives]);
  return {
    kind: "armo",
    reads: { score: { at: "last" }, gate: { at: "header" } },
    parts: { rewards: objectives, coefficients: objectives, gating: objectives },
    tensors,
    load: (checkpoint, backend) => ArmoHead.load(checkpoint, backend, hiddenLayers, temperature),
  };
}

/**
 * Numbers of a gate that no kernel sees as weights.
 *
 * @throws {AssayError} `checkpoint/not-finite`.
 */
export async function finiteNumbers(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  const read = toFloat32(await checkpoint.read(name));
  const at = read.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return read;
  throw new AssayError(
    "checkpoint/not-finite",
    `Cannot load ${checkpoint.name}: element ${at} of "${name}" is ${read[at]}`,
  );
}

class ArmoHead implements Head {
  private constructor(
    readonly loader: WeightLoader,
    readonly regression: Weight,
    readonly gate: readonly Linear[],
    readonly transform: Float32Array,
    readonly temperature: number,
    readonly logitScale: number,
  ) {}

  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    hiddenLayers: number,
    temperature: number,
  ): Promise<ArmoHead> {
    const loader = new WeightLoader(checkpoint, backend);
    const gate: Linear[] = [];
    for (let layer = 0; layer <= hiddenLayers; layer++) {
      // What one hidden layer gives the next takes in, zeros included.
      const outputs = layer < hiddenLayers ? padded : asStored;
      gate.push(await loader.linear(gatingLayerName(layer), true, { outputs }));
    }
    const [logitScale] = await finiteNumbers(checkpoint, logitScaleName);
    const transform = await finiteNumbers(checkpoint, transformName);
    const regression = await loader.weight(regressionName);
    return new ArmoHead(loader, regression, gate, transform, temperature, logitScale!);
  }

  record({ score: last, gate }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    const rewards = backend.matrix(last!.rows, this.regression.rows);
    backend.run(matmul, { input: last!, weight: this.regression, output: rewards });
    let input = gate!;
    this.gate.forEach(({ weight, bias }, layer) => {
      const activation = layer < this.gate.length - 1 ? "relu" : undefined;
      const output = backend.matrix(input.rows, weight.rows);
      backend.run(matmul, { input, weight, bias, activation, output });
      if (input !== gate) backend.release(input);
      input = output;
    });
    const { temperature, logitScale } = this;
    backend.run(softmaxGate, { logits: input, temperature, logitScale });
    return [rewards, input];
  }

  judge(
    [rewards, gates]: readonly Float32Array[],
    conversations: readonly ReadRows[],
  ): Judgement[] {
    const objectives = this.regression.rows;
    const row = (numbers: Float32Array, index: number): Float64Array =>
      Float64Array.from(numbers.subarray(index * objectives, (index + 1) * objectives));
    return conversations.map(({ score: last, gate: header }) => {
      const r = row(rewards!, last![0]!);
      const gating = row(gates!, header![0]!);
      const coefficients = this.#coefficients(gating);
      const score = r.reduce((sum, reward, i) => sum + reward * coefficients[i]!, 0);
      return { score, parts: { rewards: r, coefficients, gating } };
    });
  }

  /** c = g · Mᵀ: what each untransformed reward counts in the score. */
  #coefficients(gating: Float64Array): Float64Array {
    const { length } = gating;
    return gating.map((_, i) => {
      let sum = 0;
      for (let j = 0; j < length; j++) sum += gating[j]! * this.transform[i * length + j]!;
      return sum;
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
