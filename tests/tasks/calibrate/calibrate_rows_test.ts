import assert from "node:assert/strict";
import { DiagnosticsCollector } from "../../../src/calibration/diagnostics_collector.ts";
import { calibrateRows } from "../../../src/tasks/calibrate/calibrate_rows.ts";
import { fitCalibrator } from "../../../src/tasks/calibrate/fit_calibrator.ts";
import { rowsInMemory } from "../../../src/tasks/repeatable_rows.ts";
import { scoreRows } from "../../../src/tasks/score/score_rows.ts";
import { stubScorer } from "../score/stub_scorer.ts";

const scored = Array.from({ length: 40 }, (_, i) => ({ reward: i % 7 + i / 20, length: 10 * i }));
const columns = new Map([["score", "reward"]]);

Deno.test("calibrateRows() applies what fitCalibrator() found, by the same columns", async () => {
  const rows = rowsInMemory([...scored, { reward: "none" as unknown as number, length: 3 }]);
  const { calibrator, scores, pool } = await fitCalibrator(rows.read(), { columns });
  assert.equal(pool.scores.length, scored.length);
  const collector = new DiagnosticsCollector({ corrected: calibrator.features });
  const options = { columns, collector };
  const outputs = await Array.fromAsync(calibrateRows(rows.read(), calibrator, options));
  assert.deepEqual(outputs.map(({ failed }) => failed), [...scored.map(() => false), true]);
  outputs.slice(0, -1).forEach(({ row }, i) => {
    assert.equal(row.reward, scored[i]!.reward);
    assert.ok(Math.abs(Number(row.calibrated_score) - scores[i]!) < 1e-9);
  });
  assert.equal(collector.report().dropped, 1);
});

Deno.test("fitCalibrator() says why no row can be used", async () => {
  await assert.rejects(fitCalibrator(rowsInMemory([]).read()), {
    code: "calibration/too-few-rows",
  });
  await assert.rejects(fitCalibrator(rowsInMemory([{ reward: 1 }]).read()), {
    code: "data/bad-row",
    message: /on any of 1 rows\. The first: Cannot find scores in the row/,
  });
});

Deno.test("scoreRows() with a calibrator adds what calibrateRows() adds to its rows", async () => {
  const { calibrator } = await fitCalibrator(rowsInMemory(scored).read(), { columns });
  const rows = rowsInMemory([
    { prompt: "Q", response: "four" },
    { prompt: "Q", chosen: "four", rejected: "FAIL" },
    { prompt: "Q", responses: ["one", "three"] },
  ]);
  const plain = await Array.fromAsync(scoreRows(rows.read(), stubScorer()), ({ row }) => row);
  const both = await Array.fromAsync(
    scoreRows(rows.read(), stubScorer(), { calibrator }),
    ({ row, failed }) => ({ row, failed }),
  );
  const after = await Array.fromAsync(calibrateRows(rowsInMemory(plain).read(), calibrator));
  assert.deepEqual(both, after);
  assert.deepEqual(both.map(({ failed }) => failed), [false, true, false]);
});
