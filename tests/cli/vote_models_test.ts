import assert from "node:assert/strict";
import { inFolder } from "./captured_output.ts";
import { stubVoters, type VoterLog } from "../tasks/vote/stub_voters.ts";
import { vote, write } from "./run_vote.ts";

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
