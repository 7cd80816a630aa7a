/**
 * Scalar heads by loss on the demo checkpoint's features, with and without flipped labels: accuracy on
 * held-back pairs, mean and spread over five seeds.
 *
 *     python bench/fit_demo_rows.py --data DATA --state STATE --out ROWS
 *     deno task assay fit features models/demo ROWS/fit.jsonl --output ROWS/fit
 *     deno task assay fit features models/demo ROWS/test.jsonl --output ROWS/test
 *     deno run --allow-read bench/fit_losses.ts ROWS [STEPS [BATCH]]
 *
 * Each seed draws which fifth of the models is kept out of the training pairs, which labels are
 * flipped, and every batch. The responses of the models kept out, without labels, are the meta set.
 * Voters are five plain heads trained on the same labels; what they say sets margins and flips.
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

const [folder, steps, batchSize] = [
  Deno.args[0] ?? "",
  Number(Deno.args[1] ?? 200),
  Number(Deno.args[2] ?? 32),
];
if (folder === "") throw new TypeError("usage: fit_losses.ts ROWS [STEPS [BATCH]]");
const seeds = [0, 1, 2, 3, 4];
const flippedShare = 0.2;
const training = { steps, batchSize, rate: 3e-3, weightDecay: 1e-2 };

/** Quality pairs of a folder, with the model that wrote each response. */
interface Pool {
  readonly dimension: number;
  readonly features: Float32Array;
  readonly pairs: readonly (readonly [number, number])[];
  readonly model: readonly string[];
  readonly prompt: readonly string[];
}

async function readPool(name: string, split: "train" | "validation"): Promise<Pool> {
  const features = await FeatureSet.open(`${folder}/${name}`);
  const models: string[][] = [];
  for await (const { row } of readRows(`${folder}/${name}.jsonl`)) {
    models.push(row!.models as string[]);
  }
  const isWanted = (place: number): boolean => {
    const { id, split: of } = features.rows[place]!;
    return of === split && String(id).includes("-quality-");
  };
  const places = [...features.rows.keys()].filter(isWanted);
  const rowOf = new Map(places.map((place, row) => [place, row]));
  const rows = places.map((place) => features.rows[place]!);
  return {
    dimension: features.dimension,
    features: await features.last(places),
    pairs: features.pairs.filter(({ chosen, rejected }) => rowOf.has(chosen) && rowOf.has(rejected))
      .map(({ chosen, rejected }) => [rowOf.get(chosen)!, rowOf.get(rejected)!]),
    model: rows.map(({ row, side }) => models[row]![Number(side)]!),
    prompt: rows.map(({ prompt }) => prompt),
  };
}

/** Without a folder of the test split, what `fit` holds back stands in for it. */
function existsTest(): boolean {
  try {
    return Deno.statSync(`${folder}/test`).isDirectory;
  } catch {
    return false;
  }
}

const train = await readPool("fit", "train");
const test = await readPool(existsTest() ? "test" : "fit", "validation");
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
  return { pairs: noisy, meta };
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

async function accuracy(
  learner: HeadLearner,
  pairs: PreferencePairs,
  seed: number,
): Promise<number> {
  const { weight } = await trainHead(learner, pairs, { ...training, seed });
  return 100 * measureHead(weight, testPairs).accuracy;
}

/** Accuracy of every treatment for one seed. */
async function treatments(seed: number, flipped: boolean): Promise<Map<string, number>> {
  const { pairs, meta } = draw(seed, flipped);
  const { mean, wrong } = await vote(pairs, seed);
  const smoothing = (of: (i: number) => number): Float64Array =>
    Float64Array.from(pairs, (_, i) => of(i));
  const margin = mean.map((of) => Math.max(of, 0));
  const flips = pairs.map(([a, b], i) => wrong[i] ? [b, a] as const : [a, b] as const);
  const plain = asPairs(train, pairs);
  const found = new Map<string, number>();
  const measure = async (
    name: string,
    learner: HeadLearner,
    of: PreferencePairs,
  ): Promise<void> => {
    found.set(name, await accuracy(learner, of, seed));
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

const results = new Map<string, [number[], number[]]>();
for (const seed of seeds) {
  for (const flipped of [false, true]) {
    for (const [name, value] of await treatments(seed, flipped)) {
      const row = results.get(name) ?? [[], []];
      row[flipped ? 1 : 0].push(value);
      results.set(name, row);
    }
    console.error(`seed ${seed}${flipped ? ", flipped labels" : ""}`);
  }
}

function cell(values: readonly number[]): string {
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
  return `${mean.toFixed(2)} ± ${Math.sqrt(variance).toFixed(2)}`;
}

console.log(
  `${train.pairs.length} training pairs, ${test.pairs.length} held-back pairs, ${steps} steps of ${batchSize}\n`,
);
console.log("| loss | labels as they are | 20 % flipped |\n| --- | --- | --- |");
for (const [name, [clean, noisy]] of results) {
  console.log(`| ${name} | ${cell(clean)} | ${cell(noisy)} |`);
}
