import { Command, Option } from "commander";
import { AssayError } from "../../error.ts";
import { bayesianHeadTensors } from "../../fitting/bayesian_tensors.ts";
import type { FeatureSet } from "../../fitting/feature_set.ts";
import {
  type HeadTensors,
  scalarHeadTensors,
  writeHeadCheckpoint,
} from "../../fitting/head_checkpoint.ts";
import { type BayesianReport, fitBayesianHead } from "../../tasks/fit/fit_bayesian.ts";
import { fitHead, headLosses, type HeadReport } from "../../tasks/fit/fit_head.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { countArgument } from "../arguments.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";
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
  readonly bayesian?: true | undefined;
  readonly objective?: string | undefined;
  readonly penalty?: number | undefined;
}

const description = [
  "Fits a scalar head on a frozen backbone from pairs (arXiv 2401.06080): by the Bradley–Terry loss, " +
  "which honours the label_smoothing and margin that curate writes; with a contrastive term (SimCSE " +
  "or SwAV, on the responses or on the differences of pairs); or as MetaRM does, which follows a " +
  "policy by its responses, several to a prompt, without labels.",
  "--bayesian fits the weights' distribution instead of weights, on pairs or on the ratings of one " +
  "objective: score then tells each score's deviation (score_std), and a margin's (margin_std).",
  "INPUT is a file of pairs. OUTPUT gets the backbone with the new head, and fit.json.",
].join("\n\n");

const examples = `
Examples:
  assay fit head ./my-base curated.jsonl --output ./my-rm
  assay fit head ./my-base --features ./features --loss swav-difference --output ./my-rm
  assay fit head ./my-base pairs.jsonl --loss meta --meta ./policy-features --output ./my-rm
  assay fit head ./my-base rated.jsonl --bayesian --objective helpfulness --output ./my-rm

--meta names features that fit features made of the policy's responses (prompt, responses).

Exit status: 0 all rows fine, 1 some rows could not be used, 2 nothing could be fitted.`;

/** Flags of a training, which a closed form has none of. */
const trained = [
  "loss",
  "steps",
  "pairsPerStep",
  "rate",
  "weightDecay",
  "contrastWeight",
  "contrastTemperature",
  "meta",
  "metaPrompts",
  "ascentRate",
];

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
    .addOption(
      new Option("--bayesian", "fit a distribution of weights, in closed form").conflicts(trained),
    )
    .option("--objective <name>", "bayesian: fit this objective's ratings instead of pairs")
    .option(
      "--penalty <number>",
      "bayesian: precision of the weights before any row (default: that of the highest evidence)",
      positiveArgument,
    )
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
  const onlyBayesian = flags.objective !== undefined || flags.penalty !== undefined;
  if (!flags.bayesian && onlyBayesian) {
    throw new AssayError("cli/usage", "Cannot fit: --objective and --penalty are for --bayesian");
  }
  using bar = progressBar(output);
  const fitted = await featuresToFit(model, input, flags, false, output, bar, [flags.meta]);
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const { tensors, report, told } = await fitAsAsked(fitted.features, flags, bar, signal);
  await writeHeadCheckpoint(fitted.model, flags.output, tensors, {
    dtype: flags.dtype,
    link: flags.link ?? false,
    signal,
    onProgress: ({ done, total }) => bar.update("writing the checkpoint", done, total),
  });
  await writeTextFile(`${flags.output}/fit.json`, `${JSON.stringify(report, null, 2)}\n`);
  bar.clear();
  await output.write(new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  await output.note(`wrote ${flags.output}; ${told}`);
}

/** A head to write, the report of its fit, and that in words. */
interface Asked {
  readonly tensors: HeadTensors;
  readonly report: HeadReport | BayesianReport;
  readonly told: string;
}

async function fitAsAsked(
  features: FeatureSet,
  flags: HeadFlags,
  bar: ProgressBar,
  signal: AbortSignal,
): Promise<Asked> {
  const options = {
    ...flags,
    onProgress: ({ done, total }: { done: number; total: number }) =>
      bar.update(flags.bayesian ? "fitting" : "training", done, total),
    signal,
  };
  if (!flags.bayesian) {
    const { weight, report } = await fitHead(features, options);
    const { step, validation, validation_pairs: pairs } = report;
    const told = `step ${step}: ${heldPairs(validation, pairs)}`;
    return { tensors: scalarHeadTensors(weight), report, told };
  }
  const { head, report } = await fitBayesianHead(features, options);
  const { determined, penalty, validation, validation_rows: rows } = report;
  const held = validation !== null && "rmse" in validation
    ? `error ${validation.rmse.toFixed(4)} on ${rows} held-back ratings, ` +
      `${(100 * validation.within_95).toFixed(1)} % of them within 1.96 deviations`
    : heldPairs(validation, rows);
  const told =
    `λ ${penalty.toPrecision(4)}, ${determined.toFixed(1)} of ${head.weight.length} weights ` +
    `determined: ${held}`;
  return { tensors: bayesianHeadTensors(head), report, told };
}

function heldPairs(validation: { readonly accuracy: number } | null, pairs: number): string {
  return validation === null
    ? "nothing was held back"
    : `${(100 * validation.accuracy).toFixed(1)} % of ${pairs} held-back pairs in order`;
}
