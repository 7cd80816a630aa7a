import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { AssayError } from "../../src/error.ts";
import { measureHead, trainHead } from "../../src/fitting/head_training.ts";
import { linearHead } from "../../src/fitting/linear_head.ts";
import { PairMixture } from "../../src/fitting/pair_mixture.ts";

Deno.test("PairMixture draws each source's share of every batch, and weighs pairs by it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b", "c", null), { minLength: 1, maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 200 }),
      (sources, numbers, size) => {
        const names = (["a", "b", "c"] as const).filter((name) => sources.includes(name));
        if (names.length === 0) return;
        const shares = Object.fromEntries(names.map((name, i) => [name, numbers[i]!]));
        const total = names.reduce((sum, name) => sum + shares[name]!, 0);
        const mixture = new PairMixture(sources, shares);
        const drawn = [...mixture.draw(size, seededRandom(size))];
        assert.equal(drawn.length, size);
        for (const name of [...names, null]) {
          const share = name === null ? 0 : shares[name]! / total;
          const count = drawn.filter((pair) => sources[pair] === name).length;
          assert.ok(Math.abs(count - share * size) < 1, `${count} of ${share * size}`);
          const weight = mixture.weights.filter((_, pair) => sources[pair] === name)
            .reduce((sum, of) => sum + of, 0);
          assert.ok(Math.abs(weight - share) < 1e-12);
        }
      },
    ),
    { numRuns: 300, seed: 4 },
  );
});

Deno.test("PairMixture refuses shares that are none, and sources without pairs", () => {
  const cases: [Record<string, number>, string][] = [
    [{}, "fitting/bad-mixture"],
    [{ a: 0 }, "fitting/bad-mixture"],
    [{ a: NaN }, "fitting/bad-mixture"],
    [{ a: 1, b: 1 }, "fitting/no-pairs"],
  ];
  for (const [shares, code] of cases) {
    assert.throws(
      () => new PairMixture(["a", null], shares),
      (error) => error instanceof AssayError && error.code === code,
    );
  }
});

Deno.test("a head trained on a mixture follows the source with the greater share", async () => {
  // Nine pairs say that feature 0 is good, one says that it is bad.
  const features = Float32Array.of(1, 0);
  const pairs = Uint32Array.from({ length: 20 }, (_, i) => (i < 18 ? i % 2 : 1 - i % 2));
  const sources = Array.from({ length: 10 }, (_, pair) => (pair < 9 ? "many" : "one"));
  for (const [shares, sign] of [[undefined, 1], [{ many: 1, one: 4 }, -1]] as const) {
    const mixture = shares === undefined ? {} : { mixture: new PairMixture(sources, shares) };
    const set = { dimension: 1, features, pairs, ...mixture };
    const options = { steps: 50, batchSize: 20, rate: 0.1, seed: 1 };
    const { weight } = await trainHead(linearHead(1), set, options);
    assert.equal(Math.sign(weight[0]!), sign);
    const { accuracy } = measureHead(Float64Array.of(1), set);
    assert.ok(Math.abs(accuracy - (shares === undefined ? 0.9 : 0.2)) < 1e-12);
  }
});
