import assert from "node:assert/strict";
import { curateCommand } from "../../src/cli/curate/curate.ts";
import { run } from "../../src/cli/main.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

async function curate(...args: readonly string[]) {
  const captured = captureOutput();
  const status = await run([curateCommand(captured.output)], ["curate", ...args], captured.output);
  return { status, stdout: captured.stdout(), stderr: captured.stderr() };
}

const pair = { prompt: "2 + 2?", chosen: "4", rejected: "5", chosen_score: 1, rejected_score: 2 };

/** Curates lines and undoes it; the text of what comes back. */
async function thereAndBack(folder: string, lines: readonly string[], recipe = "flip-margin") {
  const [input, kept, dropped] = ["in", "kept", "dropped"].map((name) => `${folder}/${name}.jsonl`);
  await Deno.writeTextFile(input!, lines.map((line) => `${line}\n`).join(""));
  const files = ["--dropped", dropped!, "--output", kept!];
  await curate(input!, "--recipe", recipe, "--below", "0", ...files).then(({ status }) =>
    assert(status < 2)
  );
  return await curate("--undo", kept!, dropped!);
}

Deno.test("assay curate --undo gives back columns of the user's own that have curate's names", async () => {
  const own = { action: "buy", source_row: 17, similarity: 0.5, goal: "win", flipped: "no" };
  const rows = [
    { ...own, ...pair },
    { ...pair, ...own, margin: 3, margin_cap: [1], margin_flag: null },
    { ...own, ...pair, chosen_score: 3 },
    // Rows that can't be curated, with every name that tells of that.
    { source_row: 5, action: "sell", error: "mine", text: "no pair" },
    { original_row: 1, error: { code: "x", message: "y" }, action: 3 },
    { original_error: 1, error: 2, source_row: "three" },
    { ...pair, label_smoothing: 0.2, action: "none" },
    { ...pair, original_action: 4 },
    JSON.parse(`{"__proto__":{"a":1},"constructor":2,${JSON.stringify(pair).slice(1)}`),
  ];
  const lines = rows.map((row) => JSON.stringify(row));
  for (const recipe of ["flip-margin", "drop", "soft-label-margin"]) {
    await inFolder(async (folder) => {
      const { stdout, status } = await thereAndBack(folder, lines, recipe);
      assert.deepEqual(stdout.trimEnd().split("\n"), lines, recipe);
      assert.equal(status, 0);
    });
  }
});

Deno.test("assay curate --undo gives the rows of a file that Python wrote, if not its spelling", async () => {
  await inFolder(async (folder) => {
    const { stdout, status } = await thereAndBack(folder, [
      '{"prompt": "caf\\u00e9 \\/", "chosen": "a", "rejected": "b", "chosen_score": 1.0, "rejected_score": 1e5}',
      "",
      '{"id": 12345678901234567890, "chosen": "a", "rejected": "b", "chosen_score": 2, "rejected_score": 1}\r',
    ]);
    assert.equal(status, 0);
    assert.deepEqual(stdout.trimEnd().split("\n"), [
      '{"prompt":"café /","chosen":"a","rejected":"b","chosen_score":1,"rejected_score":100000}',
      '{"id":12345678901234567890,"chosen":"a","rejected":"b","chosen_score":2,"rejected_score":1}',
    ]);
  });
});

Deno.test("assay curate --undo makes up no row, and misses none in silence", async () => {
  await inFolder(async (folder) => {
    const line = JSON.stringify(pair);
    const back = await thereAndBack(folder, [line, "no row", line]);
    assert.equal(back.status, 1);
    assert.equal(back.stdout, `${line}\n${line}\n`);
    assert.match(back.stderr, /line 2 of the input .* \[voting\/not-a-row\]/);

    const alone = await curate("--undo", `${folder}/kept.jsonl`);
    assert.equal(alone.status, 1);
    assert.match(alone.stderr, /1 of the rows .* found none of 1; .* \[voting\/missing-rows\]/);
  });
});
