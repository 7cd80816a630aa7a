import assert from "node:assert/strict";
import { numberInColumn, numbersInColumn } from "../../src/data/column_values.ts";

Deno.test("numberInColumn() reads numbers and the text of numbers", () => {
  const cases: [unknown, number | undefined][] = [
    [1.5, 1.5],
    [12n, 12],
    [" -0.25 ", -0.25],
    ["1e3", 1000],
    [".5", 0.5],
    ["nan", NaN],
    ["NaN", NaN],
    ["-inf", -Infinity],
    ["Infinity", Infinity],
    ["", undefined],
    [null, undefined],
    [undefined, undefined],
  ];
  for (const [value, expected] of cases) {
    assert.deepEqual(numberInColumn({ score: value }, "score"), expected);
  }
});

Deno.test("numberInColumn() throws on anything else, naming the column and what was found", () => {
  for (const value of ["high", "0x10", "1,5", "1 2", true, [], {}]) {
    assert.throws(
      () => numberInColumn({ score: value }, "score"),
      /"score": expected a number, found/,
    );
  }
});

Deno.test("numbersInColumn() reads lists and JSON text of lists", () => {
  assert.deepEqual(numbersInColumn({ scores: [1, "2", null] }, "scores"), [1, 2, undefined]);
  assert.deepEqual(numbersInColumn({ scores: "[0.5, NaN]" }, "scores"), [0.5, NaN]);
  assert.equal(numbersInColumn({ scores: null }, "scores"), undefined);
  assert.throws(
    () => numbersInColumn({ scores: 1 }, "scores"),
    /expected a list of numbers, found a number/,
  );
  assert.throws(
    () => numbersInColumn({ scores: ["a"] }, "scores"),
    /"scores\[0\]": expected a number/,
  );
});
