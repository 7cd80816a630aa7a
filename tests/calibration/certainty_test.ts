import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Abstention, fitAbstention, heldOutAbstention } from "../../src/calibration/abstention.ts";
import {
  ConformalIntervals,
  conformalQuantile,
  type ConformalRow,
  fitConformal,
} from "../../src/calibration/conformal.ts";
import { heldOutCoverage } from "../../src/calibration/conformal_coverage.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { assertClose, rejectsWith } from "./assertions.ts";

const golden = JSON.parse(
  await readFile(new URL("../golden/calibration/certainty.json", import.meta.url), "utf8"),
) as {
  readonly intervals: readonly {
    readonly alpha: number;
    readonly score: readonly number[];
    readonly target: readonly number[];
    readonly group: readonly string[];
    readonly quantiles: readonly (readonly number[])[];
    readonly low: readonly number[];
    readonly high: readonly number[];
    readonly split: number;
    readonly groups: Readonly<Record<string, number>>;
    readonly fromQuantiles: number;
  }[];
  readonly ranks: readonly (readonly [number, number, number])[];
  readonly abstention: readonly {
    readonly risk: number;
    readonly delta: number;
    readonly size: readonly number[];
    readonly right: readonly boolean[];
    readonly tested: readonly (readonly number[])[];
    readonly threshold: number | null;
  }[];
};

Deno.test("conformalQuantile() takes exactly the row that a decimal α says", () => {
  for (const [rows, alpha, rank] of golden.ranks) {
    const errors = Array.from({ length: rows }, (_, i) => rows - i);
    assert.equal(
      conformalQuantile(errors, alpha),
      rank > rows ? Infinity : rank,
      `${rows} ${alpha}`,
    );
  }
});

Deno.test("conformal intervals equal NumPy's: split, by group, from quantiles", () => {
  for (
    const { alpha, score, target, group, quantiles, low, high, ...expected } of golden.intervals
  ) {
    const rows = score.map((of, i) => ({
      score: of,
      target: target[i]!,
      quantiles: quantiles[i]!,
    }));
    const split = fitConformal(rows, { alpha });
    assertClose([split.toJSON().all.quantile!], [expected.split], 1e-12);
    const grouped = rows.map((row, i) => ({ ...row, group: group[i]! }));
    const byGroup = fitConformal(grouped, { alpha, leastGroup: 10 });
    assert.deepEqual(Object.keys(byGroup.toJSON().groups).sort(), ["a", "b"]);
    for (const [name, quantile] of Object.entries(expected.groups)) {
      assertClose([byGroup.toJSON().groups[name]!.quantile!], [quantile], 1e-12, name);
    }
    const rare = byGroup.interval({ score: 1, group: "rare" });
    assert.equal(rare.byGroup, false);
    assertClose([rare.high], [1 + expected.split], 1e-12);
    const own = fitConformal(rows, { alpha, fromQuantiles: true });
    const again = ConformalIntervals.fromJSON(JSON.parse(JSON.stringify(own)));
    const found = rows.map((row) => again.interval(row));
    const reach = expected.fromQuantiles;
    assertClose(found.map((one) => one.low), low.map((end) => end - reach), 1e-9);
    assertClose(found.map((one) => one.high), high.map((end) => end + reach), 1e-9);
  }
});

/** Errors that are skewed and grow with the score, so that nothing but exchangeability holds. */
function madeUpRows(count: number, seed: number): ConformalRow[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const score = 4 * random() - 2;
    return { score, target: score - (0.1 + Math.abs(score)) * Math.log(random()) };
  });
}

Deno.test("coverage lies within 1 % of what was asked for, over 20 random splits", () => {
  const rows = madeUpRows(4000, 3);
  for (const alpha of [0.1, 0.3]) {
    const found = Array.from(
      { length: 20 },
      (_, seed) => heldOutCoverage(rows, { alpha, seed }).coverage.estimate!,
    );
    const mean = found.reduce((sum, one) => sum + one, 0) / found.length;
    assert.ok(Math.abs(mean - (1 - alpha)) < 0.01, `${mean} for ${1 - alpha}`);
    for (const one of found) assert.ok(Math.abs(one - (1 - alpha)) < 0.04, `${one}`);
  }
});

Deno.test("intervals that can't be had are refused by name, and files are checked", () => {
  const rows = madeUpRows(8, 1);
  rejectsWith(
    "calibration/too-few-rows",
    () => fitConformal(rows, { alpha: 0.1 }),
    /at least 9 rows/,
  );
  assert.ok(fitConformal([...rows, rows[0]!], { alpha: 0.1 }));
  for (const alpha of [0, 1, NaN, undefined as unknown as number]) {
    rejectsWith("calibration/bad-option", () => fitConformal(rows, { alpha }));
  }
  const options = { alpha: 0.3, fromQuantiles: true };
  rejectsWith("calibration/bad-quantiles", () => fitConformal(rows, options));
  const infinite = [{ score: 1, target: Infinity }];
  rejectsWith("calibration/not-finite", () => fitConformal(infinite, { alpha: 0.5 }));
  const file = JSON.parse(JSON.stringify(fitConformal(rows, { alpha: 0.3 })));
  rejectsWith(
    "calibration/unsupported-version",
    () => ConformalIntervals.fromJSON({ ...file, version: 2 }),
  );
  rejectsWith(
    "calibration/bad-calibrator",
    () => ConformalIntervals.fromJSON({ ...file, alpha: 3 }),
    /alpha/,
  );
  rejectsWith("calibration/bad-calibrator", () => Abstention.fromJSON(file), /assay-abstention/);
  // Without a bound, an interval is everything.
  const unbounded = new ConformalIntervals({ ...file, all: { rows: 2, quantile: null } });
  assert.deepEqual(unbounded.interval({ score: 1 }), {
    low: -Infinity,
    high: Infinity,
    byGroup: false,
  });
});

Deno.test("thresholds for abstaining equal those of SciPy's beta distribution", () => {
  for (const { risk, delta, size, right, tested, threshold } of golden.abstention) {
    const decisions = size.map((of, i) => ({ size: of, isRight: right[i]! }));
    if (threshold === null) {
      rejectsWith("calibration/no-threshold", () => fitAbstention(decisions, { risk, delta }));
      continue;
    }
    const fit = fitAbstention(decisions, { risk, delta });
    const found = fit.tested.map((step) => [
      step.threshold,
      step.decided,
      step.errors,
      step.upperBound,
    ]);
    assertClose(found.flat(), tested.flat(), 1e-9);
    assert.equal(fit.abstention.toJSON().threshold, threshold);
    const again = Abstention.fromJSON(JSON.parse(JSON.stringify(fit.abstention)));
    assert.deepEqual([threshold, threshold - 1e-9, NaN].map((of) => again.abstains(of)), [
      false,
      true,
      true,
    ]);
  }
});

Deno.test("abstaining keeps the risk on other rows, more often than 1 − δ", () => {
  let [over, kept] = [0, 0];
  for (let seed = 0; seed < 30; seed++) {
    const random = seededRandom(seed);
    const decisions = Array.from({ length: 2000 }, () => {
      const size = 4 * random();
      return { size, isRight: random() < 1 - 0.5 * Math.exp(-0.7 * size) };
    });
    const report = heldOutAbstention(decisions, { risk: 0.1, delta: 0.1, seed });
    if (report.refused !== null) continue; // nothing is decided, so nothing is wrong
    kept++;
    assert.ok(report.coverage! > 0 && report.decidedRisk! < 0.2);
    // The true risk above a threshold t, of which the held-out half is a noisy measure.
    const t = report.threshold!;
    if (0.5 * (Math.exp(-0.7 * t) - Math.exp(-2.8)) / (0.7 * (4 - t)) > 0.1) over++;
  }
  assert.ok(kept > 20 && over <= 6, `${over} of ${kept}`);
});

Deno.test("a risk that no threshold keeps is refused by name", () => {
  const coin = Array.from({ length: 400 }, (_, i) => ({ size: i, isRight: i % 2 === 0 }));
  rejectsWith("calibration/no-threshold", () => fitAbstention(coin, { risk: 0.05 }), /surest 100/);
  rejectsWith(
    "calibration/too-few-rows",
    () => fitAbstention(coin.slice(0, 58), { risk: 0.05 }),
    /59/,
  );
  assert.equal(heldOutAbstention(coin, { risk: 0.05 }).refused?.code, "calibration/no-threshold");
  rejectsWith("calibration/bad-option", () => fitAbstention(coin, { risk: 1 }));
  rejectsWith("calibration/bad-option", () => fitAbstention(coin, { risk: 0.1, steps: 0 }));
  rejectsWith(
    "calibration/not-finite",
    () => fitAbstention([{ size: NaN, isRight: true }], { risk: 0.9 }),
  );
});
