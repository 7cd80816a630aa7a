import assert from "node:assert/strict";
import { calibrateCommand } from "../../src/cli/calibrate/calibrate.ts";
import { run } from "../../src/cli/main.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

type Json = Record<string, unknown>;

/** Candidates of three models, of which `small` is overvalued by 4. */
const candidates: readonly Json[] = Array.from({ length: 40 }, (_, i) => ({
  prompt: `question ${i}`,
  models: ["big", "small", "other"],
  scores: [i % 7, i % 5 + 4, i % 3],
}));

async function calibrate(
  rows: readonly Json[],
  args: readonly string[],
  { elo = '{"big": 1250, "small": 1200, "other": 1200}' as string } = {},
) {
  const captured = captureOutput();
  let status = -1;
  let saved: Json | undefined;
  let applied: Json[] = [];
  await inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/rows.jsonl`,
      rows.map((row) => JSON.stringify(row)).join("\n"),
    );
    await Deno.writeTextFile(`${folder}/elo.json`, elo);
    const given = args.map((arg) => arg.replace("@", folder));
    const command = calibrateCommand(captured.output);
    const all = ["calibrate", `${folder}/rows.jsonl`, ...given];
    status = await run([command], all, captured.output);
    const text = await Deno.readTextFile(`${folder}/fit.json`).catch(() => undefined);
    if (text === undefined) return;
    saved = JSON.parse(text);
    const other = captureOutput();
    await run([calibrateCommand(other.output)], [
      "calibrate",
      `${folder}/rows.jsonl`,
      "--apply",
      `${folder}/fit.json`,
    ], other.output);
    applied = other.rows();
  });
  return { status, saved, applied, rows: captured.rows(), stderr: captured.stderr() };
}

const flags = ["--elo", "@/elo.json", "--reference", "big", "--fit", "@/fit.json"];

Deno.test("assay calibrate --elo tells mismatches, writes corrected scores, and --apply gives the same", async () => {
  const { status, rows, applied, stderr, saved } = await calibrate(candidates, flags);
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /small wins \S+ % of 40 prompts against big.*, 42\.9 % by its rating: mismatch degree 0\.\d+, offset -/,
  );
  const [component] = saved!.components as Json[];
  const [, small, other] = component!.offsets as number[];
  assert.ok(small! < 0 && other! > 0);
  const [first] = rows;
  assert.deepEqual(first!.calibrated_scores, [0, 4 + small!, 0 + other!]);
  assert.deepEqual(applied, rows);
});

Deno.test("pairs name their models, single rows their model and prompt; unknown models are errors by name", async () => {
  const pairs = candidates.map(({ prompt, scores }) => ({
    prompt,
    chosen_model: "small",
    rejected_model: "big",
    chosen_score: (scores as number[])[1],
    rejected_score: (scores as number[])[0],
  }));
  const { status, rows, stderr } = await calibrate(pairs, flags);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /warning: other shares 0 prompts with big/);
  assert.equal(typeof rows[0]!.calibrated_margin, "number");

  const singles: Json[] = candidates.flatMap(({ prompt, models, scores }) =>
    (models as string[]).map((model, index) => ({
      id: prompt,
      name: model,
      score: (scores as number[])[index],
    }))
  );
  singles.push({ id: "question 1", name: "stranger", score: 1 });
  const args = [...flags, "--model-column", "name", "--prompt-column", "id"];
  const single = await calibrate(singles, args);
  assert.equal(single.status, 1);
  assert.match(single.stderr, /warning: "stranger" has 1 scores and no rating/);
  const last = single.rows.at(-1)!;
  assert.equal((last.error as Json).code, "calibration/unknown-category");
  assert.equal(last.calibrated_score, null);
  assert.equal(single.rows.length, 121);
});

Deno.test("CHARM's own layout of the table is read; tables that are none are refused by name", async () => {
  const list = '[{"model_name": "big", "arena_score": 1250}, {"model": "small", "elo": 1200}]';
  const { status, stderr } = await calibrate(candidates, flags, { elo: list });
  assert.equal(status, 1, stderr); // "other" has no rating
  for (
    const elo of [
      "{",
      "3",
      '{"big": "1250", "small": 1}',
      '{"big": 1, "big": 2}',
      '[{"elo": 3}]',
      '{"big": 1}',
    ]
  ) {
    const { status, stderr } = await calibrate(candidates, flags, { elo });
    assert.equal(status, 2, elo);
    assert.match(stderr, /\[calibration\/bad-elo\]/, elo);
  }
});

for (
  const args of [
    ["--elo", "@/elo.json"],
    ["--reference", "big"],
    ["--elo", "@/elo.json", "--reference", "big", "--gamma", "1"],
    ["--elo", "@/elo.json", "--reference", "big", "--conformal", "0.1"],
  ]
) {
  Deno.test(`assay calibrate ${args.join(" ")} is wrong usage`, async () => {
    const { status, stderr } = await calibrate(candidates, args);
    assert.equal(status, 2);
    assert.match(stderr, /\[cli\/usage\]/);
  });
}

Deno.test("rows without a model or a prompt are passed over and counted", async () => {
  const rows = [...candidates, { prompt: "q", score: 1 }, { score: 2, model: "big" }];
  const { status, stderr } = await calibrate(rows, flags);
  assert.equal(status, 1);
  assert.match(stderr, /2 of 42 rows are not fitted on\. The first: .*"model"/);
});
