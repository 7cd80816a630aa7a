import { Command, InvalidArgumentError, Option } from "commander";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type TensorToWrite, writeSafetensors } from "../checkpoint/safetensors_writer.ts";
import { formatShardIndex, planShards, SHARD_INDEX_FILE } from "../checkpoint/shard_index.ts";
import type { FloatDtype } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { averageWeights } from "../merging/weight_average.ts";
import { sizeArgument } from "./arguments.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { Output } from "./output.ts";
import { progressBar } from "./progress_bar.ts";
import { writeTextFile } from "./check_outputs.ts";
import { numberArgument } from "./vote/vote_options.ts";

interface SoupFlags {
  readonly output: string;
  readonly weights?: readonly number[];
  readonly dtype?: FloatDtype;
  readonly shardSize: number;
}

const description = [
  "Averages the weights of reward models (WARM).",
  "MODELS are two or more checkpoints of one architecture, with the same tensors, tokenizer and chat " +
  "template, best fine-tuned from one and the same model. Every parameter is averaged, the head's " +
  "too, tensor by tensor, so that no more than a few MiB are held in memory. The result is a " +
  "checkpoint like any other.",
].join("\n\n");

const examples = `
Examples:
  assay soup ./rm-seed-1 ./rm-seed-2 ./rm-seed-3 --output ./rm-soup
  assay soup ./rm-a ./rm-b --weights 0.7,0.3 --output ./rm-soup
  assay score ./rm-soup pairs.jsonl > scored.jsonl`;

/**
 * `assay soup`: averages checkpoints' weights.
 *
 * @param output Where output goes.
 */
export function soupCommand(output: Output = Output.system()): Command {
  return new Command("soup")
    .summary("average the weights of reward models")
    .description(description)
    .argument("<models...>", "folders or URLs of the checkpoints")
    .requiredOption("--output <folder>", "folder of the averaged checkpoint; must not have weights")
    .option("--weights <list>", "λ of each model, together 1 (default: equal)", weightsArgument)
    .addOption(
      new Option("--dtype <dtype>", "element type of the result (default: the models' own)")
        .choices(["F32", "F16", "BF16"]),
    )
    .option("--shard-size <size>", "largest file of weights", sizeArgument, sizeArgument("5GB"))
    .addHelpText("after", examples)
    .action(async (models: readonly string[], flags: SoupFlags) => {
      await soup(models, flags, output);
    });
}

async function soup(models: readonly string[], flags: SoupFlags, output: Output): Promise<void> {
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  using opened = new DisposableStack();
  const members: Checkpoint[] = [];
  for (const model of models) members.push(opened.use(await Checkpoint.open(model)));
  const { tensors, files } = await averageWeights(members, {
    ...(flags.weights === undefined ? {} : { weights: flags.weights }),
    ...(flags.dtype === undefined ? {} : { dtype: flags.dtype }),
    onProgress: ({ done, total }) => bar.update("averaging", done, total),
    signal: interrupt.signal,
  });
  await makeFolder(flags.output);
  await writeWeights(flags.output, tensors, flags.shardSize, {
    format: "pt",
    soup: JSON.stringify({ members: models.map(lastPart), weights: flags.weights ?? "equal" }),
  });
  for (const [file, text] of files) await writeTextFile(`${flags.output}/${file}`, text);
  using written = await Checkpoint.open(flags.output); // what was written must be a checkpoint
  bar[Symbol.dispose]();
  await output.note(
    `${written.tensors.size} tensors of ${members.length} models averaged into ${flags.output}`,
  );
}

/** Writes the weights as one file, or as shards with an index where they are larger. */
async function writeWeights(
  folder: string,
  tensors: readonly TensorToWrite[],
  shardSize: number,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const shards = planShards(tensors, shardSize);
  const isSingle = shards.size === 1;
  for (const [file, shard] of shards) {
    const path = `${folder}/${isSingle ? "model.safetensors" : file}`;
    // Under another name until it is whole: nobody takes half a checkpoint for one.
    const waiting = `${path}.tmp`;
    const sink = await Deno.open(waiting, { write: true, create: true, truncate: true });
    try {
      await writeSafetensors(sink.writable, shard, { metadata });
      await Deno.rename(waiting, path);
    } catch (error) {
      await Deno.remove(waiting).catch(() => {});
      throw error;
    }
  }
  if (!isSingle) await writeTextFile(`${folder}/${SHARD_INDEX_FILE}`, formatShardIndex(shards));
}

/** The folder, made where there is none; weights that are there are never mixed with new ones. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
    for await (const { name } of Deno.readDir(folder)) {
      if (!/\.safetensors(\.index\.json)?$/.test(name)) continue;
      throw new AssayError(
        "cli/usage",
        `Cannot write to ${folder}: expected a folder without weights, found ${name}; name another ` +
          "folder, or remove them first",
      );
    }
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AssayError("data/cannot-write", `Cannot write to ${folder}: ${reason}`, { cause });
  }
}

/** Numbers or fractions with commas between: `0.5,0.5`, `1/3,1/3,1/3`. */
function weightsArgument(text: string): number[] {
  return text.split(",").map((part) => {
    const [numerator, denominator, ...rest] = part.split("/").map(numberArgument);
    if (rest.length > 0 || denominator === 0) {
      throw new InvalidArgumentError("Expected numbers or fractions with commas between.");
    }
    return numerator! / (denominator ?? 1);
  });
}

function lastPart(path: string): string {
  return path.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!;
}
