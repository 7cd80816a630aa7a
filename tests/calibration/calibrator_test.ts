import assert from "node:assert/strict";
import fc from "fast-check";
import type { CalibratorArtifact } from "../../src/calibration/artifact.ts";
import { Calibrator } from "../../src/calibration/calibrator.ts";
import { fit } from "../../src/calibration/fit.ts";
import { poolOfPairs } from "../../src/calibration/pool.ts";
import type { FitOptions } from "../../src/calibration/settings.ts";
import { AssayError } from "../../src/error.ts";
import { rejectsWith } from "./assertions.ts";
import { anyPool, biasedPairs } from "./pools.ts";

function curve(changes: Record<string, unknown> = {}): CalibratorArtifact {
  return {
    format: "assay-calibrator",
    version: 1,
    method: "lwr",
    components: [{
      kind: "curve",
      feature: "length",
      gamma: 1,
      level: 2,
      origin: 0,
      minimumCount: 0,
      knots: { x: [10, 20, 40], estimate: [1, 2, 6] },
      ...changes,
    }],
    settings: {},
    diagnostics: {},
  };
}

const methods: FitOptions[] = [
  { method: "lwr" },
  { method: "lwr", frac: 0.3, gamma: 1.4, cycles: 3 },
  { method: "lwr", features: ["length"], center: false, degenerate: "first" },
  { method: "mean", minimumCount: 3 },
  { method: "mean", minimumCount: 2, compat: "repo", seed: 5 },
  { method: "lwr-penalty", gamma: { length: 0.5, markdown: 2 } },
  { method: "penalty", penalty: 0.01, penaltyUnit: "deviation" },
];

Deno.test("fit then apply, through JSON, equals the in-sample method to the last bit", () => {
  for (const options of methods) {
    fc.assert(
      fc.property(anyPool, (pool) => {
        const { calibrator, scores } = fit(pool, { force: true, ...options });
        const read = Calibrator.parse(JSON.stringify(calibrator));
        assert.deepEqual(read.applyPool(pool).scores, scores);
        const { chosen, rejected } = pool.pairs!;
        for (let pair = 0; pair < chosen.length; pair++) {
          const rows = [chosen[pair]!, rejected[pair]!];
          const group = read.applyTogether(rows.map((row) => ({
            score: pool.scores[row]!,
            features: {
              length: pool.features.length![row]!,
              markdown: pool.features.markdown![row]!,
            },
          })));
          assert.deepEqual(group.scores, rows.map((row) => scores[row]!));
        }
      }),
      { numRuns: 30 },
    );
  }
});

Deno.test("apply() interpolates between knots and clamps at the ends", () => {
  const calibrator = new Calibrator(curve());
  const corrected = (length: number) => calibrator.apply(10, { length });
  assert.deepEqual([5, 10, 15, 20, 25, 40, 1000].map(corrected), [9, 9, 8.5, 8, 7, 4, 4]);
  assert.equal(new Calibrator(curve({ gamma: 0.5, origin: 2 })).apply(10, { length: 40 }), 8);
});

Deno.test("apply() gives NaN for what is not finite, and only for that", () => {
  const calibrator = new Calibrator(curve());
  assert(Number.isNaN(calibrator.apply(NaN, { length: 10 })));
  assert(Number.isNaN(calibrator.apply(Infinity, { length: 10 })));
  assert(Number.isNaN(calibrator.apply(1, { length: NaN })));
  assert(Number.isNaN(calibrator.apply(1, { length: Infinity })));
  const pool = {
    scores: [1, NaN, 3, 4],
    features: { length: [10, 10, Infinity, 40] },
    pairs: { chosen: [0, 2], rejected: [1, 3] },
  };
  assert.deepEqual([...calibrator.applyPool(pool).scores], [0, NaN, NaN, -2]);
  const together = [
    { score: 1, features: { length: NaN } },
    { score: 4, features: { length: 40 } },
  ];
  assert.deepEqual(calibrator.applyTogether(together).scores, [NaN, -2]);
});

Deno.test("apply() names the feature that is missing", () => {
  const calibrator = new Calibrator(curve());
  assert.deepEqual(calibrator.features, ["length"]);
  rejectsWith(
    "calibration/missing-feature",
    () => calibrator.apply(1, { markdown: 2 }),
    /"length".*"markdown"/,
  );
  rejectsWith(
    "calibration/missing-feature",
    () => calibrator.applyPool({ scores: [1], features: {} }),
  );
  const short = { scores: [1, 2], features: { length: [1] } };
  rejectsWith("calibration/length-mismatch", () => calibrator.applyPool(short));
});

Deno.test("an estimate with too few rows corrects neither side of a pair", () => {
  const sparse = new Calibrator(curve({
    minimumCount: 20,
    origin: 2,
    knots: { x: [10, 20, 40], estimate: [1, 2, 6], count: [30, 30, 5] },
  }));
  const response = (score: number, length: number) => ({ score, features: { length } });
  assert.deepEqual(sparse.applyTogether([response(5, 10), response(5, 40)]), {
    scores: [5, 5],
    corrected: false,
  });
  assert.deepEqual(sparse.applyTogether([response(5, 10), response(5, 20)]), {
    scores: [6, 5],
    corrected: true,
  });
  // Between a knot that may be used and one that may not, neither may.
  assert.equal(sparse.apply(5, { length: 30 }), 5);
  const pool = {
    scores: [5, 5, 5],
    features: { length: [10, 40, 10] },
    pairs: { chosen: [0], rejected: [1] },
  };
  const { scores, uncorrected } = sparse.applyPool(pool);
  assert.deepEqual([[...scores], uncorrected], [[5, 5, 6], 2]);
});

Deno.test("applyStream() corrects responses as they come", async () => {
  const calibrator = new Calibrator(curve());
  const found = [];
  const rows = [{ id: "a", score: 3, features: { length: 10 } }, {
    id: "b",
    score: NaN,
    features: { length: 10 },
  }];
  for await (const { id, calibrated } of calibrator.applyStream(rows)) found.push([id, calibrated]);
  assert.deepEqual(found, [["a", 2], ["b", NaN]]);
});

Deno.test("a calibrator of another version is refused by name and version", () => {
  const text = JSON.stringify({ ...curve(), version: 2 });
  rejectsWith(
    "calibration/unsupported-version",
    () => Calibrator.parse(text, "old.json"),
    /old\.json: expected version 1, found 2; fit it again/,
  );
  const { version: _, ...none } = curve();
  rejectsWith(
    "calibration/unsupported-version",
    () => Calibrator.fromJSON(none),
    /found none/,
  );
});

Deno.test("a file that is no calibrator is refused with the place that is wrong", () => {
  const bad = (value: unknown, message: RegExp) =>
    rejectsWith("calibration/bad-calibrator", () => Calibrator.fromJSON(value, "x.json"), message);
  rejectsWith("calibration/bad-calibrator", () => Calibrator.parse("{", "x.json"), /x\.json.*JSON/);
  for (const value of [null, 3, [], {}, { format: "other" }]) bad(value, /assay-calibrator/);
  bad({ ...curve(), components: [] }, /components/);
  bad({ ...curve(), method: "magic" }, /method/);
  bad({ ...curve(), extra: 1 }, /extra/);
  bad(curve({ gamma: "1" }), /components\.0\.gamma/);
  bad(curve({ knots: { x: [], estimate: [] } }), /knots\.x/);
  bad(curve({ knots: { x: [1, 2], estimate: [1] } }), /2 knots and 1 estimates/);
  bad(curve({ knots: { x: [2, 1], estimate: [1, 1] } }), /1 after 2/);
  bad(curve({ knots: { x: [1, 1], estimate: [1, 1] } }), /1 after 1/);
  bad(curve({ knots: { x: [1], estimate: [1], count: [1, 2] } }), /2 counts/);
  bad(curve({ knots: { x: [1], estimate: [1], count: [-1] } }), /count/);
});

Deno.test("damaged calibrator files are refused with an AssayError, never anything else", () => {
  const text = JSON.stringify(fit(poolOfPairs(biasedPairs(20, 0.01))).calibrator);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(4), (at, put, cut) => {
      const damaged = text.slice(0, at) + put + text.slice(at + cut);
      try {
        const read = Calibrator.parse(damaged);
        const features = Object.fromEntries(read.features.map((name) => [name, 100]));
        assert.equal(typeof read.apply(1, features), "number");
      } catch (error) {
        assert(error instanceof AssayError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
