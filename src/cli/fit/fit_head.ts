import { Command, Option } from "commander";
import { AssayError } from "../../error.ts";
import { contrastiveHead, contrastiveRecipes } from "../../fitting/contrastive_head.ts";
import { FeatureSet, splitRows, type StoredPair } from "../../fitting/feature_set.ts";
import { scalarHeadTensors, writeHeadCheckpoint } from "../../fitting/head_checkpoint.ts";
import { trainHead } from "../../fitting/head_training.ts";
import { type HeadLearner, linearHead } from "../../fitting/linear_head.ts";
import { metaHead, type MetaSet } from "../../fitting/meta_head.ts";
import { PairMixture } from "../../fitting/pair_mixture.ts";
import type { PreferencePairs } from "../../fitting/preference_pairs.ts";
import { countArgument } from "../arguments.ts";
import { featuresToFit } from "./fit_features.ts";
import {
  addFitFlags,
  addTrainingFlags,
  type FitFlags,
  positiveArgument,
  shareArgument,
  type TrainingFlags,
} from "./fit_flags.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { writeTextFile } from "../text_file.ts";

interface HeadFlags extends FitFlags, TrainingFlags {
  readonly loss: string;
  readonly labelSmoothing?: number;
  readonly contrastWeight?: number;
  readonly contrastTemperature?: number;
  readonly meta?: string;
  readonly metaPrompts: number;
  readonly ascentRate: number;
}

const losses = ["bradley-terry", ...Object.keys(contrastiveRecipes), "meta"];

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
    .argument("<model>", "folder of the checkpoint whose backbone it is")
    .argument("[input]", "file of pairs; none with --features")
    .addOption(
      new Option("--loss <loss>", "what is learnt by").choices(losses).default("bradley-terry"),
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
  const features = await featuresToFit(model, input, flags, false, output, bar);
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const held = new Set(splitRows(features.rows, flags.heldOut, flags.seed).validation);
  const all = features.pairs;
  const train = await pairsOf(features, all.filter((p) => !held.has(p.chosen)), flags);
  const validation = await pairsOf(features, all.filter((p) => held.has(p.chosen)), flags);
  const learner = await learnerOf(features.dimension, flags);
  const { weight, measurements, step, losses } = await trainHead(learner, train, {
    steps: flags.steps,
    batchSize: flags.pairsPerStep,
    rate: flags.rate,
    weightDecay: flags.weightDecay,
    seed: flags.seed,
    ...(validation.pairs.length > 0 ? { validation } : {}),
    onProgress: ({ done, total }) => bar.update("training", done, total),
    signal,
  });
  await writeHeadCheckpoint(model, flags.output, scalarHeadTensors(weight), {
    dtype: flags.dtype,
    link: flags.link ?? false,
    signal,
    onProgress: ({ done, total }) => bar.update("writing the checkpoint", done, total),
  });
  const kept = measurements.find((of) => of.step === step);
  const report = {
    loss: flags.loss,
    train_pairs: train.pairs.length / 2,
    validation_pairs: validation.pairs.length / 2,
    step,
    validation: kept === undefined ? null : { loss: kept.loss, accuracy: kept.accuracy },
    measurements,
    last_training_loss: losses.at(-1),
  };
  await writeTextFile(`${flags.output}/fit.json`, `${JSON.stringify(report, null, 2)}\n`);
  bar.clear();
  await output.write(new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  await output.note(
    `wrote ${flags.output}; step ${step}: ` +
      (kept === undefined
        ? "no pair was held back"
        : `${(100 * kept.accuracy).toFixed(1)} % of ${
          validation.pairs.length / 2
        } held-back pairs in order`),
  );
}

async function learnerOf(dimension: number, flags: HeadFlags): Promise<HeadLearner> {
  const recipe = contrastiveRecipes[flags.loss];
  if (recipe !== undefined) {
    return contrastiveHead(dimension, {
      ...recipe,
      ...(flags.contrastWeight === undefined ? {} : { weight: flags.contrastWeight }),
      ...(flags.contrastTemperature === undefined
        ? {}
        : { temperature: flags.contrastTemperature }),
      seed: flags.seed + 1,
    });
  }
  if (flags.meta === undefined) return linearHead(dimension);
  const meta = await metaSetOf(await FeatureSet.open(flags.meta));
  if (meta.features.length % dimension !== 0) {
    throw new AssayError(
      "cli/usage",
      `Cannot fit: ${flags.meta} holds another backbone's features`,
    );
  }
  return metaHead(dimension, meta, {
    promptsPerStep: flags.metaPrompts,
    ascentRate: flags.ascentRate,
    seed: flags.seed + 1,
  });
}

/** All rows of a folder, the responses to one prompt together. */
async function metaSetOf(features: FeatureSet): Promise<MetaSet> {
  const places = [...features.rows.keys()];
  const prompts = Map.groupBy(places, (place) => features.rows[place]!.prompt);
  return { features: await features.last(places), prompts: [...prompts.values()] };
}

async function pairsOf(
  features: FeatureSet,
  pairs: readonly StoredPair[],
  flags: HeadFlags,
): Promise<PreferencePairs> {
  const places = [...new Set(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]))]
    .sort((a, b) => a - b);
  const rowOf = new Map(places.map((place, row) => [place, row]));
  const rows = pairs.map(({ chosen }) => features.rows[chosen]!);
  return {
    dimension: features.dimension,
    features: await features.last(places),
    pairs: Uint32Array.from(pairs.flatMap((p) => [rowOf.get(p.chosen)!, rowOf.get(p.rejected)!])),
    labelSmoothing: Float64Array.from(
      rows,
      (row) => row.label_smoothing ?? flags.labelSmoothing ?? 0,
    ),
    margin: Float64Array.from(rows, (row) => row.margin ?? 0),
    ...(flags.mixture === undefined || pairs.length === 0
      ? {}
      : { mixture: new PairMixture(rows.map((row) => row.source ?? null), flags.mixture) }),
  };
}
