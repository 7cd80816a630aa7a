import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AssayError } from "../error.ts";
import type { Activation } from "../ops/activation.ts";
import type { Backend } from "../ops/backend.ts";
import type { Matrix } from "../ops/matrix.ts";
import { type Linear, WeightLoader } from "../ops/weight_loader.ts";
import type { Head, HeadFacts, HeadPlan, Judgement, ReadRows, ReadStates } from "./head.ts";
import { readLabels } from "./labels.ts";
import { loadLayers, runLayers } from "./linear_layers.ts";
import type { Read } from "./reads.ts";

/** What sets one head of linear maps apart from another. */
export interface LabelHeadLayout {
  readonly kind: string;
  /** Names of the linear maps in their order, `.weight` and `.bias`. */
  readonly layers: readonly string[];
  /** What stands between two; a ReLU by default. */
  readonly activation?: Activation | undefined;
  /** Whether every map must have a bias; by default it has one where the checkpoint has. */
  readonly biased?: boolean | undefined;
  /** The position whose state it reads; the last token by default. */
  readonly read?: Read | undefined;
  /** A token that a conversation is made to end with. */
  readonly ending?: number | undefined;
}

/**
 * Plans a head that reads one state and gives a raw logit for each label, of which one is the score: no
 * sigmoid, which would turn 23.0 into 1.0. A map has a bias where the checkpoint has one.
 *
 *     logits = W₁ · h + b₁        or        W₂ · relu(W₁ · h + b₁) + b₂        and so on
 *
 * @throws {AssayError} `checkpoint/bad-config`, and the codes of {@link readLabels}.
 */
export function planLabelHead(facts: HeadFacts, layout: LabelHeadLayout): HeadPlan {
  refuseNormalizing(facts);
  const { kind, layers, activation = "relu", biased = false, read = { at: "last" }, ending } =
    layout;
  const tensors = new Map<string, readonly number[]>();
  const biases = layers.map((name) => biased || facts.tensors.has(`${name}.bias`));
  let inputs = facts.hiddenSize;
  layers.forEach((name, layer) => {
    // A weight that is missing or no matrix is named when the plan is held against the tensors.
    const outputs = facts.tensors.get(`${name}.weight`)?.shape[0] ?? 1;
    tensors.set(`${name}.weight`, [outputs, inputs]);
    if (biases[layer]) tensors.set(`${name}.bias`, [outputs]);
    inputs = outputs;
  });
  const labels = readLabels(facts, inputs, `${layers.at(-1)}.weight`);
  const score = labels.names.indexOf(labels.score);
  return {
    kind,
    reads: { score: read },
    ending,
    labels,
    parts: inputs === 1 ? {} : { labels: labels.names },
    tensors,
    load: async (checkpoint, backend) =>
      await LabelHead.load(checkpoint, backend, {
        layers,
        activation,
        biases,
        score,
        count: inputs,
      }),
  };
}

/** Training codes that rescale a reward only if they are told to: whose number is meant is in doubt. */
function refuseNormalizing({ name, config }: HeadFacts): void {
  const reader = new ConfigReader(config, `${name}/config.json`);
  for (const key of ["normalize_reward", "do_normalize"]) {
    if (!reader.flag(key, false)) continue;
    throw new AssayError(
      "heads/unclear-scale",
      `Cannot load ${name}: config.json says "${key}": true, by which the code that trained it rescales ` +
        "the reward, and transformers does not; set it to false to score with the raw logit",
    );
  }
}

/** How a {@link LabelHead} is laid out. */
interface LoadedLayout {
  readonly layers: readonly string[];
  readonly activation: Activation;
  readonly biases: readonly boolean[];
  /** Which of the numbers is the score. */
  readonly score: number;
  /** How many numbers there are. */
  readonly count: number;
}

class LabelHead implements Head {
  private constructor(
    readonly loader: WeightLoader,
    readonly layers: readonly Linear[],
    readonly layout: LoadedLayout,
  ) {}

  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    layout: LoadedLayout,
  ): Promise<LabelHead> {
    const loader = new WeightLoader(checkpoint, backend);
    const layers = await loadLayers(loader, layout.layers, layout.biases);
    return new LabelHead(loader, layers, layout);
  }

  record({ score: input }: ReadStates): Matrix[] {
    return [runLayers(this.loader.backend, input!, this.layers, this.layout.activation)];
  }

  judge([logits]: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[] {
    const { score, count } = this.layout;
    return conversations.map(({ score: rows }) => {
      const at = rows![0]! * count;
      const labels = Float64Array.from(logits!.subarray(at, at + count));
      return { score: labels[score]!, parts: count === 1 ? {} : { labels } };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
