import assert from "node:assert/strict";
import { curateCommand } from "../../src/cli/curate/curate.ts";
import { run } from "../../src/cli/main.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

async function curate(...args: readonly string[]) {
  const captured = captureOutput();
  const status = await run([curateCommand(captured.output)], ["curate", ...args], captured.output);
  return { status, rows: captured.rows(), stdout: captured.stdout(), stderr: captured.stderr() };
}

const means = [-5, 4, -1, 3, 0.5, 6, 2, -3, 1, 8];

/** Rows as `vote` writes them. */
function votedRows(): Record<string, unknown>[] {
  return means.map((mean, i) => ({
    id: `r${i}`,
    prompt: "2 + 2?",
    chosen: `good ${i}`,
    rejected: `bad ${i}`,
    chosen_score: mean / 2,
    rejected_score: -mean / 2,
    margin: mean,
    strength_mean: mean,
    strength_std: 0.1,
    vote_share: mean > 0 ? 0.9 : 0.3,
    target_probability: mean > 0 ? 0.8 : 0.35,
    category: mean < -2 ? "incorrect" : mean > 7 ? "strong" : "normal",
  }));
}

async function votedFile(folder: string, rows: readonly unknown[] = votedRows()): Promise<string> {
  const path = `${folder}/voted.jsonl`;
  const line = (row: unknown) => typeof row === "string" ? row : JSON.stringify(row);
  await Deno.writeTextFile(path, rows.map((row) => `${line(row)}\n`).join(""));
  return path;
}

Deno.test("assay curate flips the lowest tenth, and says so in every row and in the summary", async () => {
  await inFolder(async (folder) => {
    const summary = `${folder}/summary.json`;
    const { status, rows, stderr } = await curate(
      await votedFile(folder),
      "--recipe",
      "flip-margin",
      "--summary",
      summary,
    );
    assert.equal(status, 0);
    assert.deepEqual(rows[0], {
      id: "r0",
      prompt: "2 + 2?",
      chosen: "bad 0",
      rejected: "good 0",
      chosen_score: 2.5,
      rejected_score: -2.5,
      score_margin: 5,
      strength_mean: 5,
      strength_std: 0.1,
      vote_share: 0.7,
      target_probability: 0.65,
      category: "incorrect",
      original_vote_share: 0.3,
      original_target_probability: 0.35,
      action: "flip",
      flipped: true,
      source_row: 0,
      margin: 5,
    });
    assert.deepEqual(rows.map((row) => row.margin), [5, 4, 0, 3, 0.5, 6, 2, 0, 1, 8]);
    assert.equal(rows.filter((row) => row.action === "keep" && row.flipped === false).length, 9);
    const { actions, flipped_rows, meanBefore, meanAfter } = JSON.parse(
      await Deno.readTextFile(summary),
    );
    assert.deepEqual(actions, { keep: 9, flip: 1, drop: 0, soften: 0 });
    assert.deepEqual(flipped_rows, [0]);
    assert.deepEqual([meanBefore, meanAfter], [1.55, 2.55]);
    assert.match(stderr, /10 pairs, 1 flipped, 0 dropped/);
  });
});

Deno.test("assay curate --undo gives back the input, byte for byte, for every recipe", async () => {
  await inFolder(async (folder) => {
    const path = await votedFile(folder);
    const input = await Deno.readTextFile(path);
    const recipes: string[][] = [
      ["flip", "--share", "0.3"],
      ["margin", "--signed-margins"],
      ["flip-margin", "--below", "-2"],
      ["soft-label-margin", "--smoothing", "0.2"],
      ["soft-label"],
      ["label-smoothing"],
      ["drop", "--drop", "incorrect,strong"],
      ["prior-margin"],
    ];
    for (const [recipe, ...flags] of recipes) {
      const [kept, dropped] = [`${folder}/kept.jsonl`, `${folder}/dropped.jsonl`];
      const curated = await curate(
        path,
        "--recipe",
        recipe!,
        ...flags,
        "--output",
        kept,
        "--dropped",
        dropped,
      );
      assert.equal(curated.status, 0, curated.stderr);
      const undone = await curate("--undo", kept, dropped);
      assert.equal(undone.stdout, input, recipe);
    }
  });
});

Deno.test("assay curate drops categories, and keeps dropped rows where told", async () => {
  await inFolder(async (folder) => {
    const path = await votedFile(folder);
    const dropped = `${folder}/dropped.jsonl`;
    const { rows } = await curate(path, "--recipe", "drop", "--dropped", dropped);
    assert.deepEqual(rows.map((row) => row.id), ["r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9"]);
    const left = (await Deno.readTextFile(dropped)).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert.deepEqual(left.map((row) => [row.id, row.action]), [["r0", "drop"], ["r7", "drop"]]);
    const byStrength = await curate(path, "--recipe", "drop", "--thresholds", "3.5,5,7");
    assert.deepEqual(byStrength.rows.map((row) => row.id), ["r1", "r5", "r9"]);
  });
});

Deno.test("assay curate takes a single voter's scores, without categories or strengths", async () => {
  await inFolder(async (folder) => {
    const path = await votedFile(
      folder,
      [1, -2, 3].map((x) => ({ chosen: "a", rejected: "b", chosen_score: x, rejected_score: 0 })),
    );
    const { rows } = await curate(path, "--recipe", "soft-label-margin", "--smoothing", "0.25");
    assert.deepEqual(rows.map((row) => [row.action, row.margin, row.label_smoothing]), [
      ["keep", 1, 0],
      ["soften", 0, 0.25],
      ["keep", 3, 0],
    ]);
    const { rows: soft } = await curate(path, "--recipe", "soft-label");
    assert.ok(Math.abs(soft[0]!.label_smoothing as number - 1 / (1 + Math.E)) < 1e-15);
  });
});

Deno.test("assay curate takes strengths without texts", async () => {
  await inFolder(async (folder) => {
    const path = await votedFile(folder, [{ id: 1, strength_mean: -2 }, {
      id: 2,
      strength_mean: 3,
    }]);
    const { status, rows } = await curate(path, "--recipe", "flip-margin", "--below", "0");
    assert.equal(status, 0);
    assert.deepEqual(rows.map((row) => [row.id, row.flipped, row.strength_mean, row.margin]), [
      [1, true, 2, 2],
      [2, false, 3, 3],
    ]);
  });
});

Deno.test("assay curate leaves out rows that are no pairs, keeps unscored pairs, and goes on", async () => {
  await inFolder(async (folder) => {
    const [first, ...rest] = votedRows();
    const unscored = { ...first, id: "u", strength_mean: null, category: "unscored" };
    const path = await votedFile(folder, [
      { prompt: "?", response: "single" },
      "{no json",
      unscored,
      { chosen: "a", rejected: "b" },
      ...rest,
    ]);
    const dropped = `${folder}/dropped.jsonl`;
    const { status, rows, stderr } = await curate(path, "--recipe", "margin", "--dropped", dropped);
    assert.equal(status, 1);
    assert.deepEqual([rows.length, rows[0]!.id, rows[0]!.margin], [10, "u", 0]);
    const left = (await Deno.readTextFile(dropped)).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert.deepEqual(left.map((row) => [row.error.code, row.source_row]), [
      ["voting/not-a-pair", 0],
      ["data/bad-row", 1],
      ["voting/no-scores", 3],
    ]);
    assert.match(stderr, /line 1 left out/);
    assert.match(stderr, /1 without a strength, 3 rows left out/);
  });
});

Deno.test("assay curate refuses to curate twice", async () => {
  await inFolder(async (folder) => {
    const once = `${folder}/once.jsonl`;
    await curate(await votedFile(folder), "--recipe", "flip", "--output", once);
    const { status, stdout, stderr } = await curate(once, "--recipe", "flip");
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /voting\/already-curated/);
  });
});

Deno.test("assay curate --recipe prior-margin caps margins by the responses' similarity", async () => {
  await inFolder(async (folder) => {
    const row = { prompt: "?", strength_mean: 6 };
    const path = await votedFile(folder, [
      { ...row, chosen: "same start and one", rejected: "same start and two" },
      { ...row, chosen: "one two three four", rejected: "one" },
      {
        ...row,
        chosen: "a b",
        rejected: "c d e f",
        chosen_embedding: [1, 0],
        rejected_embedding: [0, 1],
      },
    ]);
    const { rows } = await curate(path, "--recipe", "prior-margin");
    assert.deepEqual(rows.map((row) => row.similarity), [1, 0, 0.5]);
    assert.deepEqual(rows.map((row) => row.margin_flag), ["over", "within", "within"]);
    assert.equal(rows[2]!.margin_cap, 10 / 0.501 - 5);
    const own = await curate(path, "--recipe", "prior-margin", "--constraint", "1,0,0");
    assert.equal(own.rows[2]!.margin_cap, 2);
    const embedded = await curate(path, "--recipe", "prior-margin", "--similarity", "embedding");
    assert.equal(embedded.status, 1);
    assert.deepEqual(embedded.rows.map((row) => row.similarity), [0.5]);
    const tokens = await curate(path, "--recipe", "prior-margin", "--similarity", "tokens");
    assert.equal(tokens.status, 2);
  });
});

Deno.test("assay curate --recipe goal asks for both responses by their quality", async () => {
  await inFolder(async (folder) => {
    const path = await votedFile(folder);
    const { rows, stderr } = await curate(path, "--recipe", "goal");
    assert.equal(rows.length, 14); // the three negative pairs say the opposite of their order
    assert.match(stderr, /7 relabelled with goals/);
    const [high, low] = rows;
    assert.deepEqual([high!.goal, low!.goal], [7.8, 3.3]);
    assert.deepEqual([high!.chosen, low!.chosen], ["good 1", "bad 1"]);
    assert.deepEqual([high!.score_margin, low!.score_margin], [4, -4]);
    assert.ok(!("margin" in high!));
    const raw = await curate(path, "--recipe", "goal", "--goal-scale", "raw");
    assert.deepEqual([raw.rows[0]!.goal, raw.rows[1]!.goal], [2, -2]);
    const goals = `${folder}/goals.jsonl`;
    await Deno.writeTextFile(goals, raw.stdout);
    assert.equal((await curate("--undo", goals)).status, 1);
  });
});

Deno.test("assay curate says what is missing or wrong in its usage", async () => {
  await inFolder(async (folder) => {
    const path = await votedFile(folder);
    const wrong: [string[], RegExp][] = [
      [[path], /expected --recipe/],
      [[path, path, "--recipe", "flip"], /one file of pairs, found 2/],
      [[path, "--recipe", "mend"], /Allowed choices/],
      [[path, "--recipe", "flip", "--share", "2"], /voting\/bad-option/],
      [[path, "--recipe", "drop", "--drop", "wrong"], /Allowed are/],
      [[path, "--recipe", "flip", "--output", path], /another file than the inputs/],
      [[path, "--recipe", "prior-margin", "--constraint", "1,2"], /three numbers/],
    ];
    for (const [args, message] of wrong) {
      const { status, stderr, stdout } = await curate(...args);
      assert.deepEqual([status, stdout], [2, ""], stderr);
      assert.match(stderr, message);
    }
  });
});

Deno.test("assay curate of an empty file writes nothing and says so", async () => {
  await inFolder(async (folder) => {
    const { status, stdout, stderr } = await curate(
      await votedFile(folder, []),
      "--recipe",
      "flip",
    );
    assert.deepEqual([status, stdout], [0, ""]);
    assert.match(stderr, /the input has no rows/);
  });
});

Deno.test("assay curate --samples makes pairs of samples, and keeps the others apart", async () => {
  await inFolder(async (folder) => {
    const rows = [
      { id: 1, prompt: "?", responses: ["It is 4.", "it is 4", "No"] },
      { id: 2, prompt: "?", responses: ["a", "b"] },
      { id: 3, prompt: "?" },
    ];
    const path = await votedFile(folder, rows);
    const dropped = `${folder}/dropped.jsonl`;
    const summary = `${folder}/summary.json`;
    const args = [path, "--samples", "--dropped", dropped, "--summary", summary];
    const { status, rows: pairs, stderr } = await curate(...args);
    assert.equal(status, 1);
    assert.deepEqual(pairs.map(({ id, rejected }) => [id, rejected]), [[1, "No"]]);
    assert.match(
      stderr,
      /1 pairs of 3 prompts; without one 0 whose .*, 1 with two as large, 0 whose/,
    );
    assert.equal((await Deno.readTextFile(dropped)).trim().split("\n").length, 2);
    const counts = JSON.parse(await Deno.readTextFile(summary));
    assert.deepEqual([counts.pairs, counts.tied, counts.failed], [1, 1, 1]);
    const wrong: [string[], RegExp][] = [
      [[path, "--samples", "--recipe", "flip"], /--samples alone, found it with --recipe/],
      [[path, "--recipe", "flip", "--alike", "0.5"], /--samples with --alike/],
      [[path, "--samples", "--similarity", "tokens"], /numbers of tokens/],
      [[path, path, "--samples"], /one file of samples/],
      [[path, "--samples", "--alike", "3"], /voting\/bad-option/],
    ];
    for (const [args, message] of wrong) {
      const { status, stderr, stdout } = await curate(...args);
      assert.deepEqual([status, stdout], [2, ""], stderr);
      assert.match(stderr, message);
    }
  });
});
