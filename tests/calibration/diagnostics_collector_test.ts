import assert from "node:assert/strict";
import { DiagnosticsCollector } from "../../src/calibration/diagnostics_collector.ts";
import { fit } from "../../src/calibration/fit.ts";
import { poolOfPairs, poolOfRows, type ScoredPair } from "../../src/calibration/pool.ts";
import { discordantShare, spearman } from "../../src/numbers/ranks.ts";
import { assertClose } from "./assertions.ts";
import { biasedPairs } from "./pools.ts";

function pair(
  scores: [number, number],
  lengths: [number, number],
  subset?: string,
): ScoredPair {
  return {
    chosen: { score: scores[0], features: { length: lengths[0] } },
    rejected: { score: scores[1], features: { length: lengths[1] } },
    subset,
  };
}

Deno.test("diagnostics count accuracies beside the longer and the shorter one, by subset", () => {
  const collector = new DiagnosticsCollector({ corrected: ["length"] });
  const add = (item: ScoredPair, chosenCalibrated: number, rejectedCalibrated: number) =>
    collector.addPair({ ...item, chosenCalibrated, rejectedCalibrated });
  add(pair([2, 1], [10, 20], "a"), 2, 1);
  add(pair([1, 2], [30, 20], "a"), 3, 2);
  add(pair([1, 1], [20, 20], "b"), 1, 2);
  add(pair([1, 5], [5, 50]), 1, 5);
  const { accuracy, preferencesChanged, rows, features } = collector.report();
  assert.equal(rows, 8);
  assert.equal(accuracy!.comparedFeature, "length");
  assert.deepEqual(accuracy!.overall, {
    pairs: 4,
    before: 1.5 / 4,
    after: 2 / 4,
    longerWins: 1.5 / 4,
    shorterWins: 2.5 / 4,
  });
  assert.deepEqual(accuracy!.subsets.a, {
    pairs: 2,
    before: 0.5,
    after: 1,
    longerWins: 0.5,
    shorterWins: 0.5,
  });
  assert.deepEqual(Object.keys(accuracy!.subsets), ["a", "b"]);
  const { whereLongerIsBetter, whereShorterIsBetter } = accuracy!;
  assert.deepEqual([whereLongerIsBetter!.pairs, whereLongerIsBetter!.after], [1, 1]);
  assert.deepEqual([whereShorterIsBetter!.pairs, whereShorterIsBetter!.before], [2, 0.5]);
  assert.deepEqual(preferencesChanged, { share: 2 / 4, basis: "labelled pairs" });
  assert.equal(
    features.length!.spearmanBefore,
    spearman([2, 1, 1, 2, 1, 1, 1, 5], [10, 20, 30, 20, 20, 20, 5, 50]),
  );
});

Deno.test("diagnostics follow the tie rule", () => {
  const accuracyWith = (tie: "half" | "wrong" | "random") => {
    const collector = new DiagnosticsCollector({ corrected: ["length"], tie });
    for (let i = 0; i < 1000; i++) {
      collector.addPair({ ...pair([1, 1], [1, 1]), chosenCalibrated: 1, rejectedCalibrated: 1 });
    }
    return collector.report().accuracy!.overall;
  };
  assert.equal(accuracyWith("half").before, 0.5);
  assert.equal(accuracyWith("half").longerWins, 0.5);
  assert.equal(accuracyWith("wrong").before, 0);
  assert.equal(accuracyWith("wrong").longerWins, 0);
  const { before } = accuracyWith("random");
  assert(before > 0.4 && before < 0.6, `${before}`);
  assert.equal(accuracyWith("random").before, before);
});

Deno.test("diagnostics of single rows compare all pairs of rows", () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({
    score: (i * 7) % 11 + i / 5,
    features: { length: i },
  }));
  const pool = poolOfRows(rows);
  const { scores, diagnostics } = fit(pool);
  assert.equal(diagnostics.accuracy, undefined);
  assert.deepEqual(diagnostics.preferencesChanged, {
    share: discordantShare(pool.scores, scores),
    basis: "all pairs of rows",
  });
  assert.equal(diagnostics.features.length!.spearmanAfter, spearman(scores, pool.features.length!));
});

Deno.test("diagnostics report features that were not corrected for, beside those that were", () => {
  const { diagnostics } = fit(poolOfPairs(biasedPairs(80, 0.01)), { features: ["markdown"] });
  assert.deepEqual(Object.keys(diagnostics.features), ["length", "markdown"]);
  assert.equal(diagnostics.accuracy!.comparedFeature, "length");
});

Deno.test("diagnostics of a stream keep a bounded sample and exact counts", () => {
  const collector = new DiagnosticsCollector({ corrected: ["length"], sample: 200 });
  for (let i = 0; i < 10_000; i++) {
    collector.addRow({ score: i, features: { length: i % 100 } }, i - (i % 100));
  }
  const report = collector.report();
  assert.equal(report.rows, 10_000);
  assert.equal(report.sampledRows, 200);
  const { x, before, after } = collector.keptRows("length");
  assert.deepEqual([x.length, before.length, after.length], [200, 200, 200]);
  before.forEach((score, row) => {
    assert.equal(x[row], score % 100);
    assert.equal(after[row], score - score % 100);
  });
  // A sample of the whole stream, not of its beginning.
  const mean = before.reduce((sum, score) => sum + score, 0) / 200;
  assert(mean > 4000 && mean < 6000, `${mean}`);
});

Deno.test("warnings: calibration hurts where the better responses are longer and scores follow", () => {
  // Quality shows in length, and the score sees quality through length alone.
  const pairs = Array.from({ length: 100 }, (_, i) => {
    const [good, bad] = [300 + (i * 37) % 200, 100 + (i * 53) % 200];
    return pair([good / 100 + (i % 5) / 5, bad / 100 + (i % 7) / 5], [good, bad], "essays");
  });
  const { warnings, accuracy } = fit(poolOfPairs(pairs)).diagnostics;
  assert(accuracy!.overall.after < accuracy!.overall.before);
  const has = (text: RegExp) =>
    assert(warnings.some((line) => text.test(line)), `${text} ${warnings}`);
  has(/better response has more length in 100\.0 % of the pairs.*useful/);
  has(/^accuracy falls from 98\.0 % to .* \(100 pairs\): try --gamma auto/);
  has(/^accuracy on essays falls/);
});

Deno.test("warnings: scores that hardly follow the feature have nothing to remove", () => {
  const { warnings } = fit(poolOfPairs(biasedPairs(500, 0, 4))).diagnostics;
  assert(
    warnings.some((line) => /hardly follow length \(Spearman/.test(line)),
    warnings.join("\n"),
  );
});

Deno.test("warnings: none where a plain length bias is removed", () => {
  const { warnings, accuracy, features } = fit(
    poolOfPairs(biasedPairs(300, 0.01)),
    { features: ["length"] },
  ).diagnostics;
  assert.deepEqual(warnings, []);
  assert(accuracy!.overall.after > accuracy!.overall.before + 0.2);
  assert(features.length!.spearmanBefore! > 0.8);
  assertClose([features.length!.spearmanAfter!], [0], 0.1);
});
