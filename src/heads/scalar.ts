import { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import type { Matrix } from "../ops/matrix.ts";
import { matmul } from "../ops/matmul.ts";
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

/** The head's one tensor, [1, hidden]. */
export const scoreName = "score.weight";

/**
 * The head of `*ForSequenceClassification` with one label: score = weight · hidden[last token]. The
 * raw logit: no bias, and no sigmoid, which would turn 23.0 into 1.0.
 */
export const scalarHead: HeadKind = {
  kind: "scalar",
  names: [scoreName],
  told: `"${scoreName}" (scalar)`,
  matches: ({ tensors }) => tensors.has(scoreName),
  plan: planScalarHead,
};

function planScalarHead(facts: HeadFacts): HeadPlan {
  checkLabels(facts);
  return {
    kind: "scalar",
    reads: { score: { at: "last" } },
    parts: {},
    tensors: new Map([[scoreName, [1, facts.hiddenSize]]]),
    load: async (checkpoint, backend) => {
      const loader = new WeightLoader(checkpoint, backend);
      return new ScalarHead(loader, await loader.weight(scoreName));
    },
  };
}

/** Holds the head's rows against the labels of the config, of which a reward model has one. */
function checkLabels({ name, config, tensors }: HeadFacts): void {
  const rows = tensors.get(scoreName)!.shape[0];
  const reader = new ConfigReader(config, `${name}/config.json`);
  const names = reader.section("id2label");
  // transformers counts the names of the labels where there are some.
  const labels = names !== undefined
    ? Object.keys(names.config).length
    : reader.value("num_labels") === undefined
    ? undefined
    : reader.count("num_labels");
  if (labels === undefined ? rows === 1 : labels === 1 && rows === 1) return;
  const told = labels === undefined
    ? "config.json names no labels"
    : `config.json has ${labels} (${names === undefined ? "num_labels" : "id2label"})`;
  throw new AssayError(
    "heads/several-labels",
    `Cannot load ${name}: expected a reward model with one label, found "${scoreName}" with ` +
      `${rows ?? "no"} rows, and ${told}; ` +
      (labels === rows
        ? "a classifier's logits are not a reward"
        : "transformers refuses such a pair too: correct the config, or the weights"),
  );
}

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
