import assert from "node:assert/strict";
import { fit } from "../../src/calibration/fit.ts";
import { EloFit } from "../../src/calibration/elo_offsets.ts";
import { poolOfRows } from "../../src/calibration/pool.ts";
import { evaluateCommand } from "../../src/cli/evaluate/evaluate.ts";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { stubScorer } from "../tasks/score/stub_scorer.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

type Json = Record<string, unknown>;
const lines = (rows: readonly Json[]) => rows.map((row) => JSON.stringify(row)).join("\n") + "\n";

/** Runs `assay` on files; `@` in an argument stands for their folder. */
async function assay(
  files: Record<string, readonly Json[]>,
  args: readonly string[],
  use: (folder: string) => Promise<void> = () => Promise.resolve(),
): Promise<{ status: number; rows: Json[]; stdout: string; stderr: string }> {
  const captured = captureOutput();
  let status = -1;
  await inFolder(async (folder) => {
    for (const [name, rows] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, lines(rows));
    }
    const load = () => Promise.resolve(stubScorer());
    const commands = [
      evaluateCommand(captured.output, load),
      scoreCommand(captured.output, load),
    ];
    status = await run(commands, args.map((arg) => arg.replace("@", folder)), captured.output);
    await use(folder);
  });
  const stdout = captured.stdout();
  return {
    status,
    get rows(): Json[] {
      return captured.rows();
    },
    stdout,
    stderr: captured.stderr(),
  };
}

const judged = (source: string, chosen: number, rejected: number, id: number): Json => ({
  id,
  benchmark: "judgebench",
  subset: source,
  prompt: `p${id}`,
  chosen: "**yes**",
  rejected: "no, not at all",
  chosen_score: chosen,
  rejected_score: rejected,
});

const first = [
  judged("mmlu-pro-law", 2, 1, 1),
  judged("mmlu-pro-law", 1, 1, 2),
  judged("livecodebench", 3, 1, 3),
  judged("livebench-math", 3, 1, 4),
];
const second = first.map((row, index) => ({ ...row, chosen_score: index === 0 ? 2 : 0 }));

Deno.test("rows that name their benchmark are judged by its rules, beside baselines, with intervals", async () => {
  const { status, rows, stderr } = await assay({ "a.jsonl": first }, ["evaluate", "@/a.jsonl"]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /1 rows give a better and a worse response the same score/);
  assert.deepEqual(rows[0], {
    benchmark: "judgebench",
    group: "benchmark",
    name: "JudgeBench",
    metric: "accuracy",
    rows: 4,
    value: 0.75,
    low: 0.25,
    high: 1,
    longest: 0,
    shortest: 1,
    markdown: 1,
  });
  assert.deepEqual(rows.slice(1, 4).map(({ name, value }) => [name, value]), [
    ["knowledge", 0.5],
    ["math", 1],
    ["code", 1],
  ]);
});

Deno.test("score reads a published layout, told or recognised, and evaluate judges what it wrote", async () => {
  const published = [
    { question: "p", response_A: "aa", response_B: "b", label: "A>B", source: "livecodebench" },
    { question: "q", response_A: "a", response_B: "bbb", label: "A>B", source: "livecodebench" },
  ];
  for (const flag of [[], ["--benchmark", "judgebench"]]) {
    const scored = await assay({ "p.jsonl": published }, ["score", "stub", "@/p.jsonl", ...flag]);
    assert.equal(scored.status, 0, scored.stderr);
    assert.equal(scored.rows[0]!.chosen, "aa");
    assert.equal(scored.rows[0]!.benchmark, "judgebench");
    assert.equal(typeof scored.rows[1]!.margin, "number");
    assert.equal(/are read as those of JudgeBench/.test(scored.stderr), flag.length === 0);
    const { rows } = await assay({ "s.jsonl": scored.rows }, ["evaluate", "@/s.jsonl"]);
    const both = await assay({ "p.jsonl": published }, [
      "evaluate",
      "--model",
      "stub",
      "@/p.jsonl",
    ]);
    assert.deepEqual(both.rows, rows);
  }
  const as = await assay({ "p.jsonl": published }, [
    "score",
    "stub",
    "@/p.jsonl",
    "--benchmark",
    "none",
  ]);
  assert.equal(as.status, 1);
});

Deno.test("--against compares two models row by row, and refuses rows that are not the same", async () => {
  const args = ["evaluate", "@/a.jsonl", "--against", "@/b.jsonl"];
  const shuffled = [second[2]!, second[0]!, second[3]!, second[1]!];
  const { status, rows, stderr } = await assay({ "a.jsonl": first, "b.jsonl": shuffled }, args);
  assert.equal(status, 0, stderr);
  const [whole] = rows;
  assert.deepEqual([whole!.first, whole!.second, whole!.difference], [0.75, 0.25, 0.5]);
  assert.deepEqual([whole!.low, whole!.high], [0, 1]);
  assert.deepEqual(rows.at(-1), {
    benchmark: "judgebench",
    group: "mcnemar",
    name: "rows that only one gets right",
    only_first: 2,
    only_second: 0,
    p_value: 0.5,
  });
  const fewer = await assay({ "a.jsonl": first, "b.jsonl": second.slice(1) }, args);
  assert.match(fewer.stderr, /1 rows are only in .*a\.jsonl, 0 only in/);
  const other = second.map((row) => ({ ...row, chosen: "something else" }));
  const refused = await assay({ "a.jsonl": first, "b.jsonl": other }, args);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /voting\/rows-differ/);
  const ppe = [[0, 1], [0, 0]].map((pair, id) => ({
    id,
    benchmark: "ppe",
    scores: [2, 1],
    correct: [true, false],
    sampled_conflict_pairs: [pair],
  }));
  const bad = await assay({ "a.jsonl": ppe, "b.jsonl": ppe }, args);
  assert.equal(bad.status, 1, bad.stderr);
  assert.match(bad.stderr, /1 of 2 rows are left out.*sampled_conflict_pairs/);
});

Deno.test("several files give a leaderboard, the best first", async () => {
  const files = { "a.jsonl": second, "b.jsonl": first };
  const args = ["evaluate", "@/a.jsonl", "@/b.jsonl", "--benchmark", "judgebench"];
  const { status, rows } = await assay(files, args);
  assert.equal(status, 0);
  assert.deepEqual(
    rows.map(({ rank, file, value }) => [rank, String(file).slice(-7), value]),
    [[1, "b.jsonl", 0.75], [2, "a.jsonl", 0.25]],
  );
  assert.deepEqual(Object.keys(rows[0]!.sections as Json), ["knowledge", "math", "code"]);
  const { stdout } = await assay(files, [...args, "--format", "table"]);
  assert.match(stdout, /^rank +file +rows +score +95 % interval +knowledge +math +code\n +1 /);
  const ties = ["ref:1", "tied:1"].map((id) => ({
    id,
    subset: "Ties",
    scores: [2, 1],
    num_correct: 1,
  }));
  const math = { id: "m", subset: "Math", scores: [2, 1, 1, 1], num_correct: 1 };
  const board = await assay({ "a.jsonl": [math, ...ties] }, [
    "evaluate",
    "@/a.jsonl",
    "@/a.jsonl",
    "--benchmark",
    "rewardbench2",
  ]);
  assert.deepEqual(Object.keys(board.rows[0]!.sections as Json), ["Math", "Ties"]);
});

Deno.test("another layout, an unknown benchmark and flags that contradict are refused by name", async () => {
  const pairs = [{ prompt: "p", chosen: "a", rejected: "b" }];
  const wrong = await assay({ "p.jsonl": pairs }, [
    "score",
    "stub",
    "@/p.jsonl",
    "--benchmark",
    "rmb",
  ]);
  assert.equal(wrong.status, 2);
  assert.match(
    wrong.stderr,
    /one of RMB: expected its columns, found the columns "prompt", "chosen"/,
  );
  const unscored = await assay({ "p.jsonl": pairs }, [
    "evaluate",
    "@/p.jsonl",
    "--benchmark",
    "hh",
  ]);
  assert.match(
    unscored.stderr,
    /Cannot evaluate any of 1 rows.*expected scores beside it.*score it first/,
  );
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["@/a.jsonl", "--benchmark", "nobody"], /Allowed choices are rewardbench/],
    [["@/a.jsonl", "--benchmark", "rmb", "--tie", "half"], /no --tie beside --benchmark/],
    [["@/a.jsonl", "@/a.jsonl", "--against", "@/a.jsonl"], /no --against beside several files/],
    [["-", "--against", "-"], /standard input once/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await assay({ "a.jsonl": first }, ["evaluate", ...args]);
    assert.equal(status, 2);
    assert.match(stderr, message);
  }
});

Deno.test("steps are judged by the threshold that is asked for", async () => {
  const rows = [
    { benchmark: "processbench", subset: "math", prompt: "p", label: 1, step_scores: [0.9, 0.6] },
    { benchmark: "processbench", subset: "math", prompt: "q", label: -1, step_scores: [0.9, 0.8] },
  ];
  for (const [threshold, f1] of [["0.5", 0], ["0.7", 1]] as const) {
    const args = ["evaluate", "@/a.jsonl", "--threshold", threshold];
    const found = await assay({ "a.jsonl": rows }, args);
    assert.equal(found.rows.find(({ metric }) => metric === "f1")!.value, f1, found.stderr);
  }
});

Deno.test("--calibrate tells what a calibrator would change, with the interval of the change", async () => {
  const pool = poolOfRows([
    { score: 1, features: { length: 1 } },
    { score: 2, features: { length: 9 } },
  ]);
  // One point off for each code point: the shorter response wins.
  const { calibrator } = fit(pool, { method: "penalty", penalty: 1, center: false });
  const args = ["evaluate", "@/a.jsonl", "--calibrate", "@/calibrator.json"];
  const { rows, stderr } = await assay(
    { "a.jsonl": second, "calibrator.json": [JSON.parse(JSON.stringify(calibrator))] },
    args,
  );
  const [whole] = rows;
  assert.deepEqual(
    [whole!.value, whole!.calibrated, whole!.calibrated_change],
    [0.25, 1, 0.75],
    stderr,
  );
  assert.deepEqual([whole!.calibrated_change_low, whole!.calibrated_change_high], [0.25, 1]);
  const elo = new EloFit({ elo: new Map([["a", 1000], ["b", 1000]]), reference: "a" });
  for (let prompt = 0; prompt < 10; prompt++) {
    elo.add({ prompt: `${prompt}`, model: "a", score: 0 });
    elo.add({ prompt: `${prompt}`, model: "b", score: 5 + prompt });
  }
  const named = second.map((row) => ({ ...row, chosen_model: "a", rejected_model: "b" }));
  const byModel = await assay(
    { "a.jsonl": named, "calibrator.json": [JSON.parse(JSON.stringify(elo.fit().calibrator))] },
    args,
  );
  assert.equal(byModel.rows[0]!.calibrated, 1, byModel.stderr);
});

Deno.test("a benchmark of which subsets are missing has no score and no rank, and says what lacks", async () => {
  const rows = [
    { subset: "mt-bench-hard", prompt: "p", chosen_score: 2, rejected_score: 1 },
    { subset: "math-prm", prompt: "q", chosen_score: 2, rejected_score: 1 },
  ];
  const args = ["evaluate", "@/a.jsonl", "--benchmark", "rewardbench"];
  const one = await assay({ "a.jsonl": rows }, args);
  assert.match(one.stderr, /RewardBench has no score here/);
  assert.equal(one.rows[0]!.name, "Chat Hard");
  assert.deepEqual((one.rows[0]!.missing as string[]).length, 5);
  const board = await assay({ "a.jsonl": rows }, [...args, "@/a.jsonl"]);
  assert.match(board.stderr, /no rank/);
  assert.deepEqual(board.rows.map(({ rank, value }) => [rank, value]), [[null, null], [
    null,
    null,
  ]]);
});
