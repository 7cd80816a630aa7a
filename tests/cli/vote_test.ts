import assert from "node:assert/strict";
import { inFolder } from "./captured_output.ts";
import { pairs, vote, withId, write } from "./run_vote.ts";

Deno.test("assay vote joins score files and adds the columns of pairs", async () => {
  await inFolder(async (folder) => {
    const a = await write(`${folder}/a.jsonl`, pairs([1, -2], (i) => ({ id: i, note: "kept" })));
    const b = await write(`${folder}/b.jsonl`, pairs([3, 0], (i) => ({ id: i })));
    const { status, rows, stderr } = await vote([a, b]);
    assert.equal(status, 0);
    assert.deepEqual(rows[1], {
      id: 1,
      note: "kept",
      chosen_score: -1,
      rejected_score: 0,
      margin: -1,
      chosen_score_std: 1,
      rejected_score_std: 0,
      margin_std: 1,
      strength_mean: -1,
      strength_std: 1,
      vote_share: 0.25,
      target_probability: (1 / (1 + Math.exp(2)) + 0.5) / 2,
      category: "incorrect",
      disagreement: 0.25,
      voters: 2,
    });
    assert.match(stderr, /2 pairs \(1 incorrect, 1 normal; 50\.0 % negative\) by 2 voters/);
  });
});

Deno.test("assay vote joins by id whatever the order, and keeps rows that one voter lacks", async () => {
  await inFolder(async (folder) => {
    const a = await write(`${folder}/a.jsonl`, pairs([1, 2], withId));
    const b = await write(`${folder}/b.jsonl`, pairs([1, 2, 7], withId).toReversed());
    const { status, rows, stderr } = await vote([a, b]);
    assert.equal(status, 0);
    assert.deepEqual(rows.map((row) => [row.id, row.strength_mean, row.voters]), [
      ["r0", 1, 2],
      ["r1", 2, 2],
      ["r2", 7, 1],
    ]);
    assert.match(stderr, /a\.jsonl has no finite score for 1 of its rows/);
  });
});

Deno.test("assay vote drops a voter with NaN for those rows, and counts them", async () => {
  await inFolder(async (folder) => {
    const a = await write(`${folder}/a.jsonl`, pairs([1, NaN, NaN]));
    const b = await write(`${folder}/b.jsonl`, pairs([5, 5, NaN]));
    const summary = `${folder}/summary.json`;
    const { status, rows } = await vote([a, b, "--summary", summary]);
    assert.equal(status, 1);
    assert.deepEqual(rows.map((row) => [row.strength_mean, row.voters, row.category]), [
      [3, 2, "normal"],
      [5, 1, "normal"],
      [null, 0, "unscored"],
    ]);
    assert.equal((rows[2]!.error as { code: string }).code, "voting/unscored");
    const { voters } = JSON.parse(await Deno.readTextFile(summary));
    assert.deepEqual(voters.map((voter: { missing: number }) => voter.missing), [2, 1]);
  });
});

Deno.test("assay vote aggregates single rows and candidates under the columns' own names", async () => {
  await inFolder(async (folder) => {
    const file = (name: string, score: number, scores: number[]) =>
      write(`${folder}/${name}`, [{ score }, { scores, best: 0 }]);
    const files = [
      await file("a.jsonl", 1, [1, 2, 0]),
      await file("b.jsonl", 3, [1, 3, 0]),
      await file("c.jsonl", 5, [9, 2, 0]),
    ];
    const { rows } = await vote(files);
    const [single, { score_std: deviations, ...candidates }] = rows as [unknown, typeof rows[0]];
    const std = Math.sqrt(8 / 3);
    assert.deepEqual(single, { score: 3, score_std: std, disagreement: std, voters: 3 });
    assert.deepEqual(candidates, {
      scores: [11 / 3, 7 / 3, 0],
      best: 0,
      disagreement: 1 - 2 / 3,
      voters: 3,
    });
    [128 / 9, 2 / 9, 0].forEach((variance, i) =>
      assert.ok(Math.abs((deviations as number[])[i]! - Math.sqrt(variance)) < 1e-12)
    );
    const summary = `${folder}/summary.json`;
    const cautious = await vote([
      ...files,
      "--aggregate",
      "wco",
      "--explain",
      "--summary",
      summary,
    ]);
    const { best_of } = JSON.parse(await Deno.readTextFile(summary));
    [1, 5 / 3, 2].forEach((value, i) => assert.ok(Math.abs(best_of[i].value - value) < 1e-12));
    assert.deepEqual(cautious.rows[1]!.scores, [1, 2, 0]);
    assert.deepEqual(cautious.rows[0]!.voter_scores, [1, 3, 5]);
    assert.equal((await vote([...files, "--aggregate", "majority"])).status, 2);
    // One voter tells nothing of how sure it is.
    const alone = await vote([files[0]!]);
    assert.deepEqual(alone.rows.map((row) => row.score_std), [null, [null, null, null]]);
  });
});

Deno.test("assay vote --quality tells the quality of the best of n by each aggregation and voter", async () => {
  await inFolder(async (folder) => {
    const rows = (scores: number[][]) =>
      scores.map((own, i) => ({ id: i, scores: own, gold: [0, 1, 0.5] }));
    const right = await write(`${folder}/right.jsonl`, rows([[0, 2, 1], [0, 2, 1], [0, 9, 1]]));
    const fooled = await write(`${folder}/fooled.jsonl`, rows([[5, 0, 1], [5, 0, 1], [5, 0, 1]]));
    const summary = `${folder}/summary.json`;
    const files = [right, fooled];
    const { status, stderr, rows: voted } = await vote(
      [...files, "--quality", "gold", "--summary", summary],
    );
    assert.equal(status, 0, stderr);
    assert.equal(voted.length, 3);
    const { gold } = JSON.parse(await Deno.readTextFile(summary));
    const last = Object.fromEntries(
      // deno-lint-ignore no-explicit-any
      gold.curves.map(({ proxy, points }: any) => [proxy, points.at(-1).gold.estimate]),
    );
    assert.deepEqual([last.mean, last["worst-case"], last.median], [1 / 3, 0.5, 1 / 3]);
    assert.deepEqual([last["voter right.jsonl"], last["voter fooled.jsonl"]], [1, 0]);
    assert.match(stderr, /gold quality of the best of 3 over 3 rows:\n/);
    assert.match(
      stderr,
      /voter fooled\.jsonl: 0\.0000 .*; 0\.5000 at the best of 1, over-optimised/,
    );
    const none = await vote([...files, "--quality", "silver"]);
    assert.equal(none.status, 2);
    assert.match(none.stderr, /\[voting\/no-quality\]/);
    assert.equal((await vote([...files, "--best-of", "2"])).status, 2);
  });
});

Deno.test("assay vote --normalize keeps every vote and weighs voters alike", async () => {
  await inFolder(async (folder) => {
    const a = await write(`${folder}/a.jsonl`, pairs([1, -1, 2]));
    const b = await write(`${folder}/b.jsonl`, pairs([-100, 100, 300]));
    const raw = await vote([a, b]);
    assert.match(raw.stderr, /margins spread 130\.9 times as far/);
    const { rows, stderr } = await vote([a, b, "--normalize"]);
    assert.doesNotMatch(stderr, /times as far/);
    const shares = (rows: Record<string, unknown>[]) => rows.map((row) => row.vote_share);
    assert.deepEqual(shares(rows), shares(raw.rows));
    assert.ok(Math.abs(rows[0]!.strength_mean as number) < 0.5);
  });
});

Deno.test("assay vote draws and sums up", async () => {
  await inFolder(async (folder) => {
    const a = await write(`${folder}/a.jsonl`, pairs(Array.from({ length: 40 }, (_, i) => i - 9)));
    const svg = `${folder}/plot.svg`;
    const html = `${folder}/plot.html`;
    assert.equal((await vote([a, "--plot", svg])).status, 0);
    assert.equal((await vote([a, "--plot", html, "--thresholds", "0,5,20"])).status, 0);
    const drawn = await Deno.readTextFile(svg);
    assert.match(drawn, /^<svg .*incorrect 8<.*ambiguous 8<.*normal 20<.*strong 4<.*<\/svg>\n$/s);
    assert.match(await Deno.readTextFile(html), /<title>Preference strength<.*incorrect 9</s);
    assert.equal((await vote([a, "--plot", `${folder}/plot.png`])).status, 2);
  });
});

Deno.test("assay vote refuses voters that scored different things, and says how they differ", async () => {
  await inFolder(async (folder) => {
    const a = await write(`${folder}/a.jsonl`, pairs([1, 2]));
    const longer = await write(`${folder}/longer.jsonl`, pairs([1, 2, 3]));
    const empty = await write(`${folder}/empty.jsonl`, []);
    const ids = await write(`${folder}/ids.jsonl`, pairs([1, 2], withId));
    const others = await write(`${folder}/others.jsonl`, pairs([1, 2], (i) => ({ id: `s${i}` })));
    const text = await write(`${folder}/text.jsonl`, pairs([1, 2], (i) => ({ prompt: i })));
    const other = await write(`${folder}/other.jsonl`, pairs([1, 2], (i) => ({ prompt: -i })));
    const unscored = await write(`${folder}/unscored.jsonl`, [{ id: 1 }, { id: 2 }]);
    const refused: [string[], RegExp][] = [
      [[a, longer], /a\.jsonl has 2 rows, .*longer\.jsonl has 3.*\[voting\/row-count\]/],
      [[a, empty], /\[voting\/row-count\]/],
      [[ids, others], /\[voting\/no-common-ids\]/],
      [[text, other], /row 2 of .*\[voting\/rows-differ\]/],
      [[a, unscored], /no row of .*unscored\.jsonl has scores \[voting\/no-scores\]/],
      [[a, `${folder}/none.jsonl`], /\[data\/no-such-file\]/],
      [[a, "--output", a], /expected another file than the inputs/],
      [[a, "--join", "id"], /\[voting\/bad-ids\]/],
      [[], /\[cli\/usage\]/],
      [["--heads", "x", a], /\[cli\/usage\]/],
      [["--model", "m", a, a], /\[cli\/usage\]/],
      [[a, "--quantiles", "0.4,0.2,0.9"], /three ascending numbers/],
    ];
    for (const [args, message] of refused) {
      const { status, stdout, stderr } = await vote(args);
      assert.equal(status, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, message);
    }
    assert.equal((await Deno.readTextFile(a)).length > 0, true);
  });
});

Deno.test("assay vote of empty files writes nothing and says so", async () => {
  await inFolder(async (folder) => {
    const empty = await write(`${folder}/empty.jsonl`, []);
    const { status, stdout, stderr } = await vote([empty]);
    assert.deepEqual([status, stdout], [0, ""]);
    assert.match(stderr, /empty\.jsonl has no rows/);
  });
});

Deno.test("assay vote goes on past lines that are no rows, by order and by id", async () => {
  await inFolder(async (folder) => {
    const broken = ["{no json", ...pairs([1, 2], withId)];
    const a = await write(`${folder}/a.jsonl`, broken);
    const b = await write(`${folder}/b.jsonl`, pairs([1, 2], withId));
    const { status, rows } = await vote([a, b]);
    assert.equal(status, 1);
    assert.equal((rows[0]!.error as { code: string }).code, "data/bad-row");
    assert.deepEqual(rows.slice(1).map((row) => row.voters), [2, 2]);
    const c = await write(`${folder}/c.jsonl`, ["{no json", ...pairs([4, 5])]);
    const d = await write(`${folder}/d.jsonl`, pairs([3, 4, 5]));
    const byOrder = await vote([c, d]);
    assert.equal(byOrder.status, 1);
    assert.deepEqual(byOrder.rows.map((row) => row.voters), [1, 2, 2]);
  });
});
