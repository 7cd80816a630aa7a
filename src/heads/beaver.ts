import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import type { Backend } from "../ops/backend.ts";
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

const headName = "score_head";
/** Running statistics of training, which a checkpoint may hold beside those of its config. */
const meanName = "normalizer.mean";
const varianceName = "normalizer.var";

/** What a score is a measure of: `score_type` of `config.json`. */
type ScoreType = "reward" | "cost" | "critic";

/** What is done to a raw score, by the type: (x − mean) / std, x / std, or nothing. */
interface Normalizer {
  readonly centres: boolean;
  readonly scales: boolean;
}

const normalizers: Readonly<Record<ScoreType, Normalizer>> = {
  reward: { centres: true, scales: true },
  cost: { centres: false, scales: true },
  critic: { centres: false, scales: false },
};
const none: Normalizer = normalizers.critic;

/** Keeps a standard deviation of 0 from being divided by. */
const epsilon = 1e-8;

/**
 * The head of Beaver's reward and cost models (Dai et al. 2023, arXiv 2310.12773): one linear map, read at
 * the last token, and, where `do_normalize` says so, a normaliser after it:
 *
 *     reward   x = (w · h − mean) / (√var + 1e-8)      score = x
 *     cost     x = w · h / (√var + 1e-8)               score = −x: less harm is better
 *
 * Scores are compared, and the best is the highest: a cost is negated, as RewardBench does, and stands in
 * the part `labels` as it is.
 */
export const beaverHead: HeadKind = {
  kind: "beaver",
  names: [`${headName}.weight`],
  told: `"${headName}.weight" (beaver)`,
  matches: ({ tensors }) => tensors.has(`${headName}.weight`),
  plan: planBeaverHead,
};

function planBeaverHead(facts: HeadFacts): HeadPlan {
  const { name, tensors, hiddenSize } = facts;
  const config = new ConfigReader(facts.config, `${name}/config.json`);
  const rows = tensors.get(`${headName}.weight`)!.shape[0];
  if (config.count("score_dim", 1) !== 1 || rows !== 1) {
    throw config.unexpected("score_dim", `1, and as many rows of "${headName}.weight"`, rows);
  }
  const type = scoreType(facts, config);
  const normalizer = config.flag("do_normalize", false) ? normalizers[type] : none;
  const bias = tensors.has(`${headName}.bias`);
  if (config.flag("bias", bias) !== bias) {
    throw config.unexpected("bias", `${bias}, by the tensors`, !bias);
  }
  const expected = new Map<string, readonly number[]>([[`${headName}.weight`, [1, hiddenSize]]]);
  if (bias) expected.set(`${headName}.bias`, [1]);
  const stored = [meanName, varianceName].filter((tensor) => tensors.has(tensor));
  for (const tensor of stored) expected.set(tensor, [1]);
  const told = { mean: statistic(config, "mean", 0), variance: statistic(config, "var", 1) };
  return {
    kind: "beaver",
    reads: { score: { at: "last" } },
    labels: { names: [type], score: type, negated: type === "cost" },
    parts: type === "cost" ? { labels: [type] } : {},
    tensors: expected,
    load: async (checkpoint, backend) => {
      const read = async (tensor: string, otherwise: number): Promise<number> =>
        stored.includes(tensor) ? toFloat32(await checkpoint.read(tensor))[0]! : otherwise;
      // What a class was trained with last lies in its tensors, which it loads after its config.
      const mean = await read(meanName, told.mean);
      const std = Math.sqrt(await read(varianceName, told.variance)) + epsilon;
      const shift = normalizer.centres ? mean : 0;
      const scale = normalizer.scales ? std : 1;
      return await BeaverHead.load(checkpoint, backend, { bias, shift, scale, type });
    },
  };
}

/** Whether it measures what is wanted or what is not; the tensors of both are alike. */
function scoreType({ name, label }: HeadFacts, config: ConfigReader): ScoreType {
  const told = config.value("score_type");
  const type = told ?? label;
  if (label !== undefined && type !== label) {
    throw new AssayError(
      "heads/unknown-label",
      `Cannot load ${name}: expected the label "${type}", its score_type, found ${
        JSON.stringify(label)
      }`,
    );
  }
  if (type === undefined) {
    throw new AssayError(
      "heads/several-labels",
      `Cannot load ${name}: its config.json has no score_type, and nothing else says whether its head ` +
        "measures a reward or a cost, which is negated; say so: --label reward or --label cost",
    );
  }
  if (Object.hasOwn(normalizers, type as string)) return type as ScoreType;
  throw config.unexpected("score_type", Object.keys(normalizers).join(" or "), type);
}

/** A statistic of the normaliser, a list of one number. */
function statistic(config: ConfigReader, key: "mean" | "var", otherwise: number): number {
  const value = config.value(key);
  if (value === undefined) return otherwise;
  const [number, ...more] = Array.isArray(value) ? value : [value];
  const isFine = typeof number === "number" && Number.isFinite(number) && more.length === 0;
  if (isFine && (key === "mean" || number >= 0)) return number;
  throw config.unexpected(key, "a list of one number", value);
}

/** How a {@link BeaverHead} makes a score of a raw one. */
interface Scale {
  readonly bias: boolean;
  readonly shift: number;
  readonly scale: number;
  readonly type: ScoreType;
}

class BeaverHead implements Head {
  private constructor(
    readonly loader: WeightLoader,
    readonly linear: Linear,
    readonly scale: Scale,
  ) {}

  static async load(checkpoint: Checkpoint, backend: Backend, scale: Scale): Promise<BeaverHead> {
    const loader = new WeightLoader(checkpoint, backend);
    return new BeaverHead(loader, await loader.linear(headName, scale.bias), scale);
  }

  record({ score: input }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    const output = backend.matrix(input!.rows, 1);
    backend.run(matmul, { input: input!, ...this.linear, output });
    return [output];
  }

  judge([raw]: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[] {
    const { shift, scale, type } = this.scale;
    return conversations.map(({ score: rows }) => {
      const measured = (raw![rows![0]!]! - shift) / scale;
      if (type !== "cost") return { score: measured, parts: {} };
      return { score: -measured, parts: { labels: Float64Array.of(measured) } };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}
