import { FeatureSet, linearHead, openBackbone, trainHead } from "@assay/assay/fitting";
import { extractFeatures, scalarHeadTensors, writeHeadCheckpoint } from "@assay/assay/fitting";
import type { Findings, Place } from "./program.ts";

async function* pairs() {
  for (let line = 1; line <= 6; line++) {
    const row = { prompt: `Count to ${line}`, chosen: `${line}`, rejected: "no ".repeat(line) };
    yield await Promise.resolve({ line, row, error: undefined });
  }
}

/** Trains a head on features; where there are files, those of a backbone, into a checkpoint. */
export default async function ({ repository, scratch }: Place): Promise<Findings> {
  const options = { steps: 20, batchSize: 4, rate: 3e-3, weightDecay: 1e-2, seed: 0 };
  const given = await trainHead(linearHead(2), {
    dimension: 2,
    features: Float32Array.of(1, 0, 0, 1, 0.5, 0, 0, 0.25),
    pairs: Uint32Array.of(0, 1, 2, 3),
  }, options);
  const findings: Record<string, unknown> = { given: [...given.weight] };
  if (scratch === undefined) return findings;
  const model = `${repository}/tests/golden/parity/llama`;
  const folder = `${scratch}/features`;
  {
    using backbone = await openBackbone(model, { backend: "cpu" });
    await extractFeatures(pairs(), backbone, folder, { prompts: false });
  }
  const set = await FeatureSet.open(folder);
  const { weight } = await trainHead(linearHead(set.dimension), {
    dimension: set.dimension,
    features: await set.last([...set.rows.keys()]),
    pairs: Uint32Array.from(set.pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])),
  }, options);
  await writeHeadCheckpoint(model, `${scratch}/head`, scalarHeadTensors(weight));
  return { ...findings, trained: [...weight.slice(0, 8)] };
}
