import { Command } from "commander";
import { readRows } from "../../data/read_rows.ts";
import type { RowFormat } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { FeatureSet } from "../../fitting/feature_set.ts";
import { computeFeatures, openFeatures } from "../../tasks/fit/compute_features.ts";
import type { ModelSpec } from "../../tasks/model_folder.ts";
import { type AdapterFlags, addAdapterFlags, modelSpec } from "../adapter_options.ts";
import { countArgument, delimiterOption, inputFormatOption } from "../arguments.ts";
import { checkOutputs, checkpointFiles, featureFiles } from "../check_outputs.ts";
import { fromHub } from "../from_hub.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { computedWhere } from "../computed_where.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";
import { addColumnFlags, type FitFlags } from "./fit_flags.ts";

interface FeaturesFlags extends ModelFlags, AdapterFlags {
  readonly output: string;
  readonly gates: boolean;
  readonly rowsPerShard: number;
  readonly rating?: readonly string[] | undefined;
  readonly source: string;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
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
Examples:
  assay fit features ./FsfairX-LLaMA3-RM-v0.1 rated.parquet --output ./features
  assay fit features ./my-base pairs.jsonl --adapter ./my-lora --output ./features

Exit status: 0 all rows fine, 1 some rows have no features, 2 nothing could run.`;

/** `assay fit features`: runs a backbone over rows and keeps the hidden states that heads read. */
export function fitFeaturesCommand(output: Output = Output.system()): Command {
  const command = new Command("features")
    .summary("compute the hidden states that heads are fitted on")
    .description(description)
    .argument("<model>", `${modelMeaning}; its head is not used`)
    .argument("[input]", "file of rows", "-")
    .requiredOption("--output <folder>", "where the features go")
    .option("--no-gates", "leave out the assistant header's state (only armo needs it)")
    .option("--rows-per-shard <count>", "input rows in a file", countArgument, 512)
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  addAdapterFlags(addColumnFlags(command), "LoRA adapter on the backbone");
  return addModelFlags(command).action(
    async (model: string, input: string, flags: FeaturesFlags) => {
      using bar = progressBar(output);
      const spec = modelSpec(model, flags);
      await checkOutputs({
        inputs: [input, model, spec.adapter],
        folders: [{ path: flags.output, writes: featureFiles }],
      });
      await compute(spec, input, flags.output, flags, output, bar);
    },
  );
}

/** What of the flags the features depend on. */
type ComputeFlags = ModelFlags & {
  readonly gates: boolean;
  readonly rowsPerShard?: number | undefined;
  readonly rating?: readonly string[] | undefined;
  readonly source: string;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
};

async function compute(
  spec: ModelSpec,
  input: string,
  folder: string,
  flags: ComputeFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const named = {
    ...spec,
    model: await fromHub(spec.model, output, bar, signal),
    adapter: await fromHub(spec.adapter, output, bar, signal),
  };
  const start = performance.now();
  let share = { read: 0, byteLength: undefined as number | undefined };
  const rows = readRows(input, {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: ({ read, byteLength }) => share = { read, byteLength },
  });
  const { failed, rows: count, resumed, backend } = await computeFeatures(rows, named, folder, {
    prompts: flags.gates,
    rowsPerShard: flags.rowsPerShard,
    columns: { ratings: flags.rating ?? [], source: flags.source },
    load: loadOptions(flags, output, bar),
    onProgress: (done) =>
      share.byteLength === undefined || share.read >= share.byteLength
        ? bar.update("rows computed", done, undefined)
        : bar.update("computing features", share.read, share.byteLength),
    signal,
  });
  bar.clear();
  for (const { row, error } of failed.slice(0, 5)) {
    await output.warn(`row ${row + 1} has no features: ${error.message} [${error.code}]`);
  }
  if (failed.length > 0) output.rowFailed();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  await output.note(
    `${count} rows, ${resumed} of them from an earlier run, ${failed.length} ` +
      `without features; ${seconds} s ${computedWhere[backend]}`,
  );
}

/**
 * The features that a head is to be fitted on: those of `--features`, or those of INPUT's rows, which
 * are computed first.
 *
 * @param others What else the command reads, beside the model and the rows.
 * @returns The features, and the model as it is to be opened: of one of the hub, with its commit.
 * @throws {AssayError} `cli/usage` where there is neither, or where an output is an input; `fitting/bad-features` where they are too many
 *   or too few numbers for the model.
 */
export async function featuresToFit(
  model: string,
  input: string | undefined,
  flags: FitFlags,
  gates: boolean,
  output: Output,
  bar: ProgressBar,
  others: readonly (string | undefined)[],
): Promise<{ readonly features: FeatureSet; readonly model: string }> {
  const folder = flags.features ?? `${flags.output}/features`;
  const features = input === undefined ? [] : [{ path: folder, writes: featureFiles }];
  await checkOutputs({
    inputs: [input, model, input === undefined ? flags.features : undefined, ...others],
    folders: [{ path: flags.output, writes: checkpointFiles }, ...features],
  });
  const pinned = await fromHub(model, output, bar);
  if (input !== undefined) {
    await compute({ model: pinned }, input, folder, { ...flags, gates }, output, bar);
  } else if (flags.features === undefined) {
    throw new AssayError("cli/usage", "Cannot fit: expected INPUT or --features, found neither");
  }
  const opened = await openFeatures(folder, pinned);
  if (opened.manifest.model !== pinned) {
    await output.warn(`the features are those of ${opened.manifest.model}, not of ${pinned}`);
  }
  return { features: opened, model: pinned };
}
