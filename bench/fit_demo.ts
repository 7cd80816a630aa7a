/**
 * Compares the demo checkpoint's heads with those that `assay fit` made of the same backbone: accuracy
 * on the held-back pairs of a folder of features, by kind.
 *
 *     python bench/fit_demo_rows.py --data DATA --state STATE --out ROWS
 *     deno task assay fit features models/demo ROWS/test.jsonl --output ROWS/test
 *     deno task assay fit armo models/demo ROWS/fit.jsonl --output REFIT \
 *       --hidden-size 128 --margin-scale 10 --threshold 0.5
 *     deno run --allow-read bench/fit_demo.ts models/demo REFIT ROWS/test
 *
 * With the features that the demo was trained from (fit_demo_features.py) in place of the rows:
 * `--features ROWS/fit` in the third command, and ROWS/fit in the last.
 */
import { Checkpoint, toFloat32 } from "@assay/assay/checkpoint";
import { debiasedRewards, FeatureSet, GatingNetwork, parameter } from "@assay/assay/fitting";

const [before, after, folder] = Deno.args;
if (before === undefined || after === undefined || folder === undefined) {
  throw new TypeError("usage: fit_demo.ts MODEL REFIT FEATURES");
}

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

const features = await FeatureSet.open(folder);
const places = [...features.rows.keys()].filter((at) => features.rows[at]!.split === "validation");
const rowOf = new Map(places.map((place, row) => [place, row]));
const last = await features.last(places);
const { states, promptOfRow } = await features.prompts(places);
const gate = new Float32Array(last.length);
promptOfRow.forEach((prompt, row) => {
  const { dimension } = features;
  gate.set(states.subarray(prompt * dimension, (prompt + 1) * dimension), row * dimension);
});
const [shipped, refitted] = [(await headOf(before))(last, gate), (await headOf(after))(last, gate)];
const kinds = Map.groupBy(
  features.pairs.filter(({ chosen, rejected }) => rowOf.has(chosen) && rowOf.has(rejected)),
  ({ rejected }) => String(features.rows[rejected]!.id).split("-")[1]!,
);
console.log(
  "| pairs | number | as shipped | refitted | difference |\n| --- | --- | --- | --- | --- |",
);
for (const [kind, pairs] of [...kinds, ["all", [...kinds.values()].flat()] as const]) {
  const [a, b] = [shipped, refitted].map((scores) => {
    const margins = pairs.map((p) =>
      scores[rowOf.get(p.chosen)!]! - scores[rowOf.get(p.rejected)!]!
    );
    return 100 * margins.filter((m) => m > 0).length / pairs.length;
  });
  const cells = [a!, b!, b! - a!].map((x) => x.toFixed(1));
  console.log(`| ${kind} | ${pairs.length} | ${cells.join(" | ")} |`);
}
