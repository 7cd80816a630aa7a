import { Command, InvalidArgumentError, Option } from "commander";
import type { FloatDtype } from "../checkpoint/tensor.ts";
import { writeSoup } from "../tasks/soup.ts";
import { sizeArgument } from "./arguments.ts";
import { allFromHub } from "./from_hub.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { Output } from "./output.ts";
import { progressBar } from "./progress_bar.ts";
import { numberArgument } from "./vote/vote_options.ts";

interface SoupFlags {
  readonly output: string;
  readonly weights?: readonly number[] | undefined;
  readonly dtype?: FloatDtype | undefined;
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
    .argument("<models...>", "folders, URLs or names on the hub (hf:org/name) of the checkpoints")
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
  // A folder with weights is refused by the task itself, so no input is ever written to.
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const pinned = await allFromHub(models, output, bar, interrupt.signal);
  const { members, tensors } = await writeSoup(pinned, flags.output, {
    weights: flags.weights,
    dtype: flags.dtype,
    shardSize: flags.shardSize,
    onProgress: ({ done, total }) => bar.update("averaging", done, total),
    signal: interrupt.signal,
  });
  bar[Symbol.dispose]();
  await output.note(`${tensors} tensors of ${members} models averaged into ${flags.output}`);
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
