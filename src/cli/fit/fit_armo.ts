import { Command } from "commander";
import { AssayError } from "../../error.ts";
import { type ArmoReport, fitArmo } from "../../fitting/armo_fit.ts";
import { armoHeadTensors, writeHeadCheckpoint } from "../../fitting/head_checkpoint.ts";
import { type LabelMap, rangeMap } from "../../fitting/label_maps.ts";
import { countArgument } from "../arguments.ts";
import { featuresToFit } from "./fit_features.ts";
import {
  addFitFlags,
  addTrainingFlags,
  type FitFlags,
  listArgument,
  numberArgument,
  positiveArgument,
  shareArgument,
  type TrainingFlags,
} from "./fit_flags.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { table } from "../table.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { files } from "../../runtime/files.ts";

interface ArmoFlags extends FitFlags, TrainingFlags {
  readonly objectives?: readonly string[] | undefined;
  readonly labels?: string | undefined;
  readonly alphas?: readonly number[] | undefined;
  readonly verbosity?: string | undefined;
  readonly threshold: number;
  readonly debiasOn?: readonly string[] | undefined;
  readonly hiddenSize: number;
  readonly hiddenLayers: number;
  readonly temperature: number;
  readonly dropout: number;
  readonly marginScale?: number | undefined;
  readonly starts: number;
}

const description = [
  "Fits the head of ArmoRM (arXiv 2406.12845) on a frozen backbone: a ridge regression for each " +
  "objective on the rated rows, the transform that takes verbosity out of the others, and the gate " +
  "on the pairs. The prompts held back choose the penalties and the gate's step.",
  "INPUT is a file of rows, rated ones and pairs together, as for fit features. OUTPUT gets the " +
  "backbone with the new head, and fit.json, which tells how each stage came out.",
].join("\n\n");

const examples = `
Examples:
  assay fit armo ./FsfairX-LLaMA3-RM-v0.1 rows.jsonl --output ./my-armo
  assay fit armo ./my-base --features ./features --output ./my-armo --steps 10000 --margin-scale 100
  assay fit armo ./my-base rows.jsonl --labels maps.json --output ./my-armo
  assay fit armo ./my-base rows.jsonl --mixture web=0.8,people=0.2 --debias-on web --output ./my-armo

maps.json gives each objective's ratings for 0 and 1: {"quality": {"low": 1, "high": 10}}

Exit status: 0 all rows fine, 1 some rows could not be used, 2 nothing could be fitted.`;

/** `assay fit armo`: fits the head of ArmoRM on a frozen backbone. */
export function fitArmoCommand(output: Output = Output.system()): Command {
  const command = new Command("armo")
    .summary("fit ArmoRM's regression, debiasing and gate")
    .description(description)
    .argument("<model>", `${modelMeaning}; its backbone is used`)
    .argument("[input]", "file of rows; none with --features")
    .option("--objectives <names>", "the objectives in their order, with commas", listArgument)
    .option("--labels <file>", "JSON of how ratings become rewards, by objective")
    .option("--alphas <numbers>", "penalties of the regression to choose from", alphasArgument)
    .option("--verbosity <objective>", "what to take out of the others (default: verbosity)")
    .option(
      "--threshold <correlation>",
      "Spearman's correlation with verbosity that is allowed",
      numberArgument,
      0.03,
    )
    .option(
      "--debias-on <sources>",
      "sources of the pairs on whose responses that is measured (default: all)",
      listArgument,
    )
    .option("--hidden-size <count>", "width of the gate's layers", countArgument, 1024)
    .option("--hidden-layers <count>", "hidden layers of the gate", countArgument, 3)
    .option("--temperature <number>", "of the gate's softmax", positiveArgument, 10)
    .option("--dropout <share>", "of the gate's layers in training", shareArgument, 0.2)
    .option(
      "--margin-scale <number>",
      "learn a factor of the margins too, from this number on",
      positiveArgument,
    )
    .option(
      "--starts <count>",
      "train so many gates and keep the one with the least loss on the held-back pairs",
      countArgument,
      1,
    )
    .addHelpText("after", examples);
  const defaults = { steps: 2000, batchSize: 1024, rate: 1e-3, weightDecay: 0 };
  return addTrainingFlags(addFitFlags(command), defaults).action(
    async (model: string, input: string | undefined, flags: ArmoFlags) => {
      await fitAndWrite(model, input, flags, output);
    },
  );
}

async function fitAndWrite(
  model: string,
  input: string | undefined,
  flags: ArmoFlags,
  output: Output,
): Promise<void> {
  using bar = progressBar(output);
  const labelMaps = flags.labels === undefined ? undefined : await readLabelMaps(flags.labels);
  const fitted = await featuresToFit(model, input, flags, true, output, bar, [flags.labels]);
  const { features } = fitted;
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const fit = await fitArmo(features, {
    objectives: flags.objectives,
    labelMaps,
    alphas: flags.alphas,
    verbosity: flags.verbosity,
    debiasOn: flags.debiasOn,
    mixture: flags.mixture,
    debiasing: { threshold: flags.threshold },
    gating: {
      hiddenSize: flags.hiddenSize,
      hiddenLayers: flags.hiddenLayers,
      temperature: flags.temperature,
    },
    training: {
      steps: flags.steps,
      batchSize: flags.pairsPerStep,
      rate: flags.rate,
      weightDecay: flags.weightDecay,
      dropout: flags.dropout,
      marginScale: flags.marginScale,
    },
    starts: flags.starts,
    validationShare: flags.heldOut,
    seed: flags.seed,
    onProgress: ({ phase, done, total }) => bar.update(phase, done, total),
    signal,
  });
  await writeHeadCheckpoint(fitted.model, flags.output, armoHeadTensors(fit), {
    dtype: flags.dtype,
    link: flags.link ?? false,
    signal,
    onProgress: ({ done, total }) => bar.update("writing the checkpoint", done, total),
  });
  await writeTextFile(`${flags.output}/fit.json`, `${JSON.stringify(fit.report, null, 2)}\n`);
  bar.clear();
  for (const { name, warning } of fit.report.objectives) {
    if (warning !== null) await output.warn(`${name}: ${warning}`);
  }
  await report(fit.report, flags, output);
}

async function report(found: ArmoReport, flags: ArmoFlags, output: Output): Promise<void> {
  const asTable = flags.format === undefined ? output.stdout.isTerminal : flags.format === "table";
  if (asTable) {
    const header = [
      "objective",
      "rows#",
      "alpha#",
      "held-out mse#",
      "penalty#",
      "before#",
      "after#",
    ];
    const lines = table(output, header);
    const digits = (x: number | null): string => x === null ? "" : x.toPrecision(4);
    for (const of of found.objectives) {
      const numbers = [of.validationLoss, of.penalty, of.before, of.after].map(digits);
      await lines.add([of.name, `${of.trainRows}`, `${of.alpha}`, ...numbers]);
    }
    await lines.close();
  } else {
    await output.write(new TextEncoder().encode(`${JSON.stringify(found)}\n`));
  }
  const { validation, step } = found.gating;
  const held = validation === null
    ? "no pair was held back"
    : `${
      (100 * validation.accuracy).toFixed(1)
    } % of ${found.validation_pairs} held-back pairs in order`;
  await output.note(`wrote ${flags.output}; gate of step ${step}: ${held}`);
}

async function readLabelMaps(path: string): Promise<Record<string, LabelMap>> {
  const bad = (found: string): AssayError =>
    new AssayError(
      "cli/usage",
      `Cannot read ${path}: expected {"objective": {"low": …, "high": …}} or {"scale": …, ` +
        `"offset": …} with finite numbers, found ${found}`,
    );
  let maps: unknown;
  try {
    maps = JSON.parse(await files.readTextFile(path));
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error));
  }
  if (typeof maps !== "object" || maps === null) throw bad("no object");
  return Object.fromEntries(
    Object.entries(maps as Record<string, Record<string, number>>).map(([name, map]) => {
      const { low, high, scale, offset } = map ?? {};
      const read = low === undefined ? { scale: scale!, offset: offset! } : rangeMap(low, high!);
      if (!Number.isFinite(read.scale / read.scale) || !Number.isFinite(read.offset)) {
        throw bad(JSON.stringify({ [name]: map }));
      }
      return [name, read];
    }),
  );
}

function alphasArgument(text: string): readonly number[] {
  return listArgument(text).map(positiveArgument);
}
