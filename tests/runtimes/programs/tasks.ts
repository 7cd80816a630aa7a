import {
  calibrateRows,
  fitCalibrator,
  openScorer,
  rowsInMemory,
  scoreRows,
  writeSoup,
} from "@assay/assay/tasks";
import type { Findings, Place } from "./program.ts";

/** Scores rows, calibrates them, averages checkpoints. */
export default async function ({ repository, scratch }: Place): Promise<Findings> {
  const model = `${repository}/tests/golden/parity/llama`;
  const rows = Array.from({ length: 24 }, (_, i) => ({
    prompt: `Count to ${i}`,
    response: "well, ".repeat(i % 7) + i,
  }));
  const scored = [];
  {
    using scorer = await openScorer({ model }, { backend: "cpu" });
    for await (const { row } of scoreRows(rowsInMemory(rows).read(), scorer)) scored.push(row);
  }
  const again = rowsInMemory(scored);
  const { calibrator } = await fitCalibrator(again.read(), { force: true });
  const calibrated = await Array.fromAsync(
    calibrateRows(again.read(), calibrator),
    ({ row }) => row.calibrated_score,
  );
  const soup = await writeSoup([model, model], `${scratch}/soup`);
  return { scores: scored.map(({ score }) => score), calibrated, soup };
}
