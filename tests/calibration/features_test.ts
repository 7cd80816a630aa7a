import assert from "node:assert/strict";
import fc from "fast-check";
import {
  codePointLength,
  columnFeature,
  featureNamed,
  lengthFeature,
  markdownElements,
  measureFeatures,
} from "../../src/calibration/features.ts";
import { rejectsWith } from "./assertions.ts";
import golden from "../golden/calibration/markdown.json" with { type: "json" };

Deno.test("markdownElements() counts what the published patterns count in Python", () => {
  for (const { text, elements } of golden) {
    assert.equal(markdownElements(text), elements, JSON.stringify(text));
  }
});

Deno.test("codePointLength() equals Python's len", () => {
  for (const { text, length } of golden) assert.equal(codePointLength(text), length);
  assert.equal(codePointLength("👍🏽"), 2);
  assert.equal(codePointLength("𠀀a\ud800"), 3);
});

Deno.test("codePointLength() equals the number of code points of any text", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
    const text = String.fromCharCode(...units);
    assert.equal(codePointLength(text), [...text].length);
  }));
});

Deno.test("markdownElements() takes linear time on long runs of spaces and digits", () => {
  // The published pattern needs quadratic time here: minutes instead of milliseconds.
  assert.equal(markdownElements("\n".repeat(300_000) + "1".repeat(300_000)), 0);
});

Deno.test("features prefer the row's own column to a measurement", () => {
  const source = { columns: { length: 12, markdown: "3" }, response: "- a" };
  assert.equal(featureNamed("length").measure(source), 12);
  assert.equal(featureNamed("markdown").measure(source), 3);
  assert.equal(featureNamed("markdown").measure({ response: "- a\n- b" }), 2);
  assert.equal(featureNamed("tokens").measure({ tokens: 7 }), 7);
  assert.equal(featureNamed("templated_length").measure({ prompt: "ab", response: "c👍" }), 4);
  assert.equal(featureNamed("templated_length").measure({ templated: "<s>ab" }), 5);
});

Deno.test("featureNamed() finds a caller's own feature first and any column last", () => {
  const own = { name: "length", measure: () => 1 };
  assert.equal(featureNamed("length", [own]).measure({ response: "abc" }), 1);
  assert.equal(featureNamed("similarity").measure({ columns: { similarity: " 0.25 " } }), 0.25);
  rejectsWith("calibration/bad-option", () => featureNamed(""));
});

Deno.test("a length that is given and is no number is not measured anew", () => {
  const source = { response: "four" };
  const measured = (length: unknown) => lengthFeature.measure({ ...source, columns: { length } });
  assert.deepEqual([undefined, null, "", 7, "7", [7]].map(measured), [4, 4, 4, 7, 7, 7]);
  for (const length of ["1,234", "long", [1, 2], {}]) {
    assert.throws(() => measured(length), { code: "calibration/missing-feature" });
  }
});

Deno.test("measureFeatures() says which feature can't be measured", () => {
  const features = [featureNamed("length"), columnFeature("depth")];
  rejectsWith(
    "calibration/missing-feature",
    () => measureFeatures(features, { response: "a" }),
    /"depth"/,
  );
  const infinite = { response: "a", columns: { depth: Infinity } };
  rejectsWith("calibration/not-finite", () => measureFeatures(features, infinite), /Infinity/);
  const text = { response: "a", columns: { depth: "deep" } };
  rejectsWith("calibration/missing-feature", () => measureFeatures(features, text));
  assert.deepEqual(measureFeatures(features, { response: "ab", columns: { depth: 2 } }), {
    length: 2,
    depth: 2,
  });
});
