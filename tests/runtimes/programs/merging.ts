import { Checkpoint, httpFolder, localFolder } from "@assay/assay/checkpoint";
import { averageWeights, checkpointRevision, LoraAdapter } from "@assay/assay/merging";
import type { Findings, Place } from "./program.ts";

/** Averages two checkpoints, tells a checkpoint's revision, opens an adapter. */
export default async function ({ repository, scratch }: Place): Promise<Findings> {
  const folder = `${repository}/tests/golden/parity/llama`;
  using one = await Checkpoint.open(folder);
  using other = await Checkpoint.open(folder);
  const { tensors } = await averageWeights([one, other], { weights: [0.25, 0.75] });
  let sum = 0;
  for await (const bytes of tensors[0]!.bytes) for (const byte of bytes) sum += byte;
  const adapter = `${repository}/tests/golden/voting/peft_adapter`;
  using lora = await LoraAdapter.open(
    scratch === undefined ? httpFolder(adapter) : localFolder(adapter),
  );
  return {
    revision: await checkpointRevision(one),
    averaged: tensors.length,
    sum,
    lora: lora.replaced.size,
  };
}
