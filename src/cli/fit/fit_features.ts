import { Command } from "commander";
import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { readRows } from "../../data/read_rows.ts";
import type { RowFormat } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { extractFeatures, featureReads } from "../../fitting/feature_extraction.ts";
import { badFeatures } from "../../fitting/feature_files.ts";
import { FeatureSet } from "../../fitting/feature_set.ts";
import { Backbone } from "../../scoring/backbone.ts";
import { countArgument, inputFormatOption } from "../arguments.ts";
import { addColumnFlags, type FitFlags } from "./fit_flags.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { addModelFlags, loadOptions, type ModelFlags } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";

interface FeaturesFlags extends ModelFlags {
  readonly output: string;
  readonly gates: boolean;
  readonly rowsPerShard: number;
  readonly rating?: readonly string[];
  readonly source: string;
  readonly inputFormat?: RowFormat;
}

const description = [
  "Runs a backbone over rows and keeps the hidden states that heads read: that of the last token, " +
  "and that of the assistant's header, which a gate reads.",
  "INPUT is a file of rows as score takes them. Ratings stand in the column ratings, an object by " +
  "objective (a pair: chosen_ratings, rejected_ratings; candidates: a list), or in columns of their " +
  "own that --rating names. split (train or validation), source and what curate writes " +
  "(label_smoothing, margin) are kept.",
  "A run that was interrupted goes on where it stopped.",
].join("\n\n");

const examples = `
Example:
  assay fit features ./FsfairX-LLaMA3-RM-v0.1 rated.parquet --output ./features

Exit status: 0 all rows fine, 1 some rows have no features, 2 nothing could run.`;

/** `assay fit features`: runs a backbone over rows and keeps the hidden states that heads read. */
export function fitFeaturesCommand(output: Output = Output.system()): Command {
  const command = new Command("features")
    .summary("compute the hidden states that heads are fitted on")
    .description(description)
    .argument("<model>", "folder of the checkpoint, or its URL; its head is not used")
    .argument("[input]", "file of rows", "-")
    .requiredOption("--output <folder>", "where the features go")
    .option("--no-gates", "leave out the assistant header's state (only armo needs it)")
    .option("--rows-per-shard <count>", "input rows in a file", countArgument, 512)
    .addOption(inputFormatOption())
    .addHelpText("after", examples);
  return addModelFlags(addColumnFlags(command)).action(
    async (model: string, input: string, flags: FeaturesFlags) => {
      using bar = progressBar(output);
      await computeFeatures(model, input, flags.output, flags, output, bar);
    },
  );
}

/** What of the flags the features depend on. */
type ComputeFlags = ModelFlags & {
  readonly gates: boolean;
  readonly rowsPerShard?: number;
  readonly rating?: readonly string[];
  readonly source: string;
  readonly inputFormat?: RowFormat;
};

async function computeFeatures(
  model: string,
  input: string,
  folder: string,
  flags: ComputeFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const start = performance.now();
  using backbone = await Backbone.load(model, {
    ...loadOptions(flags, output, bar),
    reads: featureReads(flags.gates),
    signal,
  });
  let share = { read: 0, byteLength: undefined as number | undefined };
  const rows = readRows(input, {
    format: flags.inputFormat,
    onBytes: ({ read, byteLength }) => share = { read, byteLength },
  });
  const result = await extractFeatures(rows, backbone, folder, {
    prompts: flags.gates,
    signal,
    ...(flags.rowsPerShard === undefined ? {} : { rowsPerShard: flags.rowsPerShard }),
    columns: { ratings: flags.rating ?? [], source: flags.source },
    onProgress: (done) =>
      share.byteLength === undefined || share.read >= share.byteLength
        ? bar.update("rows computed", done, undefined)
        : bar.update("computing features", share.read, share.byteLength),
  }).catch((error) => {
    if (!signal.aborted) throw error;
    throw new AssayError(
      "fitting/interrupted",
      `The features in ${folder} are not complete: the run was interrupted; the same command goes on`,
    );
  });
  bar.clear();
  for (const { row, error } of result.failed.slice(0, 5)) {
    await output.warn(`row ${row + 1} has no features: ${error.message} [${error.code}]`);
  }
  if (result.failed.length > 0) output.rowFailed();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  await output.note(
    `${result.rows} rows, ${result.resumed} of them from an earlier run, ${result.failed.length} ` +
      `without features; ${seconds} s on the ${backbone.backend.kind.toUpperCase()}`,
  );
}

/**
 * The features that a head is to be fitted on: those of `--features`, or those of INPUT's rows, which
 * are computed first.
 *
 * @throws {AssayError} `cli/usage` where there is neither; `fitting/bad-features` where they are too many
 *   or too few numbers for the model.
 */
export async function featuresToFit(
  model: string,
  input: string | undefined,
  flags: FitFlags,
  gates: boolean,
  output: Output,
  bar: ProgressBar,
): Promise<FeatureSet> {
  const folder = flags.features ?? `${flags.output}/features`;
  if (input !== undefined) {
    await computeFeatures(model, input, folder, { ...flags, gates }, output, bar);
  } else if (flags.features === undefined) {
    throw new AssayError("cli/usage", "Cannot fit: expected INPUT or --features, found neither");
  }
  const features = await FeatureSet.open(folder);
  if (features.manifest.model !== model) {
    await output.warn(`the features are those of ${features.manifest.model}, not of ${model}`);
  }
  using checkpoint = await Checkpoint.open(model);
  const { hidden_size: hidden } = checkpoint.config;
  if (features.dimension !== hidden) {
    throw badFeatures(folder, `${hidden} numbers a row, as ${model} has`, `${features.dimension}`);
  }
  return features;
}
