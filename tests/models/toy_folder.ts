import { blobFolder, type CheckpointFolder } from "../../src/checkpoint/folder.ts";
import type { TensorToWrite } from "../../src/checkpoint/safetensors_writer.ts";
import { parityFolder } from "../golden/parity.ts";
import { safetensorsBlob } from "../merging/tiny_checkpoint.ts";
import { toyTensors } from "./toy_family.ts";

/** Files of a checkpoint of the toy family: the tokenizer is that of a parity checkpoint. */
export async function toyFiles(head: readonly TensorToWrite[]): Promise<Map<string, Blob>> {
  const files = new Map<string, Blob>();
  const from = parityFolder("llama");
  for (const { name } of Deno.readDirSync(from)) {
    if (/^(tokenizer|special_tokens|chat_template)/.test(name)) {
      files.set(name, new Blob([await Deno.readFile(`${from}/${name}`)]));
    }
  }
  const { vocab_size } = JSON.parse(await Deno.readTextFile(`${from}/config.json`));
  const config = { architectures: ["ToyForSequenceClassification"], model_type: "toy", vocab_size };
  files.set("config.json", new Blob([JSON.stringify(config)]));
  const tensors = [...toyTensors(vocab_size), ...head];
  return files.set("model.safetensors", await safetensorsBlob(tensors));
}

/** A checkpoint of the toy family in memory. */
export async function toyFolder(head: readonly TensorToWrite[]): Promise<CheckpointFolder> {
  return blobFolder("toy", await toyFiles(head));
}
