import { binMean } from "../../src/calibration/bin_mean.ts";
import { fit, type FitOptions } from "../../src/calibration/mod.ts";
import { lowess } from "../../src/calibration/lowess.ts";
import { poolOfRows } from "../../src/calibration/pool.ts";
import { aggregate } from "../../src/voting/aggregate.ts";
import { bestOfCurve, expectedBestOf } from "../../src/voting/best_of_curve.ts";
import { categorize } from "../../src/voting/categories.ts";
import { aggregations, chooseBest } from "../../src/voting/committee.ts";
import { curatePairs, type Recipe, recipes } from "../../src/voting/curation.ts";
import { preferenceStrength } from "../../src/voting/preference_strength.ts";
import { spearman } from "../../src/numbers/ranks.ts";
import { oddNumbers } from "./mutations.ts";
import type { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

const ordinary = [0, 1, 0.25, 0.5, 0.9, 2, 3, 10];

function number(random: Random): number {
  return random.pick(random.chance(0.5) ? ordinary : oddNumbers);
}

function numbers(random: Random, most = 12): number[] {
  return random.chance(0.05) ? [] : random.some(most, () => number(random));
}

/** Some of the options, each with a number that may be nonsense. */
function options(random: Random, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    names.filter(() => random.chance(0.5)).map((name) => [name, number(random)]),
  );
}

function fitOptions(random: Random): FitOptions {
  return {
    method: random.pick(["lwr", "rc-mean", "penalty", "nonsense"] as FitOptions["method"][]),
    ...options(random, ["gamma", "cycles", "tolerance", "frac", "iterations", "delta", "ratio"]),
    ...options(random, ["halfWidth", "minimumCount", "seed", "penalty"]),
    force: random.chance(0.8),
  } as FitOptions;
}

/** Calls of the library, each with the data and options that it was given. */
const calls: Readonly<Record<string, (random: Random) => readonly [unknown[], () => unknown]>> = {
  lowess: (random) => {
    const args = [
      numbers(random),
      numbers(random),
      options(random, ["frac", "iterations", "delta"]),
    ];
    return [args, () => lowess(...args as unknown as Parameters<typeof lowess>)];
  },
  binMean: (random) => {
    const args = [numbers(random), numbers(random), options(random, ["halfWidth", "seed"])];
    return [args, () => binMean(...args as unknown as Parameters<typeof binMean>)];
  },
  fit: (random) => {
    const rows = random.some(
      30,
      () => ({
        score: number(random),
        features: { length: number(random), lists: number(random) },
      }),
    );
    const chosen = fitOptions(random);
    return [[rows, chosen], () => fit(poolOfRows(rows), chosen)];
  },
  aggregate: (random) => {
    const how = random.pick(["mean", "median", "trimmed-mean", "worst-case", "uncertainty-weighted"]
      .concat(["lower-confidence-bound", "nonsense"]));
    const args = [numbers(random), how, options(random, ["trim", "varianceWeight", "stdWeight"])];
    return [args, () => aggregate(...args as unknown as Parameters<typeof aggregate>)];
  },
  chooseBest: (random) => {
    const voters = random.some(5, () => numbers(random, 5));
    const how = random.pick(aggregations);
    return [[voters, how], () => chooseBest(voters, how, options(random, ["trim"]))];
  },
  categorize: (random) => {
    const three = () => [number(random), number(random), number(random)] as const;
    const bounds = random.chance(0.5) ? { quantiles: three() } : { thresholds: three() };
    const means = numbers(random);
    return [[means, bounds], () => categorize(means, bounds)];
  },
  curatePairs: (random) => {
    const categories = ["incorrect", "ambiguous", "normal", "strong", "unscored"] as const;
    const pairs = random.some(8, () => ({
      mean: number(random),
      targetProbability: number(random),
      category: random.pick(categories),
    }));
    const recipe = random.pick([...Object.keys(recipes) as Recipe[]]);
    const chosen = options(random, ["share", "below", "smoothing"]);
    return [[pairs, recipe, chosen], () => curatePairs(pairs, recipe, chosen)];
  },
  bestOf: (random) => {
    const samples = random.some(8, () => ({ proxy: number(random), value: number(random) }));
    const m = number(random);
    return [[samples, m], () => [expectedBestOf(samples, m), bestOfCurve([samples], m)]];
  },
  strength: (random) => {
    const args = [numbers(random), numbers(random)] as const;
    return [[...args], () => [preferenceStrength(args[0]), spearman(...args)]];
  },
};

/** Numbers that are nonsense, for what the library takes as options and data. */
export const libraryOptions: FuzzTarget = {
  name: "options",
  gateCases: 8000,
  draw(random) {
    const name = random.pick(Object.keys(calls));
    const [input, call] = calls[name]!(random);
    return {
      what: name,
      input,
      run() {
        call();
        return "computed";
      },
    };
  },
};
