import assert from "node:assert/strict";
import { parameter } from "../../src/fitting/adamw.ts";
import { contrastiveHead, type ContrastiveOptions } from "../../src/fitting/contrastive_head.ts";
import { GatingNetwork } from "../../src/fitting/gating_network.ts";
import { trainGating } from "../../src/fitting/gating_training.ts";
import { trainHead, type TrainingOptions } from "../../src/fitting/head_training.ts";
import { type HeadLearner, linearHead } from "../../src/fitting/linear_head.ts";
import { metaHead } from "../../src/fitting/meta_head.ts";
import type { PreferencePairs } from "../../src/fitting/preference_pairs.ts";
import { goldenFile, largestDifference } from "./golden.ts";

interface GoldenRun {
  readonly losses: number[];
  readonly weight: number[];
}

interface GoldenLayer {
  readonly weight: number[];
  readonly bias: number[];
}

interface GoldenTraining {
  readonly dimension: number;
  readonly features: number[];
  readonly pairs: number[];
  readonly labelSmoothing: number[];
  readonly margin: number[];
  readonly training: Pick<TrainingOptions, "steps" | "batchSize" | "seed">;
  readonly plain: GoldenRun;
  readonly terms: GoldenRun;
  readonly meta: GoldenRun & {
    readonly prompts: number[][];
    readonly start: number[];
    readonly options: { promptsPerStep: number; ascentRate: number; seed: number };
  };
  readonly contrastive: readonly (GoldenRun & {
    readonly options: Omit<ContrastiveOptions, "start"> & {
      readonly start: { projection: number[]; head: number[]; prototypes?: number[] };
    };
  })[];
  readonly gating: readonly {
    readonly temperature: number;
    readonly dropout: number;
    readonly promptOfPair: number[];
    readonly prompts: number[];
    readonly differences: number[];
    readonly start: GoldenLayer[];
    readonly losses: number[];
    readonly layers: GoldenLayer[];
    readonly logitScale: number;
    readonly marginScale: number;
  }[];
}

const golden = await goldenFile<GoldenTraining>("training.json");
const { dimension } = golden;
const plain: PreferencePairs = {
  dimension,
  features: Float32Array.from(golden.features),
  pairs: Uint32Array.from(golden.pairs),
};
const terms: PreferencePairs = {
  ...plain,
  labelSmoothing: Float64Array.from(golden.labelSmoothing),
  margin: Float64Array.from(golden.margin),
};

async function follows(
  learner: HeadLearner,
  pairs: PreferencePairs,
  expected: GoldenRun,
  rate: number,
): Promise<void> {
  const options = { ...golden.training, rate, weightDecay: 0.1 };
  const { losses, weight } = await trainHead(learner, pairs, options);
  assert.equal(losses.length, 100);
  // The issue asks for 1e-4; both sides compute in 64 bits, so much less is due to rounding.
  assert.ok(largestDifference(losses, expected.losses) < 1e-9, "losses");
  assert.ok(largestDifference(weight, expected.weight) < 1e-9, "weights");
}

Deno.test("trainHead() follows PyTorch: plain Bradley–Terry", async () => {
  await follows(linearHead(dimension), plain, golden.plain, 0.05);
});

Deno.test("trainHead() follows PyTorch: label smoothing and margins", async () => {
  await follows(linearHead(dimension), terms, golden.terms, 0.05);
});

Deno.test("trainHead() follows PyTorch: MetaRM", async () => {
  const { prompts, options, start } = golden.meta;
  const meta = { features: plain.features, prompts };
  const learner = metaHead(dimension, meta, { ...options, start: Float64Array.from(start) });
  await follows(learner, terms, golden.meta, 0.05);
});

for (const run of golden.contrastive) {
  const { kind, items } = run.options;
  Deno.test(`trainHead() follows PyTorch: ${kind} on ${items}`, async () => {
    const { projection, head, prototypes } = run.options.start;
    const start = {
      projection: Float64Array.from(projection),
      head: Float64Array.from(head),
      ...(prototypes === undefined ? {} : { prototypes: Float64Array.from(prototypes) }),
    };
    const learner = contrastiveHead(dimension, { ...run.options, start });
    await follows(learner, terms, run, 0.02);
  });
}

for (const run of golden.gating) {
  Deno.test(`trainGating() follows PyTorch with dropout ${run.dropout}`, async () => {
    const layers = run.start.map(({ weight, bias }) => ({
      weight: parameter(Float64Array.from(weight)),
      bias: parameter(Float64Array.from(bias)),
    }));
    const network = new GatingNetwork(layers, parameter(Float64Array.of(1)), run.temperature);
    const result = await trainGating(network, {
      dimension,
      prompts: Float32Array.from(run.prompts),
      promptOfPair: Uint32Array.from(run.promptOfPair),
      differences: Float64Array.from(run.differences),
      labelSmoothing: terms.labelSmoothing!,
      margin: terms.margin!,
    }, {
      ...golden.training,
      rate: 0.01,
      weightDecay: 0.05,
      dropout: run.dropout,
      marginScale: 5,
    });
    assert.ok(largestDifference(result.losses, run.losses) < 1e-9, "losses");
    run.layers.forEach(({ weight, bias }, i) => {
      assert.ok(largestDifference(network.layers[i]!.weight.value, weight) < 1e-9);
      assert.ok(largestDifference(network.layers[i]!.bias.value, bias) < 1e-9);
    });
    assert.ok(Math.abs(result.marginScale - run.marginScale) < 1e-9);
    assert.ok(Math.abs(network.logitScale.value[0]! - run.logitScale) < 1e-9);
  });
}
