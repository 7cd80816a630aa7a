import assert from "node:assert/strict";
import { evaluateCommand } from "../../src/cli/evaluate/evaluate.ts";
import { run } from "../../src/cli/main.ts";
import type { RowReliability } from "../../src/tasks/evaluate/reliability_rows.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

async function evaluate(rows: readonly unknown[], args: readonly string[]) {
  const captured = captureOutput();
  let status = -1;
  let picture = "";
  let summary: Record<string, unknown> = {};
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows.map((r) => JSON.stringify(r)).join("\n"));
    const own = args.map((arg) => arg.replace("@", folder));
    const given = ["evaluate", `${folder}/rows.jsonl`, "--summary", `${folder}/s.json`, ...own];
    status = await run([evaluateCommand(captured.output)], given, captured.output);
    picture = await Deno.readTextFile(`${folder}/r.svg`).catch(() => "");
    if (status < 2) summary = JSON.parse(await Deno.readTextFile(`${folder}/s.json`));
  });
  return { status, summary, captured, picture };
}

const rows = [
  { prompt: "a", chosen_score: 3, rejected_score: 1 },
  { prompt: "a", chosen_score: 2, rejected_score: 1 },
  { prompt: "b", chosen_score: 0, rejected_score: 1 },
  { prompt: "c", scores: [4, 1, 2], num_correct: 1 },
  { prompt: "d", chosen_score: null, rejected_score: 1 },
];

Deno.test("assay evaluate --reliability adds a row, a part of the summary and tables, by prompt", async () => {
  const { status, summary, captured } = await evaluate(rows, ["--reliability"]);
  assert.equal(status, 1); // one row has no score
  const found = captured.rows().at(-1) as unknown as RowReliability & { group: string };
  assert.equal(found.group, "reliability");
  assert.deepEqual([found.pairs, found.clusters, found.ties], [5, 3, 0]);
  assert.ok(Math.abs(found.accuracy.estimate! - 0.8) < 1e-12);
  const { group: _, ...report } = found;
  assert.deepEqual(summary.reliability, report);
  assert.match(captured.stderr(), /temperature .*fitted on these very pairs/);
  const drawn = await evaluate(rows, ["--plot", "@/r.svg"]);
  assert.match(drawn.picture, /^<svg .*temperature 1.*, fitted/s);
  const table = await evaluate(rows, ["--reliability", "--format", "table"]);
  assert.match(table.captured.stdout(), /scores, T fitted/);
});

Deno.test("assay evaluate --reliability says why no temperature could be fitted, or that no row is a pair", async () => {
  const { status, captured } = await evaluate(rows.slice(0, 2), ["--reliability"]);
  assert.equal(status, 0);
  assert.match(captured.stderr(), /evaluation\/separable/);
  const none = await evaluate([{ scores: [1, 2], q: [1, 2] }], ["--reliability", "--quality", "q"]);
  assert.equal(none.status, 2);
  assert.match(none.captured.stderr(), /expected at least one pair/);
});
