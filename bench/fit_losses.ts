/**
 * Scalar heads by loss on the demo checkpoint's features, with and without flipped labels: accuracy on
 * held-back pairs, mean and standard deviation over five seeds.
 *
 *     deno run --allow-all bench/fit_losses.ts --data DATA --state STATE --python PYTHON
 *
 * `DATA` and `STATE` are those of models/training/train.py, and PYTHON has its requirements; further
 * options: `--model` (models/demo), `--work` (.cache/fit-bench), `--steps` (200), `--batch` (32 pairs).
 * The training pairs are of the instructions that the backbone was trained on, the held-back ones of its
 * test split.
 *
 * Each seed draws which fifth of the models is kept out of the training pairs, which labels are
 * flipped, and every batch. The responses of the models kept out, without labels, are the meta set;
 * how a loss does on the held-back pairs with a response of theirs is told apart. Voters are five plain
 * heads trained on the same labels; what they say sets margins and flips.
 */
import {
  contrastiveHead,
  contrastiveRecipes,
  FeatureSet,
  type HeadLearner,
  linearHead,
  measureHead,
  metaHead,
  type PreferencePairs,
  seededRandom,
  trainHead,
} from "@assay/assay/fitting";
import { readRows } from "@assay/assay/data";

import { features, options, python, trainingSize } from "./fit_inputs.ts";

const seeds = [0, 1, 2, 3, 4];
const flippedShare = 0.2;
const training = { ...trainingSize(), rate: 3e-3, weightDecay: 1e-2 };

/** Pairs of a file of rows, with the model that wrote each response. */
interface Pool {
  readonly dimension: number;
  readonly features: Float32Array;
  readonly pairs: readonly (readonly [number, number])[];
  readonly model: readonly string[];
  readonly prompt: readonly string[];
  /** Code points of each response. */
  readonly length: readonly number[];
}

async function readPool(rows: string): Promise<Pool> {
  const set = await FeatureSet.open(await features(rows, "--no-gates"));
  const models: string[][] = [];
  const lengths: number[][] = [];
  for await (const { row } of readRows(`${options.work}/${rows}`)) {
    models.push(row!.models as string[]);
    lengths.push((row!.responses as string[]).map((text) => [...text].length));
  }
  return {
    dimension: set.dimension,
    features: await set.last([...set.rows.keys()]),
    pairs: set.pairs.map(({ chosen, rejected }) => [chosen, rejected]),
    model: set.rows.map(({ row, side }) => models[row]![Number(side)]!),
    prompt: set.rows.map(({ prompt }) => prompt),
    length: set.rows.map(({ row, side }) => lengths[row]![Number(side)]!),
  };
}

await python("bench/fit_demo_rows.py");
const train = await readPool("losses_train.jsonl");
const test = await readPool("losses_test.jsonl");
const { dimension } = train;
const testPairs = asPairs(test, test.pairs);

function asPairs(
  { dimension, features }: Pool,
  pairs: Pool["pairs"],
  terms: Pick<PreferencePairs, "labelSmoothing" | "margin"> = {},
): PreferencePairs {
  return { dimension, features, pairs: Uint32Array.from(pairs.flat()), ...terms };
}

/** What one seed draws. */
interface Draw {
  readonly pairs: Pool["pairs"];
  readonly meta: number[][];
  /** Held-back pairs with a response of a model that no training pair contains. */
  readonly unseen: Pool["pairs"];
}

function draw(seed: number, flipped: boolean): Draw {
  const random = seededRandom(1000 + seed);
  const kept = new Set([...new Set(train.model)].sort().filter(() => random() < 0.2));
  const pairs = train.pairs.filter(([a, b]) =>
    !kept.has(train.model[a]!) && !kept.has(train.model[b]!)
  );
  const rows = [...train.model.keys()].filter((row) => kept.has(train.model[row]!));
  const meta = [...Map.groupBy(rows, (row) => train.prompt[row]!).values()]
    .filter((group) => group.length > 1);
  const noisy = pairs.map(([a, b]) =>
    flipped && random() < flippedShare ? [b, a] as const : [a, b] as const
  );
  const unseen = test.pairs.filter((pair) => pair.some((row) => kept.has(test.model[row]!)));
  return { pairs: noisy, meta, unseen };
}

/** Mean margin of five plain heads for each pair, and which pairs they find wrong. */
async function vote(
  pairs: Pool["pairs"],
  seed: number,
): Promise<{ mean: Float64Array; wrong: boolean[] }> {
  const mean = new Float64Array(pairs.length);
  for (let voter = 0; voter < 5; voter++) {
    const { weight } = await trainHead(linearHead(dimension), asPairs(train, pairs), {
      ...training,
      seed: 100 * seed + voter,
    });
    const score = (row: number): number =>
      weight.reduce((sum, w, k) => sum + w * train.features[row * dimension + k]!, 0);
    pairs.forEach(([a, b], i) => mean[i]! += (score(a) - score(b)) / 5);
  }
  const limit = mean.toSorted()[Math.floor(flippedShare * mean.length)]!;
  return { mean, wrong: [...mean].map((of) => of < 0 && of <= limit) };
}

/** Accuracies on all held-back pairs and on those with a response of an unseen model. */
type Accuracies = readonly [all: number, unseen: number];

/** Accuracy of every treatment for one seed. */
async function treatments(seed: number, flipped: boolean): Promise<Map<string, Accuracies>> {
  const { pairs, meta, unseen } = draw(seed, flipped);
  const { mean, wrong } = await vote(pairs, seed);
  const smoothing = (of: (i: number) => number): Float64Array =>
    Float64Array.from(pairs, (_, i) => of(i));
  const margin = mean.map((of) => Math.max(of, 0));
  const flips = pairs.map(([a, b], i) => wrong[i] ? [b, a] as const : [a, b] as const);
  const plain = asPairs(train, pairs);
  const unseenPairs = asPairs(test, unseen);
  const found = new Map<string, Accuracies>();
  const measure = async (
    name: string,
    learner: HeadLearner,
    of: PreferencePairs,
  ): Promise<void> => {
    const { weight } = await trainHead(learner, of, { ...training, seed });
    const on = (pairs: PreferencePairs): number => 100 * measureHead(weight, pairs).accuracy;
    found.set(name, [on(testPairs), on(unseenPairs)]);
  };
  await measure("plain Bradley–Terry", linearHead(dimension), plain);
  await measure(
    "label smoothing, α = 0.1",
    linearHead(dimension),
    asPairs(train, pairs, { labelSmoothing: smoothing(() => 0.1) }),
  );
  await measure("margin by vote", linearHead(dimension), asPairs(train, pairs, { margin }));
  await measure("flip by vote", linearHead(dimension), asPairs(train, flips));
  for (const [name, recipe] of Object.entries(contrastiveRecipes)) {
    await measure(name, contrastiveHead(dimension, { ...recipe, seed }), plain);
  }
  await measure(
    "MetaRM",
    metaHead(dimension, { features: train.features, prompts: meta }, {
      promptsPerStep: 16,
      ascentRate: 0.1,
      seed,
    }),
    plain,
  );
  return found;
}

/** By loss: accuracies on [all, unseen] with [clean, flipped] labels, by seed. */
const results = new Map<string, number[][]>();
for (const seed of seeds) {
  for (const flipped of [false, true]) {
    for (const [name, accuracies] of await treatments(seed, flipped)) {
      const columns = results.getOrInsertComputed(name, () => [[], [], [], []]);
      accuracies.forEach((value, i) => columns[2 * i + (flipped ? 1 : 0)]!.push(value));
    }
    console.error(`seed ${seed}${flipped ? ", flipped labels" : ""}`);
  }
}

function meanAndDeviation(values: readonly number[], digits: number): string {
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
  return `${mean.toFixed(digits)} ± ${Math.sqrt(variance).toFixed(digits)}`;
}

const counts = seeds.map((seed) => draw(seed, false));
const average = (of: (draw: Draw) => number): number =>
  Math.round(counts.reduce((sum, draw) => sum + of(draw), 0) / counts.length);
const longer = test.pairs.map(([a, b]) => (Math.sign(test.length[a]! - test.length[b]!) + 1) / 2);
const longerWins = 100 * longer.reduce((sum, of) => sum + of, 0) / longer.length;
console.log(
  `${train.pairs.length} training pairs, of which ${
    average((of) => of.pairs.length)
  } are without ` +
    `the models kept out, on average; ${test.pairs.length} held-back pairs, of which ` +
    `${average((of) => of.unseen.length)} have a response of one, and ` +
    `${longerWins.toFixed(1)} % prefer the longer response; ${training.steps} steps of ` +
    `${training.batchSize}. In brackets: the difference from plain Bradley–Terry, seed by seed.\n`,
);
const plain = results.get("plain Bradley–Terry")!;
console.log(
  "| loss | all pairs | all, 20 % flipped | unseen models | unseen models, 20 % flipped |",
);
console.log("| --- | --- | --- | --- | --- |");
for (const [name, columns] of results) {
  const cells = columns.map((values, i) => {
    const differences = values.map((value, seed) => value - plain[i]![seed]!);
    const of = meanAndDeviation(values, 1);
    return columns === plain ? of : `${of} (${meanAndDeviation(differences, 1)})`;
  });
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}
