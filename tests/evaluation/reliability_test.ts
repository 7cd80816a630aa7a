import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { reliability, type ReliabilityFigures } from "../../src/evaluation/reliability.ts";
import { fitTemperature } from "../../src/evaluation/temperature.ts";

interface Figures {
  readonly temperature: number;
  readonly confidence: number;
  readonly ece: number;
  readonly eceEqualMass: number;
  readonly brier: number;
  readonly nll: number;
  readonly bins: readonly number[];
  readonly equalMassBins: readonly number[];
}

const { cases } = JSON.parse(
  await readFile(new URL("../golden/evaluation/reliability.json", import.meta.url), "utf8"),
) as {
  readonly cases: readonly {
    readonly name: string;
    readonly margins: readonly number[];
    readonly accuracy: number;
    readonly asGiven: Figures;
    readonly fitted: Figures;
  }[];
};

function assertNear(found: number | null, expected: number, what: string): void {
  const near = found !== null &&
    Math.abs(found - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
  assert.ok(near, `${what}: expected ${expected}, found ${found}`);
}

function assertFigures(found: ReliabilityFigures, expected: Figures, what: string): void {
  for (const name of ["temperature", "confidence"] as const) {
    assertNear(found[name], expected[name], `${what}: ${name}`);
  }
  for (const name of ["ece", "eceEqualMass", "brier", "nll"] as const) {
    const { estimate, low, high } = found[name];
    assertNear(estimate, expected[name], `${what}: ${name}`);
    assert.ok(low! <= high!, `${what}: ${name}`);
  }
  for (const name of ["bins", "equalMassBins"] as const) {
    assert.deepEqual(found[name].map(({ pairs }) => pairs), expected[name], `${what}: ${name}`);
  }
}

Deno.test("reliability() equals NumPy, SciPy and scikit-learn", () => {
  for (const { name, margins, accuracy, asGiven, fitted } of cases) {
    const report = reliability(margins, { draws: 20 });
    assertNear(report.accuracy.estimate, accuracy, name);
    assertFigures(report.asGiven, asGiven, `${name}, as given`);
    assertFigures(report.fitted!, fitted, `${name}, fitted`);
    assertNear(report.temperature.estimate, fitted.temperature, name);
    assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
  }
});

Deno.test("intervals draw clusters, not pairs: copies of a pair make none narrower", () => {
  const { margins } = cases[0]!;
  const clusters = Array.from({ length: 3 * margins.length }, (_, pair) => pair % margins.length);
  const options = { draws: 50 };
  const once = reliability(margins, options);
  const thrice = reliability([...margins, ...margins, ...margins], { ...options, clusters });
  assert.equal(thrice.clusters, once.clusters);
  for (const name of ["low", "high"] as const) {
    assertNear(thrice.asGiven.brier[name], once.asGiven.brier[name]!, name);
    assertNear(thrice.temperature[name], once.temperature[name]!, name);
  }
});

Deno.test("a temperature that no minimum has is refused by name, and the rest is told", () => {
  assert.throws(() => fitTemperature([1, 2, 0]), { code: "evaluation/separable" });
  assert.throws(() => fitTemperature([0, 0]), { code: "evaluation/no-signal" });
  assert.throws(() => fitTemperature([-2, 1]), { code: "evaluation/no-signal" });
  assert.throws(() => fitTemperature([1, NaN]), { code: "evaluation/bad-row" });
  const { refused, fitted, temperature, accuracy } = reliability([1, 2, 3], { draws: 10 });
  assert.equal(refused?.code, "evaluation/separable");
  assert.equal(fitted, null);
  assert.equal(temperature.estimate, null);
  assert.equal(accuracy.estimate, 1);
  // Three right ones of three may be three of five: no interval of a point.
  const [bin] = reliability([1, 1, 1], { draws: 10, bins: 1 }).asGiven.bins;
  assert.equal(bin!.accuracy.high, 1);
  assertNear(bin!.accuracy.low, 0.025 ** (1 / 3), "exact");
  const none = reliability([-1e-320, 1e-320, 1e300], { draws: 10 });
  assert.ok(none.fitted === null || Number.isFinite(none.fitted.temperature));
});

Deno.test("what can't be measured is refused by name", () => {
  assert.throws(() => reliability([]), { code: "evaluation/bad-row" });
  assert.throws(() => reliability([1, Infinity]), { code: "evaluation/bad-row" });
  for (
    const wrong of [{ bins: 0 }, { temperature: 0 }, { clusters: [0] }, { clusters: [0, 5] }, {
      bins: 300,
    }]
  ) assert.throws(() => reliability([1, -1], wrong), { code: "evaluation/bad-option" });
});
