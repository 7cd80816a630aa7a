import { checkTensors } from "../checkpoint/check_tensors.ts";
import { AssayError } from "../error.ts";
import { matmul } from "../ops/matmul.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import { WeightLoader } from "../ops/weight_loader.ts";
import { type NamedToken, readOfSteps, type StepReduction } from "./asked.ts";
import type {
  Head,
  HeadFacts,
  HeadKind,
  HeadPlan,
  Judgement,
  ReadRows,
  ReadStates,
} from "./head.ts";
import { firstOfTwo, judgementOfSteps, stepScores } from "./step_scores.ts";

/**
 * One or two rows of a causal model's output matrix W as the head, with h the state of the last token:
 *
 *     one token    score = W[a] · h                 the raw logit (Llama-3.1-Nemotron-70B-Reward)
 *     two tokens   score = W[a] · h − W[b] · h      the log-odds of a against b (yes and no of rerankers)
 *     with steps   p = softmax(W[a] · h, W[b] · h)  at each step (`+` and `-` of math-shepherd)
 *
 * A logit goes through the model's soft cap first, where it has one. Such a checkpoint looks like any
 * causal model, so this head is there only where it was asked for. The other rows of W are never read.
 */
export const vocabularyHead: HeadKind = {
  kind: "vocabulary",
  names: [],
  told: "logits of a causal model's tokens where --logit or --logits names them (vocabulary)",
  matches: ({ asked }) => asked.logits !== undefined,
  plan: planVocabularyHead,
};

function planVocabularyHead(facts: HeadFacts): HeadPlan {
  const { asked: { logits, steps }, logitScale: scale = 1, logitSoftcap: softcap } = facts;
  const tokens: readonly NamedToken[] = logits!;
  checkLogits(tokens, facts);
  const matrix = outputMatrix(facts);
  if (steps !== undefined && tokens.length !== 2) {
    throw new AssayError(
      "heads/one-logit",
      `Cannot score steps with ${facts.name}: expected two tokens (--logits "+,-"), of which the first ` +
        "one's probability is a step's score, found one",
    );
  }
  const hasTwins = new Set(tokens.map(({ text }) => text)).size < tokens.length;
  const names = tokens.map(({ id, text }) => hasTwins ? `id:${id}` : text);
  const parts = steps !== undefined
    ? { [stepScores]: null }
    : tokens.length === 2
    ? { logits: names, probabilities: names }
    : {};
  return {
    kind: "vocabulary",
    reads: { score: steps === undefined ? { at: "last" } : readOfSteps(steps, false) },
    parts,
    tokens,
    steps: steps?.reduction,
    tensors: new Map(),
    rowsOf: matrix,
    load: async (checkpoint, backend) => {
      const ids = tokens.map(({ id }) => id);
      const loader = new WeightLoader(checkpoint, backend);
      const weight = await loader.rows(matrix, ids);
      return new VocabularyHead(loader, weight, { scale, softcap }, steps?.reduction);
    },
  };
}

function checkLogits(tokens: readonly NamedToken[], { name, vocabularySize }: HeadFacts): void {
  const unknown = tokens.find(({ id }) => id >= vocabularySize);
  const isOne = tokens.length === 2 && tokens[0]!.id === tokens[1]!.id;
  if (unknown === undefined && !isOne) return;
  throw new AssayError(
    "heads/unknown-token",
    `Cannot read logits of ${name}: expected ` +
      (unknown === undefined
        ? `two tokens, found ${tokens[0]!.id} twice`
        : `token ids below ${vocabularySize}, the size of its vocabulary, found ${unknown.id}`),
  );
}

/**
 * The output matrix: its own, or the embedding where `tie_word_embeddings` says that the two are one.
 *
 * @throws {AssayError} `heads/no-output-matrix`, `checkpoint/wrong-shape`, `checkpoint/wrong-dtype`.
 */
function outputMatrix(facts: HeadFacts): string {
  const { name, config, tensors, vocabularySize, hiddenSize, causal } = facts;
  const { languageHeadName: own, embeddingName, tiedByDefault } = facts;
  const bias = own.replace(/weight$/, "bias");
  const found = tensors.get(own);
  const isTied = (config.tie_word_embeddings ?? tiedByDefault) === true;
  if (!causal || tensors.has(bias) || (found === undefined && !isTied)) {
    throw new AssayError(
      "heads/no-output-matrix",
      `Cannot read logits of ${name}: expected a causal model with "${own}" and no bias, or ` +
        `"tie_word_embeddings" in config.json, found ${
          !causal ? "an encoder" : tensors.has(bias) ? `"${bias}"` : "neither"
        }; a reward model is scored without --logit and --logits`,
    );
  }
  if (found === undefined) return embeddingName;
  checkTensors(new Map([[own, found]]), new Map([[own, [vocabularySize, hiddenSize]]]), name);
  return own;
}

class VocabularyHead implements Head {
  constructor(
    readonly loader: WeightLoader,
    /** The rows of the tokens, [tokens, hidden]. */
    readonly weight: Weight,
    /** A softcap of 0 is none, too. */
    readonly logits: { readonly scale: number; readonly softcap: number | undefined },
    readonly reduction: StepReduction | undefined,
  ) {}

  record({ score: input }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    const output = backend.matrix(input!.rows, this.weight.rows);
    backend.run(matmul, { input: input!, weight: this.weight, output });
    return [output];
  }

  judge([numbers]: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[] {
    const { rows: count } = this.weight;
    const logits = (row: number): Float64Array =>
      Float64Array.from(numbers!.subarray(row * count, (row + 1) * count), this.#scaled);
    return conversations.map(({ score: rows }) => {
      const read = rows!.map(logits);
      if (this.reduction !== undefined) {
        const probabilities = read.map(([first, second]) => firstOfTwo(first!, second!));
        return judgementOfSteps(Float64Array.from(probabilities), this.reduction);
      }
      const [last] = read;
      const [first, second] = last!;
      if (second === undefined) return { score: first!, parts: {} };
      const probability = firstOfTwo(first!, second);
      const probabilities = Float64Array.of(probability, firstOfTwo(second, first!));
      return { score: first! - second, parts: { logits: last!, probabilities } };
    });
  }

  /** What the model makes of a raw product: a multiple, then c · tanh(x / c) where it caps its logits. */
  readonly #scaled = (product: number): number => {
    const { scale, softcap: cap } = this.logits;
    const logit = scale * product;
    return cap === undefined || cap === 0 ? logit : cap * Math.tanh(logit / cap);
  };

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
