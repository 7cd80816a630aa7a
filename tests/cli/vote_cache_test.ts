import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import type { OpenVoter } from "../../src/tasks/vote/voter_source.ts";
import { stubVoters, type VoterLog } from "../tasks/vote/stub_voters.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

async function vote(args: readonly string[], open: OpenVoter) {
  const captured = captureOutput();
  const { output } = captured;
  const status = await run([voteCommand(output, open)], ["vote", ...args], output);
  return { status, stdout: captured.stdout(), stderr: captured.stderr() };
}

Deno.test("assay vote --model scores again what its cache no longer vouches for, and says so", async () => {
  await inFolder(async (folder) => {
    const rows = `${folder}/rows.jsonl`;
    await Deno.writeTextFile(rows, '{"prompt":"?","chosen":"four","rejected":"no"}\n');
    const args = ["--model", "m1", "--cache", `${folder}/cache`, rows];
    const first = await vote(args, stubVoters({ loaded: [], scored: [] }));
    const [{ name }] = await Array.fromAsync(Deno.readDir(`${folder}/cache`)) as [Deno.DirEntry];
    const path = `${folder}/cache/${name}`;
    const text = await Deno.readTextFile(path);
    const again = async (changed: string, scored: number, told: RegExp) => {
      await Deno.writeTextFile(path, changed);
      const log: VoterLog = { loaded: [], scored: [] };
      const { status, stdout, stderr } = await vote(args, stubVoters(log));
      assert.deepEqual([status, stdout, log.scored.length], [0, first.stdout, scored]);
      assert.equal(stderr.match(new RegExp(told, "g"))?.length, 1, stderr);
      assert.match(await Deno.readTextFile(path), /"version":2/);
    };
    await again(text.replace(/"scores":\[\d/, '"scores":[9'), 1, /1 line of the score cache/);
    const old = text.replace('"version":2', '"version":1').replace(/,"check":"\w+"/g, "");
    await again(old, 2, /written by an earlier version/);
    const log: VoterLog = { loaded: [], scored: [] };
    const { stderr } = await vote(args, stubVoters(log));
    assert.match(stderr, /all 2 scores were in the cache/);
    assert(!stderr.includes("earlier version"));

    await Deno.writeTextFile(`${folder}/mine`, "mine");
    await Deno.remove(path);
    await Deno.symlink(`${folder}/mine`, path);
    assert.match((await vote(args, stubVoters(log))).stderr, /symbolic link.*\[cli\/cache\]/);
    assert.equal(await Deno.readTextFile(`${folder}/mine`), "mine");
  });
});
