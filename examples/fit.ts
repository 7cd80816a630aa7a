// Fits a scalar head on a frozen backbone from pairs, without Python:
//   deno run --allow-all examples/fit.ts MODEL PAIRS.jsonl OUTPUT
import { readRows } from "@assay/assay/data";
import {
  extractFeatures,
  FeatureSet,
  linearHead,
  openBackbone,
  scalarHeadTensors,
  trainHead,
  writeHeadCheckpoint,
} from "@assay/assay/fitting";

const [model, input, output] = Deno.args as [string, string, string];
{
  using backbone = await openBackbone(model);
  await extractFeatures(readRows(input), backbone, `${output}/features`, { prompts: false });
}
const features = await FeatureSet.open(`${output}/features`);
const { weight, losses } = await trainHead(
  linearHead(features.dimension),
  {
    dimension: features.dimension,
    features: await features.last([...features.rows.keys()]),
    pairs: Uint32Array.from(features.pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])),
  },
  { steps: 300, batchSize: 256, rate: 3e-3, weightDecay: 1e-2, seed: 0 },
);
await writeHeadCheckpoint(model, output, scalarHeadTensors(weight));
console.log(`loss ${losses[0]!.toFixed(3)} → ${losses.at(-1)!.toFixed(3)}; score with ${output}`);
