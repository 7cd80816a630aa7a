import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import type { OpenVoter } from "../../src/tasks/vote/voter_source.ts";
import { captureOutput, inFolder } from "./captured_output.ts";
import { stubVoters, type VoterLog } from "../tasks/vote/stub_voters.ts";

const noVoters: OpenVoter = () => Promise.reject(new Error("no voter should be opened"));

async function vote(args: readonly string[], open: OpenVoter = noVoters) {
  const captured = captureOutput();
  const status = await run(
    [voteCommand(captured.output, open)],
    ["vote", ...args],
    captured.output,
  );
  return { status, rows: captured.rows(), stdout: captured.stdout(), stderr: captured.stderr() };
}

/** Writes rows as JSON Lines, Python's NaN among them. */
async function write(path: string, rows: readonly unknown[]): Promise<string> {
  const line = (row: unknown) =>
    typeof row === "string" ? row : JSON.stringify(row, (_, x) => Number.isNaN(x) ? "\u0000" : x);
  const text = rows.map((row) => `${line(row)}\n`).join("");
  await Deno.writeTextFile(path, text.replaceAll('"\\u0000"', "NaN"));
  return path;
}

function pairs(margins: readonly number[], extra: (i: number) => object = () => ({})) {
  return margins.map((margin, i) => ({ chosen_score: margin, rejected_score: 0, ...extra(i) }));
}

const withId = (i: number) => ({ id: `r${i}` });

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
    assert.deepEqual(rows, [
      { score: 3, disagreement: Math.sqrt(8 / 3), voters: 3 },
      { scores: [11 / 3, 7 / 3, 0], best: 0, disagreement: 1 - 2 / 3, voters: 3 },
    ]);
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

Deno.test("assay vote --model scores rows of every shape, one voter after another", async () => {
  await inFolder(async (folder) => {
    const rows = await write(`${folder}/rows.jsonl`, [
      { prompt: "?", chosen: "four", rejected: "no" },
      { prompt: "?", response: "sixsix" },
      { prompt: "?", responses: ["a", "four", "bad"] },
      { prompt: "?" },
      "{no json",
      { prompt: "?", response: "bad" },
    ]);
    const log: VoterLog = { loaded: [], scored: [] };
    const cache = `${folder}/cache`;
    const args = ["--model", "m1", "--model", "m3", "--cache", cache, rows];
    const { status, rows: voted } = await vote(args, stubVoters(log));
    assert.equal(status, 1);
    assert.deepEqual(log.loaded, ["m1", "m3"]);
    assert.deepEqual(voted.map((row) => row.strength_mean ?? row.score ?? row.scores), [
      (2 / 3 + 2) / 2,
      4,
      [2 / 3, 8 / 3, null],
      undefined,
      undefined,
      undefined,
    ]);
    assert.deepEqual([voted[2]!.best, voted[5]!.score], [1, null]);
    const codes = voted.map((row) => (row.error as { code?: string })?.code);
    assert.deepEqual(codes, [
      undefined,
      undefined,
      "text/too-long",
      "data/bad-row",
      "data/bad-row",
      "text/too-long",
    ]);
  });
});

Deno.test("assay vote --model scores a conversation once, and a tenth voter alone", async () => {
  await inFolder(async (folder) => {
    const pair = { prompt: "?", chosen: "four", rejected: "no" };
    const rows = await write(`${folder}/rows.jsonl`, [pair, pair, { prompt: "?", response: "no" }]);
    const cache = ["--cache", `${folder}/cache`];
    const log: VoterLog = { loaded: [], scored: [] };
    await vote(["--model", "m1", ...cache, rows], stubVoters(log));
    assert.deepEqual(log.scored, ["m1: four", "m1: no"]);
    const both = ["--model", "m1", "--model", "m2", ...cache, rows];
    const first = await vote(both, stubVoters(log));
    assert.deepEqual(log.loaded, ["m1", "m2"]);
    assert.equal(log.scored.length, 4);
    const again = await vote(both, stubVoters(log));
    assert.equal(log.loaded.length, 2);
    assert.equal(again.stdout, first.stdout);
    assert.match(again.stderr, /all 2 scores were in the cache/);
    await vote(both, stubVoters(log, { revision: "2" }));
    assert.equal(log.loaded.length, 4);
    await vote([...both, "--truncate", "left"], stubVoters(log));
    assert.equal(log.loaded.length, 6);
    await vote(["--model", "m1", "--no-cache", rows], stubVoters(log));
    assert.equal(log.loaded.length, 7);
  });
});

Deno.test("assay vote takes several heads of one model as voters, and adapters as voters each", async () => {
  await inFolder(async (folder) => {
    const rows = await write(`${folder}/rows.jsonl`, [{ prompt: "?", response: "abc" }]);
    const log: VoterLog = { loaded: [], scored: [] };
    const args = ["--model", "m", "--cache", `${folder}/cache`, "--explain", rows];
    const heads = await vote(["--heads", "h.safetensors", ...args], stubVoters(log));
    assert.deepEqual(heads.rows[0]!.voter_scores, [1, -1]);
    assert.deepEqual(log.loaded, ["m"]);
    const adapters = await vote(
      ["--adapter", "lora2", "--adapter", "lora4", ...args],
      stubVoters(log),
    );
    assert.deepEqual(adapters.rows[0]!.voter_scores, [2, 4]);
  });
});

Deno.test("assay vote --model of an empty file loads nothing", async () => {
  await inFolder(async (folder) => {
    const empty = await write(`${folder}/empty.jsonl`, []);
    const { status, stdout } = await vote(["--model", "m", "--no-cache", empty]);
    assert.deepEqual([status, stdout], [0, ""]);
  });
});

function spawnVote(args: readonly string[]): Deno.ChildProcess {
  const script = new URL("vote_process.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "-q", script, "vote", ...args],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("assay vote --model that is interrupted keeps what was scored, and says how to go on", async () => {
  await inFolder(async (folder) => {
    const responses = Array.from({ length: 200 }, (_, i) => "x".repeat(i + 1));
    const rows = await write(
      `${folder}/rows.jsonl`,
      responses.map((response) => ({ prompt: "?", response })),
    );
    const args = ["--model", "m1", "--cache", `${folder}/cache`, rows];
    const child = spawnVote(args);
    while (await cachedLines(`${folder}/cache`) < 10) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill("SIGINT");
    const { code, stdout, stderr } = await child.output();
    assert.deepEqual([code, stdout.length], [2, 0]);
    const said = new TextDecoder().decode(stderr);
    assert.match(said, /run the same command again to go on \[cli\/interrupted\]/);
    const scored = Number(/(\d+) scored/.exec(said)?.[1]);
    const log: VoterLog = { loaded: [], scored: [] };
    assert.equal((await vote(args, stubVoters(log))).rows.length, 200);
    assert.equal(scored + log.scored.length, 200);
  });
});

Deno.test("assay vote that was killed goes on where it stopped, to the same bytes", async () => {
  await inFolder(async (folder) => {
    const responses = Array.from({ length: 150 }, (_, i) => "x".repeat(i + 1));
    const rows = await write(
      `${folder}/rows.jsonl`,
      responses.map((response) => ({ prompt: "?", response })),
    );
    const spawn = (cache: string) =>
      spawnVote(["--model", "m1", "--model", "m2", "--cache", cache, rows]);
    const whole = await spawn(`${folder}/whole`).output();
    const expected = new TextDecoder().decode(whole.stdout);
    assert.equal(expected.split("\n").length, 151);

    const cache = `${folder}/killed`;
    const killed = spawn(cache);
    while (await cachedLines(cache) < 180) await new Promise((resolve) => setTimeout(resolve, 5));
    killed.kill("SIGKILL");
    await killed.output();
    const before = await cachedLines(cache);
    assert.ok(before < 302, "it was killed too late to tell anything");
    await cutLastLine(cache);

    const rerun = await spawn(cache).output();
    assert.equal(new TextDecoder().decode(rerun.stdout), expected);
    const scored = Number(/(\d+) scored/.exec(new TextDecoder().decode(rerun.stderr))?.[1]);
    assert.ok(scored > 0 && scored <= 302 - before + 2, `${scored} scored after ${before} lines`);
  });
});

/** Lines of all cache files, headers among them. */
async function cachedLines(cache: string): Promise<number> {
  let lines = 0;
  try {
    for await (const { name } of Deno.readDir(cache)) {
      lines += (await Deno.readTextFile(`${cache}/${name}`)).split("\n").length - 1;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return lines;
}

/** Leaves the last line of a cache file half written, as a kill in the middle of a write does. */
async function cutLastLine(cache: string): Promise<void> {
  for await (const { name } of Deno.readDir(cache)) {
    const path = `${cache}/${name}`;
    const { size } = await Deno.stat(path);
    if (name.startsWith("m2")) await Deno.truncate(path, size - 7);
  }
}
