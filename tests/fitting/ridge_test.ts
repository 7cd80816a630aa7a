import assert from "node:assert/strict";
import fc from "fast-check";
import { AssayError } from "../../src/error.ts";
import { factorize, packedRow, solveFactorized } from "../../src/fitting/matrix_products.ts";
import { fitRidge, type LabelledFeatures, ridgeAlphas } from "../../src/fitting/ridge.ts";
import { testWhere } from "../requirement.ts";
import { goldenFile, largestDifference, sharedFixture } from "./golden.ts";

type Labels = readonly (readonly (number | null)[])[];

interface GoldenRidge {
  readonly alphas: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly train: number;
    readonly features: readonly (readonly number[])[];
    readonly labels: Labels;
    readonly objectives: readonly { alpha: number; losses: number[]; weights: number[] }[];
  }[];
}

/** Rows as a fit takes them, in batches of `size`. */
function rowsOf(
  features: readonly (readonly number[])[],
  labels: Labels,
  size = 7,
): LabelledFeatures {
  return {
    labels: Float64Array.from(labels.flat(), (label) => label ?? NaN),
    *batches(): Generator<Float32Array> {
      for (let first = 0; first < features.length; first += size) {
        yield Float32Array.from(features.slice(first, first + size).flat());
      }
    },
  };
}

const golden = await goldenFile<GoldenRidge>("ridge.json");

for (const { name, train, features, labels, objectives } of golden.cases) {
  Deno.test(`fitRidge() equals scikit-learn: ${name}`, async () => {
    const dimension = features[0]!.length;
    const fit = await fitRidge(
      dimension,
      objectives.length,
      rowsOf(features.slice(0, train), labels.slice(0, train)),
      rowsOf(features.slice(train), labels.slice(train), 5),
    );
    objectives.forEach((expected, objective) => {
      const found = fit.objectives[objective]!;
      assert.equal(found.alpha, expected.alpha);
      const weights = fit.weights.subarray(objective * dimension, (objective + 1) * dimension);
      assert.ok(largestDifference(weights, expected.weights) < 1e-6);
      const losses = found.validationLosses.map((loss) => loss ?? NaN);
      const relative = losses.map((loss, i) => loss / expected.losses[i]!);
      assert.ok(largestDifference(relative, losses.map(() => 1)) < 1e-6);
      assert.equal(found.form, found.trainRows < dimension ? "dual" : "primal");
    });
  });
}

const fixture = sharedFixture<{
  X: number[][];
  Y: (number | null)[][];
  weights_by_alpha: Record<string, number[][]>;
}>("ridge_missing.json");

testWhere(
  fixture === undefined ? "no ../shared/fixtures beside the repository" : undefined,
  "fitRidge() equals the fixture ridge_missing for every alpha",
  async () => {
    const { X, Y, weights_by_alpha } = fixture!;
    // The fixture's numbers have four digits, which 32-bit features hold to 1e-7 only.
    for (const [alpha, expected] of Object.entries(weights_by_alpha)) {
      const rows = rowsOf(X, Y);
      const fit = await fitRidge(5, 3, rows, rows, { alphas: [Number(alpha)] });
      assert.ok(largestDifference(fit.weights, expected.flat()) < 1e-6, `alpha ${alpha}`);
    }
    assert.deepEqual(Object.keys(weights_by_alpha).map(Number).sort(), [...ridgeAlphas].sort());
  },
);

Deno.test("fitRidge() gives the same weights in the primal and the dual form", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.infiniteStream(fc.integer({ min: -64, max: 64 })),
      async (count, dimension, stream) => {
        const next = (): number => stream.next().value / 16;
        const features = Array.from(
          { length: count },
          () => Array.from({ length: dimension }, next),
        );
        const labels = features.map(() => [next()]);
        // Rows of zeros change nothing but the form that is chosen.
        const zeros = Array.from({ length: dimension }, () => features[0]!.map(() => 0));
        const small = rowsOf(features, labels);
        const large = rowsOf([...features, ...zeros], [...labels, ...zeros.map(() => [0])]);
        const options = { alphas: [0.5] };
        const few = await fitRidge(dimension, 1, small, small, options);
        const many = await fitRidge(dimension, 1, large, large, options);
        assert.equal(many.objectives[0]!.form, "primal");
        assert.equal(few.objectives[0]!.form, count < dimension ? "dual" : "primal");
        assert.ok(largestDifference(few.weights, many.weights) < 1e-8);
      },
    ),
    { numRuns: 60, seed: 5 },
  );
});

Deno.test("fitRidge() takes alpha 1 with a warning where no validation row has a label", async () => {
  const train = rowsOf([[1], [2], [3]], [[2, 1], [4, 2], [6, 3]]);
  const validation = rowsOf([[1], [2]], [[2, null], [4, null]]);
  const { objectives, weights } = await fitRidge(1, 2, train, validation, { alphas: [0, 14] });
  assert.deepEqual(objectives.map(({ alpha }) => alpha), [0, 1]);
  assert.equal(objectives[0]!.warning, null);
  assert.match(objectives[1]!.warning!, /α = 1/);
  assert.deepEqual(objectives[1]!.validationLosses, [null, null]);
  assert.ok(largestDifference(weights, [2, 14 / 15]) < 1e-12);
});

Deno.test("fitRidge() takes the first alpha of equal losses", async () => {
  const zeros = rowsOf([[1], [2]], [[0], [0]]);
  const { objectives } = await fitRidge(1, 1, zeros, zeros);
  assert.equal(objectives[0]!.alpha, ridgeAlphas[0]);
});

Deno.test("Gram matrices in 32 bits, as a GPU would sum them, would miss scikit-learn by over 1e-6", () => {
  let worst = 0;
  for (const { train, features, labels, objectives } of golden.cases) {
    objectives.forEach(({ alpha, weights: expected }, objective) => {
      const rows = features.slice(0, train).filter((_, row) => labels[row]![objective] !== null);
      const known = labels.slice(0, train).flatMap((of) => of[objective] ?? []);
      const dimension = rows[0]!.length;
      if (rows.length < dimension) return;
      const right = new Float64Array(dimension);
      const gram = new Float64Array(packedRow(dimension));
      rows.forEach((row, at) =>
        row.forEach((x, i) => {
          right[i]! += known[at]! * Math.fround(x);
          for (let j = 0; j <= i; j++) {
            const entry = packedRow(i) + j;
            gram[entry] = Math.fround(
              gram[entry]! + Math.fround(Math.fround(x) * Math.fround(row[j]!)),
            );
          }
        })
      );
      for (let i = 0; i < dimension; i++) gram[packedRow(i) + i]! += alpha;
      assert.ok(factorize(gram, dimension));
      worst = Math.max(worst, largestDifference(solveFactorized(gram, right), expected));
    });
  }
  assert.ok(worst > 1e-6, `${worst}`);
});

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof AssayError) return error.code;
    throw error;
  }
  return "no error";
}

Deno.test("fitRidge() refuses what can't be fitted", async () => {
  const rows = rowsOf([[1, 0], [0, 1], [1, 1]], [[1], [2], [3]]);
  const none = rowsOf([[1, 0]], [[null]]);
  const broken = rowsOf([[NaN, 0]], [[1]]);
  const infinite = rowsOf([[1, 0]], [[Infinity]]);
  const dependent = rowsOf([[1, 1], [2, 2], [3, 3]], [[1], [2], [3]]);
  const longer = { ...rows, labels: Float64Array.of(1, 2, 3, 4) };
  const shorter = { ...rows, labels: Float64Array.of(1, 2) };
  const fit = (train: LabelledFeatures): Promise<string> => codeOf(fitRidge(2, 1, train, rows));
  assert.equal(await fit(none), "fitting/no-labels");
  assert.equal(await fit(broken), "fitting/not-finite");
  assert.equal(await fit(infinite), "fitting/not-finite");
  assert.equal(await fit(longer), "fitting/wrong-rows");
  assert.equal(await fit(shorter), "fitting/wrong-rows");
  assert.equal(
    await codeOf(fitRidge(2, 1, dependent, rows, { alphas: [0] })),
    "fitting/unsolvable",
  );
});
