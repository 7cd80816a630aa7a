import assert from "node:assert/strict";
import { calibrateCommand } from "../../src/cli/calibrate/calibrate.ts";
import { run } from "../../src/cli/main.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

type Json = Record<string, unknown>;

/** Runs `assay calibrate` twice: to fit on `rows` with these flags, and to apply that to `others`. */
async function fitAndApply(
  rows: readonly Json[],
  flags: readonly string[],
  others: readonly Json[],
) {
  const [fitted, applied] = [captureOutput(), captureOutput()];
  const statuses: number[] = [];
  let [file, summary]: [Json, Json] = [{}, {}];
  await inFolder(async (folder) => {
    const at = (name: string) => `${folder}/${name}`;
    const text = (of: readonly Json[]) => of.map((row) => JSON.stringify(row)).join("\n");
    await Deno.writeTextFile(at("rows.jsonl"), text(rows));
    await Deno.writeTextFile(at("others.jsonl"), text(others));
    const fit = ["calibrate", at("rows.jsonl"), ...flags, "--fit", at("fit.json")];
    statuses.push(await run([calibrateCommand(fitted.output)], fit, fitted.output));
    if (statuses[0] === 2) return;
    const apply = ["calibrate", at("others.jsonl"), "--apply", at("fit.json")];
    const args = [...apply, "--summary", at("summary.json")];
    statuses.push(await run([calibrateCommand(applied.output)], args, applied.output));
    file = JSON.parse(await Deno.readTextFile(at("fit.json")));
    summary = JSON.parse(await Deno.readTextFile(at("summary.json")));
  });
  return { statuses, file, summary, fitted, applied };
}

const rated = Array.from({ length: 120 }, (_, i) => ({
  score: i / 10,
  rating: i / 10 + (i % 6) - 2.5,
  kind: i % 2 === 0 ? "even" : "odd",
}));

Deno.test("assay calibrate --conformal fits intervals, and --apply gives them to other rows", async () => {
  const others = [{ score: 1, rating: 1.2 }, { score: 2 }, { score: "?" }];
  const flags = ["--conformal", "0.2", "--target", "rating"];
  const { statuses, file, summary, fitted, applied } = await fitAndApply(rated, flags, others);
  assert.deepEqual(statuses, [0, 1]);
  assert.equal(file.format, "assay-conformal");
  assert.equal(fitted.rows().length, 120);
  const [first, second, bad] = applied.rows();
  assert.deepEqual([first!.score_low, first!.score_high], [-1.5, 3.5]);
  assert.equal(second!.score_high, 4.5);
  assert.equal((bad!.error as Json).code, "data/bad-row");
  assert.equal(bad!.score_low, null);
  assert.equal((summary.coverage as Json).rows, 1);
  assert.match(fitted.stderr(), /score intervals for 80.0 % of targets/);
  assert.match(applied.stderr(), /hold 100.0 % of 1 targets/);
});

Deno.test("assay calibrate --conformal: by group, of candidates, from quantiles, of margins", async () => {
  const target = ["--conformal", "0.2", "--target", "rating"];
  const grouped = await fitAndApply(rated, [...target, "--group", "kind"], [
    { score: 0, kind: "even" },
    { score: 0, kind: "new" },
  ]);
  assert.deepEqual(grouped.applied.rows().map((row) => row.interval_group), ["even", null]);
  const lists = rated.map(({ score, rating }) => ({
    scores: [score, score],
    rating: [rating, rating],
    quantiles: [[score - 1, score, score + 1], [score - 1, score, score + 1]],
  }));
  const candidates = await fitAndApply(lists, [...target, "--quantiles", "quantiles"], [
    lists[50]!,
  ]);
  const [row] = candidates.applied.rows();
  assert.equal((row!.score_low as number[]).length, 2);
  const pairs = rated.map(({ score, rating }) => ({
    chosen_score: score,
    rejected_score: 0,
    rating,
  }));
  const margins = await fitAndApply(pairs, target, [pairs[20]!, { score: 1 }]);
  assert.deepEqual(margins.statuses, [0, 1]);
  const [pair, other] = margins.applied.rows();
  assert.deepEqual([pair!.margin_low, pair!.margin_high], [-0.5, 4.5]);
  assert.match((other!.error as { message: string }).message, /expected a margin/);
});

const decided = Array.from({ length: 400 }, (_, i) => ({
  chosen_score: i < 100 && i % 2 === 0 ? -i / 100 : i / 100,
  rejected_score: 0,
}));

Deno.test("assay calibrate --abstain marks rows that have no label", async () => {
  const others = [{ scores: [3, 1, 0] }, { scores: [1, 0.9] }, { score: 3 }];
  const { statuses, file, summary, fitted, applied } = await fitAndApply(
    decided,
    ["--abstain", "0.05", "--confidence", "0.9"],
    others,
  );
  assert.deepEqual(statuses, [0, 1]);
  assert.equal(file.format, "assay-abstention");
  assert.deepEqual(applied.rows().map((row) => row.abstain), [false, true, null]);
  assert.deepEqual([summary.rows, summary.abstained], [2, 1]);
  assert.match(fitted.stderr(), /margins below .* are not decided/);
  const marked = fitted.rows();
  assert.deepEqual([marked[0]!.abstain, marked[399]!.abstain], [true, false]);
});

Deno.test("assay calibrate refuses by name what can't be fitted, and flags that mean nothing", async () => {
  const fails: readonly [readonly Json[], readonly string[], RegExp][] = [
    [rated, ["--conformal", "0.2"], /--target need each other/],
    [rated, ["--target", "rating"], /--target need each other/],
    [rated, ["--confidence", "0.9"], /--confidence is for --abstain/],
    [rated, ["--conformal", "1.5", "--target", "rating"], /between 0 and 1/],
    [rated, ["--conformal", "0.1", "--target", "none"], /expected a number in "none"/],
    [rated.slice(0, 8), ["--conformal", "0.1", "--target", "rating"], /at least 9 rows/],
    [
      rated,
      ["--conformal", "0.1", "--target", "rating", "--abstain", "0.1"],
      /cannot be used with/,
    ],
    [rated, ["--abstain", "0.1"], /scores of two responses or more/],
    [decided.slice(0, 50), ["--abstain", "0.05"], /at least 59 labelled rows/],
    [decided.slice(0, 100), ["--abstain", "0.05"], /no-threshold/],
  ];
  for (const [rows, flags, message] of fails) {
    const { statuses, fitted } = await fitAndApply(rows, flags, []);
    assert.deepEqual(statuses, [2], flags.join(" "));
    assert.match(fitted.stderr(), message);
  }
});
