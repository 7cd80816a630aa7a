import assert from "node:assert/strict";
import { fit } from "../../src/calibration/fit.ts";
import { Evaluation } from "../../src/evaluation/evaluation.ts";
import { AssayError } from "../../src/error.ts";
import { GatingNetwork } from "../../src/fitting/gating_network.ts";
import { trainHead } from "../../src/fitting/head_training.ts";
import { linearHead } from "../../src/fitting/linear_head.ts";
import { fitRidge } from "../../src/fitting/ridge.ts";
import { debiasVerbosity } from "../../src/fitting/verbosity_debiasing.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { writeRowFile } from "../../src/data/write_rows.ts";
import { averageWeights } from "../../src/merging/weight_average.ts";
import { curateRows } from "../../src/tasks/curate/curate_rows.ts";
import { rowsInMemory } from "../../src/tasks/repeatable_rows.ts";
import { curatePairs } from "../../src/voting/curation.ts";
import { tally } from "../../src/voting/tally.ts";

/** A call with one wrong option, and what its error must name. */
type Case = readonly [
  code: string,
  option: string,
  call: (value: never) => unknown,
  values: unknown[],
];

const pool = { scores: Float64Array.of(1, 2, 3), features: { length: Float64Array.of(1, 2, 3) } };
const rows = rowsInMemory([{ chosen: "a", rejected: "b", strength_mean: 1 }]);
const labelled = { labels: Float64Array.of(1), batches: () => [] as never };
const training = { steps: 1, batchSize: 1, rate: 1, seed: 0 };
const noPairs = {} as never;

const cases: readonly Case[] = [
  ["voting/bad-option", "aggregation", (aggregation) => tally([], { aggregation }), [
    "x",
    "toString",
  ]],
  ["voting/bad-option", "normalize", (normalize) => tally([], { normalize }), ["x", true]],
  ["voting/bad-option", "tie", (tie) => tally([], { tie }), ["x"]],
  ["voting/bad-option", "trim", (trim) => tally([], { trim }), [NaN, 0.5, "0.1"]],
  ["voting/bad-option", "stdWeight", (stdWeight) => tally([], { stdWeight }), [NaN, -1]],
  ["voting/bad-option", "recipe", (recipe) => curatePairs([], recipe), ["x", "constructor", null]],
  ["voting/bad-option", "drop", (drop) => curatePairs([], "drop", { drop }), ["incorrect", ["x"]]],
  ["voting/bad-option", "below", (below) => curatePairs([], "flip", { below }), [NaN, "0"]],
  ["voting/bad-option", "goalScale", (goalScale) => curateRows(rows, "goal", { goalScale }), ["x"]],
  ["voting/bad-option", "prior", (prior) => curateRows(rows, "prior-margin", { prior }), [
    undefined,
    1,
  ]],
  ["calibration/bad-option", "gamma", (gamma) => fit(pool, { gamma }), [NaN, "x", { length: "1" }]],
  ["calibration/bad-option", "compat", (compat) => fit(pool, { compat }), ["x"]],
  ["calibration/bad-option", "center", (center) => fit(pool, { center }), ["no"]],
  ["calibration/bad-option", "frac", (frac) => fit(pool, { frac }), [0, NaN, 1.5, "1"]],
  ["evaluation/bad-option", "tie", (tie) => new Evaluation(tie), ["x", null]],
  [
    "fitting/bad-option",
    "steps",
    (steps) => trainHead(linearHead(1), noPairs, { ...training, steps }),
    [0, NaN, "5"],
  ],
  [
    "fitting/bad-option",
    "rate",
    (rate) => trainHead(linearHead(1), noPairs, { ...training, rate }),
    [-1, NaN],
  ],
  ["fitting/bad-option", "alphas", (alphas) => fitRidge(1, 1, labelled, labelled, { alphas }), [
    [],
    [-1],
    [NaN],
    1,
  ]],
  [
    "fitting/bad-option",
    "threshold",
    (threshold) => debiasVerbosity(new Float64Array(1), 1, 0, { threshold }),
    [NaN],
  ],
  [
    "fitting/bad-option",
    "hiddenSize",
    (hiddenSize) => GatingNetwork.create({ dimension: 1, objectives: 1, hiddenSize }, 0),
    [0, 1.5],
  ],
  ["merging/bad-option", "dtype", (dtype) => averageWeights([], { dtype }), ["F64", 1]],
  ["data/bad-option", "format", (format) => readRows("x.jsonl", { format }).next(), ["xml", 1]],
  ["data/bad-option", "format", (format) => writeRowFile("/nowhere/x", { format }), ["xml"]],
];

for (const [code, option, call, values] of cases) {
  Deno.test(`a wrong ${option} is refused by name: ${code} (${values.length} values)`, async () => {
    for (const value of values) {
      await assert.rejects(async () => await call(value as never), (error) => {
        assert(error instanceof AssayError, String(error));
        assert.equal(error.code, code);
        assert.match(error.message, new RegExp(`${option}.*found `));
        return true;
      });
    }
  });
}
