import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import {
  bootstrap,
  bootstrapAll,
  bootstrapDifference,
  bootstrapDraws,
  bootstrapMean,
  type Interval,
} from "../../src/numbers/bootstrap.ts";
import {
  binomialCdf,
  clopperPearsonLower,
  clopperPearsonUpper,
} from "../../src/numbers/binomial.ts";
import { normalCdf, normalQuantile } from "../../src/numbers/normal.ts";
import { mcnemarExact } from "../../src/evaluation/mcnemar.ts";

interface Figure {
  readonly estimate: number;
  readonly percentile: readonly [number, number];
  readonly bca: readonly [number, number];
}

interface Case {
  readonly name: string;
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly counts: readonly number[];
  readonly seed: number;
  readonly draws: number;
  readonly confidence: number;
  readonly mean: Figure;
  readonly difference: Figure;
  readonly deviation?: Figure;
}

type Numbers = readonly (readonly number[])[];

const golden = JSON.parse(
  await readFile(new URL("../golden/numbers/bootstrap.json", import.meta.url), "utf8"),
) as {
  readonly normalCdf: Numbers;
  readonly normalQuantile: Numbers;
  readonly binomialCdf: Numbers;
  readonly upper: Numbers;
  readonly lower: Numbers;
  readonly mcnemar: Numbers;
  readonly cases: readonly Case[];
};

function assertNear(found: number, expected: number, what: string, relative = 1e-9): void {
  const near = Math.abs(found - expected) <= relative * Math.abs(expected);
  assert.ok(near, `${what}: expected ${expected}, found ${found}`);
}

Deno.test("normalCdf() and normalQuantile() equal SciPy's", () => {
  for (const [z, p] of golden.normalCdf) assertNear(normalCdf(z!), p!, `Φ(${z})`, 1e-12);
  for (const [p, z] of golden.normalQuantile) {
    assertNear(normalQuantile(p!), z!, `quantile of ${p}`, 1e-12);
  }
  assert.deepEqual([0, 1, 2, NaN].map(normalQuantile), [-Infinity, Infinity, NaN, NaN]);
});

Deno.test("binomialCdf() and Clopper–Pearson bounds equal SciPy's, up to a million trials", () => {
  for (const [k, n, p, expected] of golden.binomialCdf) {
    assertNear(binomialCdf(k!, n!, p!), expected!, `P(X ≤ ${k}) of ${n} at ${p}`);
  }
  for (const [k, n, delta, bound] of golden.upper) {
    assertNear(clopperPearsonUpper(k!, n!, delta!), bound!, `upper bound of ${k}/${n}`);
  }
  for (const [k, n, delta, bound] of golden.lower) {
    assertNear(clopperPearsonLower(k!, n!, delta!), bound!, `lower bound of ${k}/${n}`);
  }
  assert.equal(clopperPearsonUpper(0, 0, 0.05), 1);
});

Deno.test("mcnemarExact() equals statsmodels'; what is no count is refused", () => {
  for (const [first, second, p] of golden.mcnemar) {
    assertNear(mcnemarExact(first!, second!).pValue, p!, `McNemar of ${first}, ${second}`);
  }
  assert.throws(() => mcnemarExact(0.5, 2), { code: "evaluation/bad-option" });
});

Deno.test("bootstrap intervals equal NumPy's and SciPy's on the same draws", () => {
  for (const { name, first, second, counts, ...figures } of golden.cases) {
    const mean = (drawn: Uint32Array) =>
      drawn.reduce((sum, i) => sum + first[i]!, 0) / drawn.length;
    const deviation = (drawn: Uint32Array) => {
      const centre = mean(drawn);
      return Math.sqrt(drawn.reduce((sum, i) => sum + (first[i]! - centre) ** 2, 0) / drawn.length);
    };
    for (const method of ["percentile", "bca"] as const) {
      const { draws, seed, confidence } = figures;
      const options = { method, draws, seed, confidence };
      const found = {
        mean: bootstrapMean({ sums: first, counts }, options),
        difference: bootstrapDifference(
          { sums: first, counts },
          { sums: second, counts },
          options,
        ),
        deviation: bootstrap(first.length, deviation, options),
      };
      for (const key of ["mean", "difference", "deviation"] as const) {
        const figure = figures[key];
        if (figure === undefined) continue;
        const expected = [figure.estimate, ...figure[method]];
        assertInterval(found[key], expected, `${name}: ${key}, ${method}`);
      }
    }
  }
});

function assertInterval(found: Interval, expected: readonly number[], what: string): void {
  [found.estimate, found.low, found.high].forEach((value, index) => {
    const near = Math.abs(value! - expected[index]!) <= 1e-9;
    assert.ok(near, `${what}: expected ${expected}, found ${JSON.stringify(found)}`);
  });
}

Deno.test("the mean's own way gives what the general one gives, with groups left out too", () => {
  const sums = Array.from({ length: 300 }, (_, i) => (i * 7919) % 13);
  const counts = Array.from({ length: 300 }, (_, i) => 1 + i % 3);
  const sumOf = (values: readonly number[], drawn: Uint32Array) =>
    drawn.reduce((sum, i) => sum + values[i]!, 0);
  const options = { method: "bca", draws: 50 } as const; // fewer draws than clusters
  const { estimate, low, high } = bootstrapMean({ sums, counts }, options);
  const general = bootstrap(300, (drawn) => sumOf(sums, drawn) / sumOf(counts, drawn), options);
  assertInterval(general, [estimate!, low!, high!], "mean");
});

Deno.test("an interval that can't be known is null, never a number", () => {
  const unknown = { low: null, high: null };
  assert.deepEqual(bootstrapMean({ sums: [], counts: [] }), { estimate: null, ...unknown });
  assert.deepEqual(bootstrapMean({ sums: [1], counts: [2] }), { estimate: 0.5, ...unknown });
  const rarely = bootstrap(20, (drawn) => drawn.includes(3) ? 1 : NaN, { draws: 200 });
  assert.deepEqual(rarely, { estimate: 1, ...unknown });
  // All draws lie above the figure itself: BCa has no shift for that.
  let calls = 0;
  const off = bootstrap(5, () => calls++ === 0 ? 0 : 1, { draws: 20, method: "bca" });
  assert.deepEqual(off, { estimate: 0, ...unknown });
  const same = bootstrapMean({ sums: [1, 1, 1], counts: [1, 1, 1] }, { method: "bca", draws: 20 });
  assert.deepEqual(same, { estimate: 1, low: 1, high: 1 });
  const two = bootstrapAll(3, (drawn) => [drawn.length, NaN], { draws: 20 });
  assert.deepEqual(two, [{ estimate: 3, low: 3, high: 3 }, { estimate: null, ...unknown }]);
});

Deno.test("draws follow the number of clusters, and what can't be drawn is refused", () => {
  assert.deepEqual([0, 10, 10_000, 100_000, 300_000, 1e9].map(bootstrapDraws), [
    10_000,
    10_000,
    10_000,
    1000,
    400,
    400,
  ]);
  const three = { sums: [1, 0, 1], counts: [1, 1, 1] };
  for (const wrong of [{ draws: 0 }, { draws: 1.5 }, { confidence: 1 }, { seed: 0.5 }]) {
    assert.throws(() => bootstrapMean(three, wrong), { code: "numbers/bad-option" });
  }
  assert.throws(() => bootstrapMean(three, { method: "BCa" as "bca" }), {
    code: "numbers/bad-option",
  });
  assert.throws(() => bootstrapDifference(three, { sums: [1], counts: [1] }), {
    code: "numbers/bad-option",
  });
});
