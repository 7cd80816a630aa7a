import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import { activate } from "../ops/activate.ts";
import type { Activation } from "../ops/activation.ts";
import type { Backend } from "../ops/backend.ts";
import { layerNorm } from "../ops/layer_norm.ts";
import { asStored, padded } from "../ops/layout.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
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
import { readLabels } from "./labels.ts";
import { activationOf } from "./linear_layers.ts";

const names = { dense: "head.dense", norm: "head.norm", classifier: "classifier" };

/**
 * The head of `ModernBertForSequenceClassification`: a prediction head before the classifier, on the first
 * token's state or on the mean of all (`classifier_pooling`):
 *
 *     logits = classifier(norm(gelu(dense(state))))
 *
 * Raw logits; the classifier alone always has a bias.
 */
export const modernbertHead: HeadKind = {
  kind: "modernbert",
  names: [`${names.dense}.weight`],
  told: `"${names.dense}.weight" with "${names.norm}.weight" and "classifier.weight" (ModernBERT)`,
  matches: ({ tensors }) =>
    [names.dense, names.classifier].every((name) => tensors.has(`${name}.weight`)),
  plan: planModernBertHead,
};

/** What the head computes with. */
interface HeadSettings {
  readonly activation: Activation;
  readonly epsilon: number;
  readonly biases: { readonly dense: boolean; readonly norm: boolean };
}

function planModernBertHead(facts: HeadFacts): HeadPlan {
  refuseTokenClassifier(facts);
  const config = new ConfigReader(facts.config, `${facts.name}/config.json`);
  const settings: HeadSettings = {
    activation: activationOf(config, "classifier_activation", "gelu"),
    epsilon: config.positive("norm_eps", 1e-5),
    biases: { dense: config.flag("classifier_bias", false), norm: config.flag("norm_bias", false) },
  };
  const { hiddenSize, tensors: found } = facts;
  // A weight that is no matrix is named when the plan is held against the tensors.
  const rows = found.get(`${names.classifier}.weight`)?.shape[0] ?? 1;
  const tensors = new Map<string, readonly number[]>();
  const add = (name: string, biased: boolean, ...shape: number[]): void => {
    tensors.set(`${name}.weight`, shape);
    if (biased) tensors.set(`${name}.bias`, shape.slice(0, 1));
  };
  add(names.dense, settings.biases.dense, hiddenSize, hiddenSize);
  add(names.norm, settings.biases.norm, hiddenSize);
  add(names.classifier, true, rows, hiddenSize);
  const labels = readLabels(facts, rows, `${names.classifier}.weight`);
  return {
    kind: "modernbert",
    reads: { score: { at: readPooling(config) } },
    settings: { ...settings },
    labels,
    parts: rows === 1 ? {} : { labels: labels.names },
    tensors,
    load: (checkpoint, backend) =>
      ModernBertHead.load(checkpoint, backend, settings, labels.names.indexOf(labels.score)),
  };
}

/** transformers' `*ForTokenClassification` has the same tensors, and reads every token. */
function refuseTokenClassifier({ name, config }: HeadFacts): void {
  if (!JSON.stringify(config.architectures ?? null).includes("ForTokenClassification")) return;
  throw new AssayError(
    "heads/missing-head",
    `Cannot load ${name}: expected a head that scores a conversation, found one that labels every token ` +
      "(ModernBertForTokenClassification)",
  );
}

function readPooling(config: ConfigReader): "first" | "mean" {
  const pooling = config.text("classifier_pooling", "cls");
  if (pooling === "cls") return "first";
  if (pooling === "mean") return "mean";
  throw config.unexpected("classifier_pooling", '"cls" or "mean"', pooling);
}

class ModernBertHead implements Head {
  private constructor(
    readonly loader: WeightLoader,
    readonly dense: Linear,
    readonly norm: { readonly weight: Matrix; readonly bias: Matrix | undefined },
    readonly classifier: Linear,
    readonly settings: HeadSettings,
    /** Which of the logits is the score. */
    readonly score: number,
  ) {}

  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    settings: HeadSettings,
    score: number,
  ): Promise<ModernBertHead> {
    const { biases } = settings;
    const loader = new WeightLoader(checkpoint, backend, padded);
    const dense = await loader.linear(names.dense, biases.dense);
    const weight = await loader.vector(`${names.norm}.weight`);
    const bias = biases.norm ? await loader.vector(`${names.norm}.bias`) : undefined;
    const classifier = await loader.linear(names.classifier, true, { outputs: asStored });
    return new ModernBertHead(loader, dense, { weight, bias }, classifier, settings, score);
  }

  record({ score: state }: ReadStates): Matrix[] {
    const { loader: { backend }, dense, norm, classifier, settings } = this;
    const { activation, epsilon } = settings;
    const product = backend.matrix(state!.rows, dense.weight.rows);
    backend.run(matmul, { input: state!, ...dense, output: product });
    const active = backend.matrix(product.rows, product.columns);
    backend.run(activate, { input: product, activation, output: active });
    const normed = backend.matrix(product.rows, product.columns);
    const { padding } = norm.weight;
    backend.run(layerNorm, { input: active, ...norm, epsilon, padding, output: normed });
    const logits = backend.matrix(product.rows, classifier.weight.rows);
    backend.run(matmul, { input: normed, ...classifier, output: logits });
    backend.release(product, active, normed);
    return [logits];
  }

  judge([logits]: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[] {
    const count = this.classifier.weight.rows;
    return conversations.map(({ score: rows }) => {
      const at = rows![0]! * count;
      const labels = Float64Array.from(logits!.subarray(at, at + count));
      return { score: labels[this.score]!, parts: count === 1 ? {} : { labels } };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
