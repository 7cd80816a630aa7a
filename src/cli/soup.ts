import { Command, InvalidArgumentError, Option } from "commander";
import type { FloatDtype } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { openRows } from "../tasks/repeatable_rows.ts";
import type { LoadScorer } from "../tasks/score/open_scorer.ts";
import { writeSoup } from "../tasks/soup.ts";
import { sweepSoup } from "../tasks/soup_sweep.ts";
import { countArgument, reportFormatOption, sizeArgument } from "./arguments.ts";
import { allFromHub } from "./from_hub.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { addPlainModelFlags, loadOptions, type ModelFlags } from "./model_options.ts";
import { Output } from "./output.ts";
import { writeSweep } from "./sweep_report.ts";
import { progressBar } from "./progress_bar.ts";
import { numberArgument } from "./vote/vote_options.ts";

interface SoupFlags extends Omit<ModelFlags, "weights"> {
  readonly output?: string | undefined;
  readonly sweep?: string | undefined;
  readonly steps: number;
  readonly format?: "jsonl" | "table" | undefined;
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
  "With --sweep the averages between the models are scored on held pairs first, beside what a line " +
  "between their accuracies would have; nothing is written without --output.",
].join("\n\n");

const examples = `
Examples:
  assay soup ./rm-seed-1 ./rm-seed-2 ./rm-seed-3 --output ./rm-soup
  assay soup ./rm-a ./rm-b --weights 0.7,0.3 --output ./rm-soup
  assay soup ./rm-a ./rm-b --sweep held-pairs.jsonl --format table
  assay score ./rm-soup pairs.jsonl > scored.jsonl`;

/**
 * `assay soup`: averages checkpoints' weights.
 *
 * @param output Where output goes.
 * @param load Loads the models of a sweep.
 */
export function soupCommand(output: Output = Output.system(), load?: LoadScorer): Command {
  const command = new Command("soup")
    .summary("average the weights of reward models")
    .description(description)
    .argument("<models...>", "folders, URLs or names on the hub (hf:org/name) of the checkpoints")
    .option("--output <folder>", "folder of the averaged checkpoint; must not have weights")
    .option("--weights <list>", "λ of each model, together 1 (default: equal)", weightsArgument)
    .addOption(
      new Option("--dtype <dtype>", "element type of the result (default: the models' own)")
        .choices(["F32", "F16", "BF16"]),
    )
    .option("--shard-size <size>", "largest file of weights", sizeArgument, sizeArgument("5GB"))
    .option(
      "--sweep <pairs>",
      "accuracy of the averages on these pairs: from the first model to the second; of more models from " +
        "each to their average",
    )
    .option("--steps <n>", "with --sweep: points of each line", countArgument, 11)
    .addOption(reportFormatOption())
    .addHelpText("after", examples);
  return addPlainModelFlags(command).action(async (models: readonly string[], flags: SoupFlags) => {
    if (flags.output === undefined && flags.sweep === undefined) {
      throw new AssayError(
        "cli/usage",
        "Cannot average: expected --output, the folder of the averaged checkpoint, or --sweep",
      );
    }
    if (flags.sweep !== undefined) await sweep(models, flags.sweep, flags, output, load);
    if (flags.output !== undefined) await soup(models, flags.output, flags, output);
  });
}

async function sweep(
  models: readonly string[],
  pairs: string,
  flags: SoupFlags,
  output: Output,
  load: LoadScorer | undefined,
): Promise<void> {
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const { signal } = interrupt;
  const rows = await openRows(pairs);
  const pinned = await allFromHub(models, output, bar, signal);
  const report = await sweepSoup(pinned, rows, {
    steps: flags.steps,
    load: { ...loadOptions({ ...flags, weights: undefined }, output, bar), onProgress: undefined },
    loadScorer: load,
    onProgress: (done, total) => bar.update("averages scored", done, total),
    signal,
  });
  bar[Symbol.dispose]();
  await writeSweep(report, flags.format, output);
}

async function soup(
  models: readonly string[],
  folder: string,
  flags: SoupFlags,
  output: Output,
): Promise<void> {
  // A folder with weights is refused by the task itself, so no input is ever written to.
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const pinned = await allFromHub(models, output, bar, interrupt.signal);
  const { members, tensors } = await writeSoup(pinned, folder, {
    weights: flags.weights,
    dtype: flags.dtype,
    shardSize: flags.shardSize,
    onProgress: ({ done, total }) => bar.update("averaging", done, total),
    signal: interrupt.signal,
  });
  bar[Symbol.dispose]();
  await output.note(`${tensors} tensors of ${members} models averaged into ${folder}`);
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
