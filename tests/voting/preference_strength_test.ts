import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type PreferenceStrength,
  preferenceStrength,
  preferenceStrengths,
} from "../../src/voting/preference_strength.ts";
import { close, golden, num, nums } from "./golden.ts";

const margin = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const margins = fc.array(margin, { minLength: 1, maxLength: 12 });

Deno.test("preferenceStrength() equals NumPy on every golden pair", () => {
  golden.strength.margins.forEach((row: (number | null)[], pair: number) => {
    const actual = preferenceStrength(nums(row));
    const expected = golden.strength.strengths[pair];
    for (const key of Object.keys(expected) as (keyof PreferenceStrength)[]) {
      close(actual[key], num(expected[key]), 1e-12, `pair ${pair}, ${key}:`);
    }
  });
});

Deno.test("preferenceStrengths() takes voters by columns", () => {
  const rows: number[][] = golden.strength.margins.map(nums);
  const voters = rows[0]!.map((_, voter) => rows.map((row) => row[voter]!));
  assert.deepEqual(preferenceStrengths(voters), rows.map(preferenceStrength));
  assert.deepEqual(preferenceStrengths([]), []);
});

Deno.test("preferenceStrengths() throws where voters differ in their number of pairs", () => {
  assert.throws(() => preferenceStrengths([[1, 2], [1]]), {
    code: "voting/row-count",
    message: /voter 1 has 2 pairs, voter 2 has 1/,
  });
});

Deno.test("preferenceStrength() does not depend on the order of the voters, bit for bit", () => {
  fc.assert(fc.property(margins, fc.infiniteStream(fc.nat()), (values, keys) => {
    const order = values.map((value) => ({ value, key: keys.next().value as number }));
    const shuffled = order.sort((a, b) => a.key - b.key).map(({ value }) => value);
    assert.deepEqual(preferenceStrength(shuffled), preferenceStrength(values));
  }));
});

Deno.test("preferenceStrength() of exchanged sides is the negative, bit for bit", () => {
  fc.assert(fc.property(margins, (values) => {
    const strength = preferenceStrength(values);
    const flipped = preferenceStrength(values.map((value) => -value));
    assert.equal(flipped.mean + 0, -strength.mean + 0);
    assert.equal(flipped.std, strength.std);
    close(flipped.voteShare, 1 - strength.voteShare);
    close(flipped.targetProbability, 1 - strength.targetProbability);
  }));
});

Deno.test("preferenceStrength() of one voter is that voter", () => {
  fc.assert(fc.property(margin, (value) => {
    const strength = preferenceStrength([value]);
    assert.equal(strength.mean, value);
    assert.equal(strength.std, 0);
    assert.equal(strength.voteShare, value > 0 ? 1 : value < 0 ? 0 : 0.5);
    assert.equal(strength.signalToNoise, value === 0 ? 0 : Math.sign(value) * Infinity);
  }));
});

Deno.test("preferenceStrength() of equal margins has no spread", () => {
  fc.assert(fc.property(margin, fc.integer({ min: 1, max: 11 }), (value, voters) => {
    const strength = preferenceStrength(new Array(voters).fill(value));
    assert.equal(strength.mean, value);
    assert.equal(strength.std, 0);
  }));
});

Deno.test("preferenceStrength() passes over voters without a margin", () => {
  fc.assert(fc.property(margins, fc.nat(12), (values, place) => {
    const holed = values.toSpliced(place, 0, NaN, Infinity, -Infinity);
    assert.deepEqual(preferenceStrength(holed), preferenceStrength(values));
  }));
  const none = preferenceStrength([NaN, Infinity]);
  assert.equal(none.voters, 0);
  assert.ok(Number.isNaN(none.mean) && Number.isNaN(none.std) && Number.isNaN(none.voteShare));
});
