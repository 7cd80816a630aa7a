import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { type CheckpointFolder, localFolder } from "../../src/checkpoint/folder.ts";
import { LoraAdapter } from "../../src/merging/lora.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import { writeHeadCheckpoint } from "../../src/fitting/head_checkpoint.ts";

/** A base with a scalar head, and an adapter of it that PEFT trained, which brings a head of its own. */
export const adapted = {
  model: "tests/golden/parity/llama",
  adapter: "tests/golden/voting/peft_adapter",
} as const;

/** Writes the base with the adapter merged in F32, as a checkpoint like any other. */
export async function writeMerged(base: string, folder: string): Promise<string> {
  const files = localFolder(base);
  using checkpoint = await Checkpoint.open(files);
  using adapter = await LoraAdapter.open(localFolder(adapted.adapter));
  return await copyFolder(adapter.mergedFolder(files, checkpoint, "F32"), folder);
}

/** Writes the base as a causal model whose output matrix is its embedding; it has no head. */
export async function writeCausal(folder: string): Promise<string> {
  await writeHeadCheckpoint(adapted.model, folder, {
    tensors: [],
    config: { architectures: ["LlamaForCausalLM"], tie_word_embeddings: true },
  });
  return folder;
}

/** Writes the base without its head. */
export async function writeHeadless(folder: string): Promise<string> {
  const files = localFolder(adapted.model);
  using checkpoint = await Checkpoint.open(files);
  const headless = overlayFolder("headless", files, checkpoint, { without: ["score.weight"] });
  return await copyFolder(headless, folder);
}

async function copyFolder(source: CheckpointFolder, folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  const texts = ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];
  for (const name of [...texts, "model.safetensors"]) {
    using file = await source.open(name);
    if (file === undefined) continue;
    await Deno.writeFile(`${folder}/${name}`, await file.read(0, file.byteLength));
  }
  return folder;
}
