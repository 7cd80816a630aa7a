import assert from "node:assert/strict";
import { fit } from "../../src/calibration/fit.ts";
import { poolOfRows } from "../../src/calibration/pool.ts";
import { calibrateCommand } from "../../src/cli/calibrate/calibrate.ts";
import { evaluateCommand } from "../../src/cli/evaluate/evaluate.ts";
import { run } from "../../src/cli/main.ts";
import { testWhere } from "../requirement.ts";
import { captureOutput, inFolder, runAssay } from "./captured_output.ts";
import { stubScorer } from "../tasks/score/stub_scorer.ts";

type Json = Record<string, unknown>;

/** Runs `assay evaluate FOLDER/rows.jsonl …` on these rows; `@` in an argument stands for the folder. */
async function evaluate(
  rows: readonly (Json | string)[],
  args: readonly string[] = [],
  use: (folder: string) => Promise<void> = () => Promise.resolve(),
) {
  const captured = captureOutput();
  const scorer = stubScorer();
  let status = -1;
  await inFolder(async (folder) => {
    const text = rows.map((row) => typeof row === "string" ? row : JSON.stringify(row)).join("\n");
    await Deno.writeTextFile(`${folder}/rows.jsonl`, text);
    await Deno.writeTextFile(`${folder}/calibrator.json`, calibrator);
    const command = evaluateCommand(captured.output, () => Promise.resolve(scorer));
    const given = args.map((arg) => arg.replace("@", folder));
    status = await run([command], ["evaluate", `${folder}/rows.jsonl`, ...given], captured.output);
    await use(folder);
  });
  return {
    status,
    scorer,
    get rows(): Json[] {
      return captured.rows();
    },
    stdout: captured.stdout(),
    stderr: captured.stderr(),
  };
}

/** Takes off one point per code point. */
const calibrator = JSON.stringify(
  fit(
    poolOfRows([{ score: 1, features: { length: 1 } }, { score: 2, features: { length: 9 } }]),
    { method: "penalty", penalty: 1, center: false },
  ).calibrator,
);

const pairs = [
  { subset: "a", chosen_score: 5, rejected_score: 3, chosen: "👍👍👍", rejected: "four" },
  { subset: "a", chosen_score: 3, rejected_score: 4, chosen: "1", rejected: "three" },
  { subset: "b", chosen_score: 2, rejected_score: 2, chosen: "longer", rejected: "one" },
];

Deno.test("assay evaluate tells accuracies by subset beside the longer and the shorter one, in code points", async () => {
  const { status, rows, stderr } = await evaluate(pairs);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  assert.deepEqual(rows, [
    { group: "all", name: "all", rows: 3, accuracy: 0.5, longer_wins: 1 / 3, shorter_wins: 2 / 3 },
    { group: "subset", name: "a", rows: 2, accuracy: 0.5, longer_wins: 0, shorter_wins: 1 },
    { group: "subset", name: "b", rows: 1, accuracy: 0.5, longer_wins: 1, shorter_wins: 0 },
  ]);
});

Deno.test("assay evaluate --calibrate tells accuracies before and after, --tie wrong counts ties wrong", async () => {
  const args = ["--calibrate", "@/calibrator.json", "--tie", "wrong"];
  const { status, rows } = await evaluate(pairs, args);
  assert.equal(status, 0);
  assert.deepEqual(rows.map((row) => [row.name, row.accuracy, row.calibrated_accuracy]), [
    ["all", 1 / 3, 2 / 3],
    ["a", 0.5, 1],
    ["b", 0, 0],
  ]);
});

Deno.test("assay evaluate --format table and --summary say the same as the lines", async () => {
  let summary: Json = {};
  const args = ["--format", "table", "--summary", "@/summary.json"];
  const { stdout } = await evaluate(pairs, args, async (folder) => {
    summary = JSON.parse(await Deno.readTextFile(`${folder}/summary.json`));
  });
  assert.equal(
    stdout,
    [
      "group   name  rows  accuracy  longer wins  shorter wins",
      "all     all      3   50.00 %      33.33 %       66.67 %",
      "subset  a        2   50.00 %       0.00 %      100.00 %",
      "subset  b        1   50.00 %     100.00 %        0.00 %",
      "",
    ].join("\n"),
  );
  const { rows } = await evaluate(pairs);
  assert.deepEqual(summary, {
    rows: { read: 3, failed: 0 },
    tie: "half",
    tied_rows: 1,
    groups: rows,
    best_of: [],
  });
});

Deno.test("assay evaluate takes RewardBench 2's rows, Ties by its own rule, and its whole score", async () => {
  const candidates = (subset: string, scores: number[]) => ({ subset, scores, num_correct: 1 });
  const { status, rows, stderr } = await evaluate([
    candidates("Factuality", [2, 1, 0, 0]),
    candidates("Precise IF", [2, 2, 0, 0]),
    candidates("Math", [1, 2, 0, 0]),
    candidates("Safety", [2, 1, 0, 0]),
    candidates("Focus", [2, 1, 0, 0]),
    { id: "ref:4", subset: "Ties", scores: [3, 1], num_correct: 1 },
    { id: "tied:4", subset: "Ties", scores: [4, 3.5, 1], num_correct: 2 },
  ]);
  assert.equal(status, 0, stderr);
  const accuracy = (name: string) => rows.find((row) => row.name === name)?.accuracy as number;
  const ties = 1 + 0.01 * Math.tanh(3);
  assert.deepEqual([accuracy("all"), accuracy("Precise IF")], [0.7, 0.5]);
  assert.ok(Math.abs(accuracy("Ties") - ties) < 1e-12);
  assert.ok(Math.abs(accuracy("RewardBench 2") - (3.5 + ties) / 6) < 1e-12);
});

Deno.test("assay evaluate --quality adds the expected quality of the best of m", async () => {
  const rows = [
    { scores: [1, 2, 3], gold: [0, 0.5, 1] },
    { scores: [3, 2], gold: "[0, 1]", num_correct: 1, lengths: [9, 1] },
  ];
  const args = ["--quality", "gold", "--calibrate", "@/calibrator.json"];
  const withLengths = rows.map((row) => ({ lengths: [0, 0, 0], ...row }));
  const result = await evaluate(withLengths, args);
  assert.equal(result.status, 0, result.stderr);
  const isPoint = ({ group }: Json): boolean => group === "best_of";
  const points = result.rows.filter(isPoint).map(
    ({ group, m, quality, calibrated_quality, kl }) => {
      const digits = [quality, calibrated_quality, kl].map((value) =>
        (value as number).toFixed(12)
      );
      return [group, m, ...digits];
    },
  );
  const expected = [[1, 0.5, 0.5, 0], [2, 5 / 12, 11 / 12, Math.log(2) - 1 / 2]];
  assert.deepEqual(
    points,
    expected.map(([m, ...values]) => ["best_of", m, ...values.map((value) => value.toFixed(12))]),
  );
  const peaks = result.rows.filter(({ group }) => group === "best_of_peak");
  assert.deepEqual(
    peaks.map(({ name, m, rows, over_optimised }) => [name, m, rows, over_optimised]),
    [
      ["score", 1, 2, false],
      ["calibrated score", 2, 2, false],
    ],
  );
  const table = await evaluate(withLengths, ["--quality", "gold", "--format", "table"]);
  assert.match(
    table.stdout,
    /\nbest of +KL +score\n +1 +0\.000 +0\.5000 \(0\.5000 to 0\.5000\)\n +2 +0\.193 +0\.4167 \(/,
  );
  assert.match(table.stdout, /\nscore +1 +0\.5000 +-0\.0833 \(/);
});

Deno.test("assay evaluate --best-of goes on to more candidates than some rows have", async () => {
  const rows = [
    { scores: [1, 2, 3], gold: [0, 0, 1] },
    { scores: [3, 2], gold: [0, 1] },
  ];
  const args = ["--quality", "gold", "--best-of", "3"];
  const { rows: lines } = await evaluate(rows, args);
  assert.deepEqual(lines.map(({ m, quality }) => [m, quality]).slice(0, 3), [
    [1, 1 / 3],
    [2, 2 / 3],
    [3, 1],
  ]);
  assert.deepEqual([lines[3]!.rows, lines[3]!.left_out], [1, 1]);
  const { stderr } = await evaluate(rows, args);
  assert.match(stderr, /the best-of-n curves are of 1 rows: 1 others have too few candidates/);
  const usage = await evaluate(rows, ["--best-of", "3"]);
  assert.equal(usage.status, 2);
  assert.match(usage.stderr, /--best-of needs --quality/);
});

Deno.test("assay evaluate leaves out rows that it can't evaluate, says why, and exits with 1", async () => {
  const error = { code: "text/too-long", message: "Cannot score it: it is too long" };
  const { status, rows, stderr } = await evaluate([
    { ...pairs[0]!, chosen_score: null, error },
    "{not json}",
    { score: 1 },
    { scores: [1, 2] },
    { scores: [1, 2], num_correct: 2 },
    { scores: [1, null], num_correct: 1 },
    pairs[0]!,
  ]);
  assert.equal(status, 1);
  assert.deepEqual([rows[0]!.rows, rows[0]!.accuracy], [1, 1]);
  assert.equal(
    stderr,
    "assay: warning: 6 of 7 rows are left out. The first: Cannot score it: it is too long " +
      "[text/too-long]\n",
  );
});

Deno.test("assay evaluate fails with 2 where no row can be evaluated", async () => {
  const cases: [Json, string[], RegExp][] = [
    [{ score: 1 }, [], /expected a pair, or candidates .* \[evaluation\/no-label\]/],
    [{ scores: [1, 2] }, [], /"num_correct" .* or --quality.* \[evaluation\/no-label\]/],
    [{ scores: [1, 2], num_correct: 0 }, [], /found 0 right \[evaluation\/bad-row\]/],
    [{ scores: [1, 2], gold: [1] }, ["--quality", "gold"], /expected 2 finite numbers/],
    [{ text: "x" }, [], /Cannot find scores in the row.* \[data\/bad-row\]/],
  ];
  for (const [row, args, message] of cases) {
    const { status, stdout, stderr } = await evaluate([row], args);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /Cannot evaluate any of 1 rows\. The first: /);
    assert.match(stderr, message);
  }
});

Deno.test("assay evaluate warns of equal scores in RewardBench's subsets, and of Ties without counterparts", async () => {
  const tied = { subset: "hep-go", chosen_score: 1, rejected_score: 1 };
  const ref = { id: "ref:4", subset: "Ties", scores: [3, 1], num_correct: 1 };
  const { rows, stderr } = await evaluate([tied, ref]);
  assert.match(stderr, /equal scores in 1 rows count one half; RewardBench's .* \(--tie wrong\)/);
  assert.match(stderr, /1 rows of the subset Ties are left out/);
  const section = rows.find(({ group }) => group === "section")!;
  assert.equal((section.missing as string[]).length, 6);
  const strict = await evaluate([tied], ["--tie", "wrong", "--format", "table"]);
  assert.equal(strict.stderr, "");
  assert.match(
    strict.stdout,
    /section +Reasoning +1 .*\n {4}without math-prm, hep-cpp, hep-java, /,
  );
});

Deno.test("assay evaluate --model scores the rows first", async () => {
  const unscored = [
    { prompt: "Q", chosen: "longer", rejected: "short" },
    { prompt: "Q", chosen: "FAIL", rejected: "short" },
    { prompt: "Q", chosen: "a", rejected: "bc" },
  ];
  const { status, rows, stderr, scorer } = await evaluate(unscored, ["--model", "model"]);
  assert.equal(status, 1);
  assert.deepEqual([rows[0]!.rows, rows[0]!.accuracy, rows[0]!.longer_wins], [2, 0.5, 0.5]);
  assert.match(stderr, /1 of 3 rows are left out\. The first: .* \[text\/too-long\]/);
  assert.ok(scorer.disposed);
});

Deno.test("assay evaluate --model scores a checkpoint as assay score does, with --allow-read only", async () => {
  const input = '{"prompt":"Q","chosen":"four","rejected":"thirteen more"}\n';
  const model = "tests/golden/parity/llama";
  const scored = await runAssay(["score", model, "-", "--backend", "cpu"], { input });
  const { status, stdout, stderr } = await runAssay(
    ["evaluate", "--model", model, "--backend", "cpu"],
    { input },
  );
  assert.equal(status, 0, stderr);
  const accuracy = Number(JSON.parse(scored.stdout).margin > 0);
  assert.deepEqual(JSON.parse(stdout), {
    group: "all",
    name: "all",
    rows: 1,
    accuracy,
    longer_wins: 0,
    shorter_wins: 1,
  });
});

const shared = new URL("../../../shared/data/rewardbench_scores/", import.meta.url);
const missing = await Deno.stat(shared).then(() => undefined, () => "../shared is absent");

testWhere(
  missing,
  "assay evaluate gives the accuracies of four reward models on RewardBench, before and after calibration",
  async () => {
    const expected = JSON.parse(await Deno.readTextFile(new URL("expected.json", shared)));
    const scores = new URL("scores.csv", shared).pathname;
    for (const [model, reference] of Object.entries<Record<string, Json>>(expected)) {
      const columns = [
        `chosen_score=${model}__chosen`,
        `rejected_score=${model}__rejected`,
        "chosen_length=len_chosen",
        "rejected_length=len_rejected",
      ].flatMap((column) => ["--column", column]);
      await inFolder(async (folder) => {
        const { output, rows, stderr } = captureOutput();
        const calibrator = `${folder}/calibrator.json`;
        const fitted = ["calibrate", scores, ...columns, "--fit", calibrator, "--output"];
        const commands = () => [calibrateCommand(output), evaluateCommand(output)];
        assert.equal(await run(commands(), [...fitted, `${folder}/rows.jsonl`], output), 0);
        const args = ["evaluate", scores, ...columns, "--calibrate", calibrator, "--tie", "wrong"];
        assert.equal(await run(commands(), args, output), 0, stderr());
        // The file has none of mt-bench-hard and math-prm, so the sections are its two parts.
        for (
          const [part, name] of [["LLMBar", "Chat Hard"], ["HEP", "Reasoning"], ["all", "all"]]
        ) {
          const group = rows().find((row) => row.name === name)!;
          const percent = (share: unknown) => (100 * (share as number)).toFixed(2);
          const { orig, "RC-LWR f=0.9": calibrated } = reference;
          assert.equal(percent(group.accuracy), Number(orig![part!]).toFixed(2), model);
          assert.equal(percent(group.calibrated_accuracy), Number(calibrated![part!]).toFixed(2));
        }
      });
    }
  },
);
