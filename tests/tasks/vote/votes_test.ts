import assert from "node:assert/strict";
import { rowsInMemory } from "../../../src/tasks/repeatable_rows.ts";
import { voteModels } from "../../../src/tasks/vote/votes.ts";
import { inFolder } from "../../cli/captured_output.ts";
import { stubVoters, type VoterLog } from "./stub_voters.ts";

const rows = rowsInMemory([
  { id: 1, prompt: "Q", chosen: "four", rejected: "no" },
  { id: 2, prompt: "Q", chosen: "bad", rejected: "no" },
  { id: 3, prompt: "Q", response: "yes" },
]);
const voters = [{ model: "voter-3" }, { model: "voter-6" }];

Deno.test("voteModels() adds the votes' columns, and says why a row has none", async () => {
  const log: VoterLog = { loaded: [], scored: [] };
  const told: [string, number, number][] = [];
  const votes = await voteModels(rows, voters, {
    open: stubVoters(log),
    onProgress: (...progress) => told.push(progress),
  });
  const outputs = await Array.fromAsync(votes.rows({ explain: true }));
  assert.deepEqual(outputs.map(({ failed }) => failed), [false, true, false]);
  assert.deepEqual(outputs[0]!.row.margins, [2, 4]);
  assert.equal(outputs[0]!.row.strength_mean, 3);
  assert.equal((outputs[1]!.row.error as { code: string }).code, "text/too-long");
  assert.deepEqual(outputs[2]!.row.voter_scores, [3, 6]);
  assert.deepEqual(votes.summary.voters.map(({ name, scored }) => [name, scored]), [
    ["voter-3", 2],
    ["voter-6", 2],
  ]);
  assert.deepEqual(told.at(-1), ["voter-6", 4, 4]); // "no" stands twice and is scored once
});

Deno.test("voteModels() asks no model for what its cache knows", async () => {
  await inFolder(async (cache) => {
    const log: VoterLog = { loaded: [], scored: [] };
    const options = { open: stubVoters(log), cache };
    const first = await voteModels(rows, [voters[0]!], options);
    const notes: string[] = [];
    const both = await voteModels(rows, voters, {
      ...options,
      onNote: (note) => void notes.push(note),
    });
    assert.deepEqual(log.loaded, ["voter-3", "voter-3", "voter-6"]); // "bad" is tried again
    assert.deepEqual(log.scored.filter((of) => of.startsWith("voter-3")).length, 4 + 1);
    assert.match(notes[0]!, /voter-3: 3 scores were in the cache, 1 to go/);
    const rowsOf = (votes: typeof first) =>
      Array.fromAsync(votes.rows({ explain: true }), ({ row }) => row.margins);
    assert.deepEqual((await rowsOf(first))[0], [2]);
    assert.deepEqual((await rowsOf(both))[0], [2, 4]);
  });
});

Deno.test("voteModels() tells where a cache's scores are of other kernels", async () => {
  await inFolder(async (cache) => {
    const notesOf = async (kernels: string | undefined): Promise<string[]> => {
      const notes: string[] = [];
      const open = stubVoters({ loaded: [], scored: [] }, { kernels });
      const onNote = (note: string): void => void notes.push(note);
      await voteModels(rows, [voters[0]!], { open, cache, onNote });
      return notes.filter((note) => note.includes("other kernels"));
    };
    assert.deepEqual(await notesOf("wasm"), []);
    assert.deepEqual(await notesOf("wasm"), []); // "bad" is tried again
    const [note, ...more] = await notesOf("texture");
    assert.match(note!, /voter-3.*other kernels \(wasm\) than the rest is now \(texture\)/);
    assert.deepEqual(more, []);
    assert.deepEqual(await notesOf(undefined), []);
  });
});

Deno.test("voteModels() ends on the signal and keeps what was scored", async () => {
  await inFolder(async (cache) => {
    const controller = new AbortController();
    const log: VoterLog = { loaded: [], scored: [] };
    const voting = voteModels(rows, voters, {
      open: stubVoters(log),
      cache,
      signal: controller.signal,
      onProgress: (_, done) => done === 2 && controller.abort(),
    });
    await assert.rejects(voting, { code: "cli/interrupted" });
    await voteModels(rows, [voters[0]!], { open: stubVoters(log), cache });
    assert.equal(log.scored.filter((of) => of === "voter-3: four").length, 1);
  });
});
