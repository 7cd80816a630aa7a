/** `assay score --calibrate`: scores and calibrated scores in one pass. */
import assert from "node:assert/strict";
import { fit } from "../../src/calibration/fit.ts";
import { poolOfRows } from "../../src/calibration/pool.ts";
import { calibrateCommand } from "../../src/cli/calibrate/calibrate.ts";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { captureOutput, inFolder, runAssay } from "./captured_output.ts";
import { stubScorer } from "../tasks/score/stub_scorer.ts";

/** A calibrator that takes off 0.01 per code point. */
const calibrator = JSON.stringify(
  fit(
    poolOfRows([{ score: 1, features: { length: 1 } }, { score: 2, features: { length: 9 } }]),
    { method: "penalty", penalty: 0.01, center: false },
  ).calibrator,
);

const rows = [
  { id: 1, prompt: "Q", response: "a 👍 answer" },
  { prompt: "Q", chosen: "four", rejected: "thirteen more" },
  { prompt: "Q", responses: ["one", "twelve words", "FAIL"] },
  { prompt: "Q", chosen: "four", rejected: "FAIL" },
  { prompt: "Q" },
].map((row) => JSON.stringify(row)).join("\n");

async function inProcess(folder: string, args: readonly string[]) {
  const captured = captureOutput();
  const load = () => Promise.resolve(stubScorer());
  const commands = [scoreCommand(captured.output, load), calibrateCommand(captured.output)];
  const status = await run(commands, args.map((arg) => arg.replace("@", folder)), captured.output);
  return { status, ...captured };
}

async function inFolderWithFiles(use: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows);
    await Deno.writeTextFile(`${folder}/calibrator.json`, calibrator);
    await use(folder);
  });
}

Deno.test("assay score --calibrate writes what assay score and assay calibrate --apply write in turn", async () => {
  await inFolderWithFiles(async (folder) => {
    const score = ["score", "model", "@/rows.jsonl"];
    const together = await inProcess(folder, [...score, "--calibrate", "@/calibrator.json"]);
    assert.equal((await inProcess(folder, [...score, "--output", "@/scored.jsonl"])).status, 1);
    const apply = ["calibrate", "@/scored.jsonl", "--apply", "@/calibrator.json"];
    const apart = await inProcess(folder, apply);
    assert.deepEqual(together.rows(), apart.rows());
    assert.deepEqual([together.status, apart.status], [1, 1]);
    const [single, pair, candidates, half, bad] = together.rows();
    assert.deepEqual([single!.score, single!.calibrated_score], [11, 11 - 0.01 * 10]);
    assert.equal(pair!.calibrated_margin, 4 - 0.04 - (13 - 0.13));
    assert.deepEqual(candidates!.calibrated_scores, [3 - 0.03, 12 - 0.12, null]);
    assert.equal(candidates!.calibrated_best, 1);
    assert.equal((candidates!.error as { code: string }).code, "text/too-long");
    assert.deepEqual([half!.chosen_score, half!.calibrated_margin], [4, null]);
    assert.equal((half!.error as { code: string }).code, "text/too-long");
    assert.equal((bad!.error as { code: string }).code, "data/bad-row");
    assert.match(together.stderr(), /5 rows, 3 failed; 8 conversations/);
  });
});

Deno.test("assay score --calibrate --format table shows the score before and after", async () => {
  await inFolderWithFiles(async (folder) => {
    const args = ["score", "model", "@/rows.jsonl", "--calibrate", "@/calibrator.json"];
    const { stdout } = await inProcess(folder, [...args, "--format", "table"]);
    assert.match(
      stdout(),
      /^row +shape +score +calibrated +result +note\n1 +single +11\.0000 +10\.9000/,
    );
  });
});

Deno.test("assay score --calibrate fails with 2 where the calibrator can't be read, before the model is loaded", async () => {
  await inFolderWithFiles(async (folder) => {
    const captured = captureOutput();
    const load = () => Promise.reject(new Error("loaded"));
    const args = ["score", "model", `${folder}/rows.jsonl`, "--calibrate"];
    const command = () => [scoreCommand(captured.output, load)];
    assert.equal(await run(command(), [...args, `${folder}/none.json`], captured.output), 2);
    assert.equal(await run(command(), [...args, `${folder}/rows.jsonl`], captured.output), 2);
    assert.match(captured.stderr(), /none\.json: there is no such file \[calibration\/bad-calib/);
    assert.match(captured.stderr(), /rows\.jsonl: expected JSON, found text that does not parse/);
    assert.equal(captured.stdout(), "");
  });
});

Deno.test("assay score --calibrate scores a checkpoint with --allow-read only", async () => {
  await inFolderWithFiles(async (folder) => {
    const args = ["score", "tests/golden/parity/llama", "-", "--backend", "cpu", "--calibrate"];
    const { status, stdout, stderr } = await runAssay([...args, `${folder}/calibrator.json`], {
      input: '{"prompt":"Q","chosen":"four","rejected":"thirteen more"}\n',
    });
    assert.equal(status, 0, stderr);
    const row = JSON.parse(stdout);
    assert.ok(Math.abs(row.calibrated_margin - (row.margin + 0.09)) < 1e-12);
    assert.equal(row.chosen_calibrated_score, row.chosen_score - 0.04);
  });
});
