import { AssayError } from "../error.ts";
import type { CheckpointFolder } from "./folder.ts";
import { shardIndexFile, weightsFile } from "./shard_index.ts";

/** What lies where a checkpoint should, and what to do about it. The first that fits is told. */
const otherFiles: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [
    /^adapter_(config\.json|model\.)/,
    "an adapter without its base model: name the base model as the checkpoint and this folder with " +
    "--adapter, or merge it first (merge_and_unload() of the Python package peft)",
  ],
  [
    /\.gguf$/,
    "GGUF weights, which are mostly quantized: take the original model's folder of safetensors " +
    "weights, or write one with from_pretrained(folder, gguf_file=…) and save_pretrained(…) of " +
    "transformers",
  ],
  [
    /^consolidated.*\.safetensors$/,
    "weights under the names of the model's makers: take the ones that transformers reads, " +
    weightsFile,
  ],
  [
    /^(?!adapter).*\.safetensors$/,
    `safetensors under another name: add ${shardIndexFile} or rename it`,
  ],
  [
    /^(?!training_args|optimizer|scheduler|rng_state).*\.(bin|pt|pth|ckpt)(\.index\.json)?$/,
    "PyTorch weights: convert them, for example with from_pretrained(…) and " +
    "save_pretrained(folder) of transformers, where you trust them: such files can run code",
  ],
  [/(\.|^)onnx$/, "an export to ONNX: take the original model's folder of safetensors weights"],
  [
    /\.(h5|msgpack|ot|tflite|mlmodel)$/,
    "weights of another framework: take the original model's folder of safetensors weights",
  ],
  [
    /^(modules\.json|\d_[A-Z]\w*)$/,
    "a sentence-transformers model whose transformer lies in a folder of its own: it makes vectors, " +
    "not scores; a reward model has a head",
  ],
  [/^checkpoint-\d+$/, "a training run: name one of the folders in it"],
  [/^snapshots$/, "a folder of the hub's cache: name the folder in its snapshots"],
];

/** Files to ask for where the folder cannot be listed. */
const likelyFiles = [
  "adapter_config.json",
  "adapter_model.safetensors",
  "pytorch_model.bin.index.json",
  "pytorch_model.bin",
];

/** The error of a folder without `config.json`. */
export async function missingConfig(folder: CheckpointFolder): Promise<AssayError> {
  return new AssayError(
    "checkpoint/missing-config",
    `Cannot open checkpoint ${folder.name}: expected a folder with config.json and safetensors ` +
      `weights, found ${await foundInstead(folder)}`,
  );
}

async function foundInstead(folder: CheckpointFolder): Promise<string> {
  const { name } = folder;
  const kind = folder.kind === undefined ? "unknown" : await folder.kind();
  if (kind === "file") {
    const file = name.slice(name.lastIndexOf("/") + 1);
    const advice = file.endsWith(".safetensors") ? undefined : adviceOn([file]);
    return `a file${advice === undefined ? ": name the folder that it lies in" : `, ${advice}`}`;
  }
  if (kind === undefined) return absent(name);
  const files = await filesOf(folder);
  if (folder.list === undefined || kind === "unknown") {
    return adviceOn(files) ?? `no config.json, or no such folder${pageHint(name)}`;
  }
  if (files.length === 0) return "an empty folder: download the model into it";
  if (files.includes(weightsFile) || files.includes(shardIndexFile)) {
    return "weights without it: copy config.json, tokenizer.json and tokenizer_config.json from the " +
      "model's repository";
  }
  const shown = files.toSorted().slice(0, 4).join(", ");
  return adviceOn(files) ?? `neither, but ${shown}${files.length > 4 ? ", …" : ""}`;
}

/** Why nothing lies there: the name of a model on the hub is no folder. */
function absent(name: string): string {
  if (!/^[\w-][\w.-]*\/[\w.-]+$/.test(name)) return "no such folder";
  return `no such folder; if ${name} is a model on the Hugging Face hub, name it hf:${name}`;
}

/** The address of a model's page on the hub is not that of its files. */
function pageHint(name: string): string {
  return /^https:\/\/huggingface\.co\/[^/]+\/[^/]+\/?$/.test(name)
    ? `: name a model on the hub hf:${new URL(name).pathname.slice(1).replace(/\/$/, "")}`
    : "";
}

/** The error of a folder that has a `config.json` and no weights that Assay reads. */
export async function missingWeights(folder: CheckpointFolder): Promise<AssayError> {
  const files = await filesOf(folder);
  return new AssayError(
    "checkpoint/no-safetensors",
    `Cannot open checkpoint ${folder.name}: expected ${weightsFile} or ${shardIndexFile}, found ` +
      (adviceOn(files) ?? "neither; download the weights"),
  );
}

/** Names of the folder's files, or of those likely ones that it has. */
async function filesOf(folder: CheckpointFolder): Promise<readonly string[]> {
  if (folder.list !== undefined) return await folder.list();
  const files: string[] = [];
  for (const file of likelyFiles) {
    using source = await folder.open(file);
    if (source !== undefined) files.push(file);
  }
  return files;
}

function adviceOn(files: readonly string[]): string | undefined {
  for (const [pattern, advice] of otherFiles) {
    const file = files.find((file) => pattern.test(file));
    if (file !== undefined) return `${file}, ${advice}`;
  }
  return undefined;
}
