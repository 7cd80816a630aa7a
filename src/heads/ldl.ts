import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Backend } from "../ops/backend.ts";
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
import { loadLayers, runLayers } from "./linear_layers.ts";
import { objectiveNames } from "./objectives.ts";

/** Linear maps with a leaky ReLU between two; the gate's have a dropout too, which scoring has none of. */
const ratingLayers = [0, 2, 4].map((at) => `regression_layer.network.${at}`);
const gateLayers = [0, 3, 6].map((at) => `gating_layer.network.${at}`);

/** How many ratings an objective is distributed over, evenly from 0 to 1. */
const ratings = 10;

/**
 * The head of LDL-Reward-Gemma-2-27B: for each objective a distribution over ratings, and a weight. With h
 * the hidden state of the last token:
 *
 *     p_ik          softmax over k of MLP(h), ten ratings for each objective
 *     rewards       r_i = Σ_k p_ik · k / 9
 *     coefficients  c = MLP'(h)          softmax(c / temperature) where the config says "softmax"
 *     score         Σ r_i c_i
 *     spread        σ_i = √Σ_k p_ik (k / 9 − r_i)²
 *     its std       √Σ (c_i σ_i)²        of objectives that vary independently
 */
export const ldlHead: HeadKind = {
  kind: "ldl",
  names: [`${ratingLayers[0]}.weight`],
  told: `"${ratingLayers[0]}.weight" and "${gateLayers[0]}.weight" and so on (ldl)`,
  matches: ({ tensors }) => tensors.has(`${ratingLayers[0]}.weight`),
  plan: planLdlHead,
};

function planLdlHead(facts: HeadFacts): HeadPlan {
  const config = new ConfigReader(facts.config, `${facts.name}/config.json`);
  const count = facts.tensors.get(`${gateLayers.at(-1)}.weight`)?.shape[0] ?? 1;
  // Its class counts the ratings of all objectives under this name.
  if (config.count("num_objectives", count * ratings) !== count * ratings) {
    const expected = `${count * ratings}, ${ratings} ratings for each row of the gate's last map`;
    throw config.unexpected("num_objectives", expected, config.value("num_objectives"));
  }
  const temperature = config.flag("softmax", false) ? config.positive("temperature", 1) : undefined;
  const tensors = new Map<string, readonly number[]>();
  for (const [layers, outputs] of [[ratingLayers, count * ratings], [gateLayers, count]] as const) {
    let inputs = facts.hiddenSize;
    layers.forEach((name, layer) => {
      const own = facts.tensors.get(`${name}.weight`)?.shape[0] ?? 1;
      const rows = layer === layers.length - 1 ? outputs : own;
      tensors.set(`${name}.weight`, [rows, inputs]);
      tensors.set(`${name}.bias`, [rows]);
      inputs = rows;
    });
  }
  const names = objectiveNames(config, count);
  return {
    kind: "ldl",
    reads: { score: { at: "last" } },
    parts: { rewards: names, coefficients: names, spread: names },
    tensors,
    load: (checkpoint, backend) => LdlHead.load(checkpoint, backend, temperature),
  };
}

class LdlHead implements Head {
  private constructor(
    readonly loader: WeightLoader,
    readonly rating: readonly Linear[],
    readonly gate: readonly Linear[],
    /** That of the softmax over the weights; without one they are as they come. */
    readonly temperature: number | undefined,
  ) {}

  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    temperature: number | undefined,
  ): Promise<LdlHead> {
    const loader = new WeightLoader(checkpoint, backend);
    const rating = await loadLayers(loader, ratingLayers);
    return new LdlHead(loader, rating, await loadLayers(loader, gateLayers), temperature);
  }

  record({ score: input }: ReadStates): Matrix[] {
    const { backend } = this.loader;
    return [this.rating, this.gate].map((layers) =>
      runLayers(backend, input!, layers, "leaky_relu")
    );
  }

  judge(
    [logits, gates]: readonly Float32Array[],
    conversations: readonly ReadRows[],
  ): Judgement[] {
    const count = this.gate.at(-1)!.weight.rows;
    const { temperature } = this;
    return conversations.map(({ score: rows }) => {
      const at = rows![0]! * count;
      const raw = gates!.subarray(at, at + count);
      const coefficients = temperature === undefined
        ? Float64Array.from(raw)
        : softmax(raw, temperature);
      const moments = [...coefficients].map((_, i) => momentsOf(logits!, (at + i) * ratings));
      const rewards = Float64Array.from(moments, ({ mean }) => mean);
      const spread = Float64Array.from(moments, ({ std }) => std);
      const score = rewards.reduce((sum, reward, i) => sum + reward * coefficients[i]!, 0);
      const std = Math.hypot(...spread.map((sigma, i) => sigma * coefficients[i]!));
      return { score, std, parts: { rewards, coefficients, spread } };
    });
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
  }
}

/** Mean and standard deviation of one objective's rating, by the logits of its ratings. */
function momentsOf(logits: Float32Array, start: number): { mean: number; std: number } {
  const p = softmax(logits.subarray(start, start + ratings), 1);
  const rating = (k: number): number => k / (ratings - 1);
  const mean = p.reduce((sum, share, k) => sum + share * rating(k), 0);
  const variance = p.reduce((sum, share, k) => sum + share * (rating(k) - mean) ** 2, 0);
  return { mean, std: Math.sqrt(variance) };
}

function softmax(logits: Float32Array, temperature: number): Float64Array {
  const highest = logits.reduce((most, x) => x > most ? x : most, -Infinity);
  const powers = Float64Array.from(logits, (x) => Math.exp((x - highest) / temperature));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total);
}
