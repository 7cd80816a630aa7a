/**
 * Fits the demo checkpoint's heads anew with `assay fit`, from the conversations, labels and pairs that
 * they were trained on, and compares both on the test split's pairs.
 *
 *     deno run --allow-all bench/fit_demo.ts --data DATA --state STATE --python PYTHON
 *
 * `DATA` and `STATE` are those of models/training/train.py, and PYTHON has its requirements; further
 * options: `--model` (models/demo), `--work` (.cache/fit-bench), `--share` (1: all training rows, whose
 * hidden states take the longest; with 0.3 a third of the time). Python only writes the rows: hidden
 * states, regression, debiasing and gate are Assay's own; in haste, `--states backbone` takes the training
 * rows' hidden states as the training left them in STATE. The settings are read from the training's
 * code. A pair whose scores are equal counts half, as in the model card.
 */
import { Checkpoint, toFloat32 } from "@assay/assay/checkpoint";
import {
  debiasedRewards,
  FeatureSet,
  GatingNetwork,
  parameter,
  type StoredPair,
} from "@assay/assay/fitting";
import { assay, features, options, python } from "./fit_inputs.ts";

/** Scores of responses from their two hidden states. */
type Score = (last: Float32Array, gate: Float32Array) => Float64Array;

async function headOf(model: string): Promise<Score> {
  using checkpoint = await Checkpoint.open(model);
  const numbers = async (name: string): Promise<Float64Array> =>
    Float64Array.from(toFloat32(await checkpoint.read(name)));
  const regression = await numbers("regression_layer.weight");
  const transform = await numbers("reward_transform_matrix");
  const objectives = Math.sqrt(transform.length);
  const dimension = regression.length / objectives;
  const layers = [];
  for (let i = 0; i <= Number(checkpoint.config.gating_n_hidden); i++) {
    layers.push({
      weight: parameter(await numbers(`gating.layers.${i}.weight`)),
      bias: parameter(await numbers(`gating.layers.${i}.bias`)),
    });
  }
  const scale = parameter(await numbers("gating.logit_scale"));
  const network = new GatingNetwork(layers, scale, Number(checkpoint.config.gating_temperature));
  return (last, gate) => {
    const rows = last.length / dimension;
    const rewards = Float64Array.from({ length: rows * objectives }, (_, i) => {
      const [row, objective] = [Math.floor(i / objectives), i % objectives];
      let sum = 0;
      for (let k = 0; k < dimension; k++) {
        sum += regression[objective * dimension + k]! * last[row * dimension + k]!;
      }
      return sum;
    });
    const debiased = debiasedRewards(rewards, transform);
    const { gating } = network.forward(Float64Array.from(gate));
    return Float64Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let j = row * objectives; j < (row + 1) * objectives; j++) {
        sum += gating[j]! * debiased[j]!;
      }
      return sum;
    });
  };
}

/** Settings of models/training/fit_heads.py, as fit_demo_rows.py wrote them. */
interface Settings {
  readonly mixture: Readonly<Record<string, number>>;
  readonly threshold: number;
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
  readonly dropout: number;
  readonly margin_scale: number;
}

async function refit(target: string): Promise<void> {
  const heads = options.states === undefined
    ? await features("heads.jsonl")
    : `${options.work}/states`;
  const config = JSON.parse(await Deno.readTextFile(`${options.model}/config.json`));
  const settings: Settings = JSON.parse(await Deno.readTextFile(`${options.work}/settings.json`));
  const shares = Object.entries(settings.mixture).map(([source, share]) => `${source}=${share}`);
  const flags = {
    "--features": heads,
    "--output": target,
    "--objectives": config.objective_names.join(),
    "--threshold": settings.threshold,
    "--debias-on": "quality",
    "--mixture": shares.join(),
    "--hidden-size": config.gating_hidden_dim,
    "--hidden-layers": config.gating_n_hidden,
    "--temperature": config.gating_temperature,
    "--steps": settings.steps,
    "--pairs-per-step": settings.batch,
    "--rate": settings.rate,
    "--dropout": settings.dropout,
    "--margin-scale": settings.margin_scale,
    "--starts": 5,
  };
  await assay("fit", "armo", options.model, ...Object.entries(flags).flat().map(String));
}

const states = options.states === undefined ? [] : ["--states", options.states];
await python("bench/fit_demo_rows.py", "--share", options.share, ...states);
await python("models/training/evaluation_rows.py");
const target = `${options.work}/refit`;
await refit(target);
const test = await FeatureSet.open(await features("pairs.jsonl", "--source", "subset"));
const places = [...test.rows.keys()];
const last = await test.last(places);
const { states: gates, promptOfRow } = await test.prompts(places);
const { dimension } = test;
const gate = new Float32Array(last.length);
promptOfRow.forEach((prompt, row) => {
  gate.set(gates.subarray(prompt * dimension, (prompt + 1) * dimension), row * dimension);
});
const shipped = (await headOf(options.model))(last, gate);
const refitted = (await headOf(target))(last, gate);

/** Percentage of pairs whose chosen response has the higher score. */
function accuracy(scores: Float64Array, pairs: readonly StoredPair[]): number {
  const right = pairs.map(({ chosen, rejected }) => Math.sign(scores[chosen]! - scores[rejected]!));
  return 50 + 50 * right.reduce((sum, sign) => sum + sign, 0) / pairs.length;
}

const subsets = Map.groupBy(test.pairs, ({ chosen }) => String(test.rows[chosen]!.source));
console.log("| pairs | number | as shipped | refitted | difference |");
console.log("| --- | --- | --- | --- | --- |");
for (const [subset, pairs] of [...subsets, ["all", test.pairs] as const]) {
  const [before, after] = [accuracy(shipped, pairs), accuracy(refitted, pairs)];
  const cells = [before, after, after - before].map((x) => x.toFixed(1));
  console.log(`| ${subset} | ${pairs.length} | ${cells.join(" | ")} |`);
}
