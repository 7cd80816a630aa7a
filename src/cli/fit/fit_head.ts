import { Command, Option } from "commander";
import { AssayError } from "../../error.ts";
import { scalarHeadTensors, writeHeadCheckpoint } from "../../fitting/head_checkpoint.ts";
import { fitHead, headLosses } from "../../tasks/fit/fit_head.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { countArgument } from "../arguments.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { featuresToFit } from "./fit_features.ts";
import {
  addFitFlags,
  addTrainingFlags,
  type FitFlags,
  positiveArgument,
  shareArgument,
  type TrainingFlags,
} from "./fit_flags.ts";

interface HeadFlags extends FitFlags, TrainingFlags {
  readonly loss: string;
  readonly labelSmoothing?: number | undefined;
  readonly contrastWeight?: number | undefined;
  readonly contrastTemperature?: number | undefined;
  readonly meta?: string | undefined;
  readonly metaPrompts: number;
  readonly ascentRate: number;
}

const description = [
  "Fits a scalar head on a frozen backbone from pairs (arXiv 2401.06080): by the Bradley–Terry loss, " +
  "which honours the label_smoothing and margin that curate writes; with a contrastive term (SimCSE " +
  "or SwAV, on the responses or on the differences of pairs); or as MetaRM does, which follows a " +
  "policy by its responses, several to a prompt, without labels.",
  "INPUT is a file of pairs. OUTPUT gets the backbone with the new head, and fit.json.",
].join("\n\n");

const examples = `
Examples:
  assay fit head ./my-base curated.jsonl --output ./my-rm
  assay fit head ./my-base --features ./features --loss swav-difference --output ./my-rm
  assay fit head ./my-base pairs.jsonl --loss meta --meta ./policy-features --output ./my-rm

--meta names features that fit features made of the policy's responses (prompt, responses).

Exit status: 0 all rows fine, 1 some rows could not be used, 2 nothing could be fitted.`;

/** `assay fit head`: fits a scalar head on a frozen backbone from pairs. */
export function fitHeadCommand(output: Output = Output.system()): Command {
  const command = new Command("head")
    .summary("fit a scalar head by Bradley–Terry, contrastive or meta loss")
    .description(description)
    .argument("<model>", `${modelMeaning}; its backbone is used`)
    .argument("[input]", "file of pairs; none with --features")
    .addOption(
      new Option("--loss <loss>", "what is learnt by").choices(headLosses).default("bradley-terry"),
    )
    .option(
      "--label-smoothing <share>",
      "of the pairs that have no label_smoothing of their own",
      shareArgument,
    )
    .option(
      "--contrast-weight <number>",
      "weight of the contrastive term (default: the paper's)",
      positiveArgument,
    )
    .option(
      "--contrast-temperature <number>",
      "its temperature (default: SimCSE 0.05, SwAV 0.1)",
      positiveArgument,
    )
    .option("--meta <folder>", "features of the meta set")
    .option("--meta-prompts <count>", "prompts of the meta set in a step", countArgument, 16)
    .option("--ascent-rate <number>", "how far a meta step looks ahead", positiveArgument, 0.1)
    .addHelpText("after", examples);
  const defaults = { steps: 600, batchSize: 512, rate: 3e-3, weightDecay: 1e-2 };
  return addTrainingFlags(addFitFlags(command), defaults).action(
    async (model: string, input: string | undefined, flags: HeadFlags) => {
      await fitAndWrite(model, input, flags, output);
    },
  );
}

async function fitAndWrite(
  model: string,
  input: string | undefined,
  flags: HeadFlags,
  output: Output,
): Promise<void> {
  if ((flags.loss === "meta") !== (flags.meta !== undefined)) {
    throw new AssayError("cli/usage", "Cannot fit: --loss meta and --meta need each other");
  }
  using bar = progressBar(output);
  const fitted = await featuresToFit(model, input, flags, false, output, bar, [flags.meta]);
  const { features } = fitted;
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const { weight, report } = await fitHead(features, {
    ...flags,
    onProgress: ({ done, total }) => bar.update("training", done, total),
    signal,
  });
  await writeHeadCheckpoint(fitted.model, flags.output, scalarHeadTensors(weight), {
    dtype: flags.dtype,
    link: flags.link ?? false,
    signal,
    onProgress: ({ done, total }) => bar.update("writing the checkpoint", done, total),
  });
  await writeTextFile(`${flags.output}/fit.json`, `${JSON.stringify(report, null, 2)}\n`);
  bar.clear();
  await output.write(new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  const { step, validation, validation_pairs: pairs } = report;
  const held = validation === null
    ? "no pair was held back"
    : `${(100 * validation.accuracy).toFixed(1)} % of ${pairs} held-back pairs in order`;
  await output.note(`wrote ${flags.output}; step ${step}: ${held}`);
}
