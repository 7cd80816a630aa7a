import { AssayError } from "../error.ts";
import { sigmoid } from "../numbers/sigmoid.ts";
import type { Matrix } from "../ops/matrix.ts";
import { type Linear, WeightLoader } from "../ops/weight_loader.ts";
import { readOfSteps, type StepReduction } from "./asked.ts";
import type {
  Head,
  HeadFacts,
  HeadKind,
  HeadPlan,
  Judgement,
  ReadRows,
  ReadStates,
} from "./head.ts";
import { labelNames } from "./labels.ts";
import { loadLayers, runLayers } from "./linear_layers.ts";
import { firstOfTwo, judgementOfSteps, stepScores } from "./step_scores.ts";

/** The token that ends a step of published process reward models, by the class that config.json names. */
const publishedStepTokens: Readonly<Record<string, string>> = {
  Qwen2ForProcessRewardModel: "<extra_0>", // Qwen2.5-Math-PRM, as its card joins steps
  Qwen2ForPrmModel: "\n", // Skywork-o1-Open-PRM, as its own inference code cuts a response
};

/** What that token is for a checkpoint; `undefined` where it must be said. */
export function publishedStepToken(config: Readonly<Record<string, unknown>>): string | undefined {
  const [architecture] = architecturesOf(config);
  return Object.hasOwn(publishedStepTokens, architecture ?? "")
    ? publishedStepTokens[architecture!]
    : undefined;
}

/** Names of a layout's linear maps, one after another with a ReLU between. */
const layouts: readonly (readonly string[])[] = [
  ["score.0", "score.2"], // Qwen2ForProcessRewardModel
  ["v_head.summary"], // Qwen2ForPrmModel, and other value heads
  ["score"], // *ForTokenClassification of decoders
  ["classifier"], // and of encoders
];

/**
 * The head of process reward models: a probability that a step is right, at each token that ends one.
 *
 *     two labels   p = softmax(logits)[1]     Qwen2.5-Math-PRM, token classifiers that TRL trains
 *     one          p = sigmoid(logit)         Skywork-o1-Open-PRM
 *
 * The score is made of the steps' as was asked for, by default the last one's (Snell et al. 2024, arXiv
 * 2408.03314). Only where the class or an option says so is a head read so: an outcome reward model may have
 * tensors of the same names.
 */
export const processHead: HeadKind = {
  kind: "process",
  names: layouts.flatMap((layers) => layers.map((layer) => `${layer}.weight`)),
  told:
    '"score.0.weight" and "score.2.weight", "v_head.summary.weight", or "score.weight" of a token ' +
    "classifier, with a token that ends steps (process)",
  matches: isProcessHead,
  plan: planProcessHead,
};

/** Whether a checkpoint's head tells of steps, by its class or by what was asked. */
function isProcessHead(facts: HeadFacts): boolean {
  return facts.asked.logits === undefined && layoutOf(facts.tensors) !== undefined &&
    (facts.asked.steps !== undefined || isStepClass(facts));
}

/** Whether a class reads every step or token. */
function isStepClass({ config }: HeadFacts): boolean {
  const name = /For(ProcessReward|Prm)Model$|ForTokenClassification$/;
  return architecturesOf(config).some((architecture) => name.test(architecture));
}

/**
 * Whether a head is read at steps, so that it is none of those that give one score for a conversation and
 * may have the same tensors.
 */
export function readsSteps(facts: HeadFacts): boolean {
  return isStepClass(facts) || isProcessHead(facts);
}

function architecturesOf(config: Readonly<Record<string, unknown>>): readonly string[] {
  const { architectures } = config;
  return Array.isArray(architectures)
    ? architectures.filter((name) => typeof name === "string")
    : [];
}

function layoutOf(tensors: HeadFacts["tensors"]): readonly string[] | undefined {
  return layouts.find((layers) => layers.every((layer) => tensors.has(`${layer}.weight`)));
}

function planProcessHead(facts: HeadFacts): HeadPlan {
  const { asked: { steps }, tensors, hiddenSize, name } = facts;
  const layers = layoutOf(tensors)!;
  if (steps === undefined) {
    throw new AssayError(
      "heads/no-step-token",
      `Cannot load ${name}: expected the token that ends a step, since it has a score for every token, ` +
        "found none; --step-token names it",
    );
  }
  const labels = tensors.get(`${layers.at(-1)}.weight`)!.shape[0] ?? 0;
  const isSigmoid = labels === 1 && layers[0] === "v_head.summary";
  if (labels !== 2 && !isSigmoid) {
    throw new AssayError(
      "heads/several-labels",
      `Cannot load ${name}: expected two labels of a step, wrong and right, or a value head of one, found ` +
        `"${
          layers.at(-1)
        }.weight" with ${labels} rows; which of them is a probability is not certain`,
    );
  }
  labelNames(facts, labels, `${layers.at(-1)}.weight`);
  const expected = new Map<string, readonly number[]>();
  layers.forEach((layer, i) => {
    const inputs = i === 0 ? hiddenSize : tensors.get(`${layers[i - 1]}.weight`)!.shape[0]!;
    const outputs = tensors.get(`${layer}.weight`)!.shape[0]!;
    expected.set(`${layer}.weight`, [outputs, inputs]);
    expected.set(`${layer}.bias`, [outputs]);
  });
  return {
    kind: "process",
    reads: { score: readOfSteps(steps, true) },
    parts: { [stepScores]: null },
    steps: steps.reduction,
    tensors: expected,
    load: async (checkpoint, backend) => {
      const loader = new WeightLoader(checkpoint, backend);
      return new ProcessHead(loader, await loadLayers(loader, layers), steps.reduction);
    },
  };
}

class ProcessHead implements Head {
  constructor(
    readonly loader: WeightLoader,
    readonly layers: readonly Linear[],
    readonly reduction: StepReduction,
  ) {}

  record({ score: states }: ReadStates): Matrix[] {
    return [runLayers(this.loader.backend, states!, this.layers, "relu")];
  }

  judge([numbers]: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[] {
    const labels = this.layers.at(-1)!.weight.rows;
    const probability = (row: number): number =>
      labels === 1
        ? sigmoid(numbers![row]!)
        : firstOfTwo(numbers![2 * row + 1]!, numbers![2 * row]!);
    return conversations.map(({ score: rows }) =>
      judgementOfSteps(Float64Array.from(rows!, probability), this.reduction)
    );
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
