// Does in a program what the commands do: scores a file of rows, takes the length out of the scores,
// and lets two models vote on the pairs:
// deno run --allow-read --allow-write examples/tasks.ts [MODEL] [OTHER] [CACHE]
import { readRows } from "@assay/assay/data";
import {
  calibrateRows,
  fitCalibrator,
  openScorer,
  rowsInMemory,
  scoreRows,
  voteModels,
} from "@assay/assay/tasks";

const [model = "models/demo", other = "tests/golden/parity/llama", cache] = Deno.args;

// assay score MODEL examples/conversations.jsonl
const scored = [];
{
  using scorer = await openScorer({ model });
  for await (const { row, failed } of scoreRows(readRows("examples/conversations.jsonl"), scorer)) {
    if (failed) console.error(row.error);
    else scored.push(row);
  }
}
console.log(`${scored.length} rows scored`);

// assay calibrate SCORED: what the score owes to the response's length is taken out.
const rows = rowsInMemory(scored);
const { calibrator, diagnostics } = await fitCalibrator(rows.read(), {
  method: "lwr",
  force: true,
});
console.log("Spearman of score and length:", diagnostics.features.length);
for await (const { row } of calibrateRows(rows.read(), calibrator)) {
  if (row.margin === undefined) continue;
  const [before, after] = [Number(row.margin), Number(row.calibrated_margin)];
  if (before * after < 0) console.log(`${row.id}: ${before.toFixed(2)} → ${after.toFixed(2)}`);
}

// assay vote --model MODEL --model OTHER PAIRS: a cache keeps what was scored for the next run.
const pairs = rowsInMemory(scored.filter((row) => row.margin !== undefined));
const votes = await voteModels(pairs, [{ model }, { model: other }], { cache, normalize: "std" });
for await (const { row } of votes.rows({ explain: true })) {
  const margins = (row.margins as number[]).map((margin) => margin.toFixed(2));
  console.log(`${row.category}: ${row.id}, margins ${margins.join(" and ")}`);
}
const [[, agreement]] = votes.summary.agreement as [[number, number]];
console.log(`the models agree on ${(100 * agreement).toFixed(0)} % of ${votes.votes.length} pairs`);
