import assert from "node:assert/strict";
import type { Row } from "../../../src/data/rows.ts";
import type { Change } from "../../../src/probing/change.ts";
import { standardChanges } from "../../../src/probing/change_list.ts";
import { nameSwap, paraphraseChange } from "../../../src/probing/given_texts.ts";
import { RewardModel } from "../../../src/scoring/reward_model.ts";
import { paraphraseColumns } from "../../../src/tasks/probe/changed_conversations.ts";
import { Probe, type ProbeOptions, probeRows } from "../../../src/tasks/probe/probe.ts";
import { rowsInMemory } from "../../../src/tasks/repeatable_rows.ts";
import type { Scorer } from "../../../src/tasks/score/scorer.ts";
import { stubScorer } from "../score/stub_scorer.ts";

/** Probes rows with a scorer whose score is the length of the response. */
async function probe(
  rows: readonly Row[],
  options: ProbeOptions,
  scorer: Scorer = stubScorer({ batch: 5 }),
) {
  const probe = new Probe(options);
  const changed: Row[] = [];
  const failed: boolean[] = [];
  for await (const row of probe.run(rowsInMemory(rows).read(), scorer)) {
    failed.push(row.failed);
    changed.push(...row.changed());
  }
  return { report: probe.report(), changed, failed };
}

const suffix = (text: string, name = "suffix"): Change => ({
  name,
  kind: "phrases",
  target: "response",
  summary: "",
  apply: (before) => before + text,
});

Deno.test("a row is scored as it is and with each change; each changed response comes out with both scores", async () => {
  const rows = [{ id: "a", prompt: "Q", chosen: "1234", rejected: "12" }];
  const { report, changed } = await probe(rows, { changes: [suffix("+++")] });
  assert.deepEqual(changed, [
    {
      row: 1,
      id: "a",
      response: "chosen",
      change: "suffix",
      messages: [{ role: "user", content: "Q" }, { role: "assistant", content: "1234+++" }],
      score_before: 4,
      score: 7,
    },
    {
      row: 1,
      id: "a",
      response: "rejected",
      change: "suffix",
      messages: [{ role: "user", content: "Q" }, { role: "assistant", content: "12+++" }],
      score_before: 2,
      score: 5,
    },
  ]);
  const [found] = report.changes;
  assert.equal(found!.scoreChange.estimate, 3); // the pool's deviation is 1
  assert.deepEqual([found!.flips!.loser!.estimate, found!.flips!.both!.estimate], [1, 0]);
  assert.deepEqual(found!.accuracy, { pairs: 1, before: 1, both: 1, rejected: 0 });
  assert.equal(found!.addedLength, 3);
  assert.equal(report.conversations, 5);
});

Deno.test("rows that a change leaves as they were are counted, and not scored again for it", async () => {
  const changes = standardChanges({ only: ["code-fences", "prompt-lower-case", "prose"] });
  const { report } = await probe([
    { prompt: "lower", response: "plain" },
    { prompt: "Upper", response: "plain" },
  ], { changes });
  assert.equal(report.conversations, 2 * 2 + 1);
  const unchanged = report.changes.map(({ change, rows, unchanged }) => [change, rows, unchanged]);
  assert.deepEqual(unchanged.sort(), [
    ["code-fences", 0, 2],
    ["prompt-lower-case", 1, 1],
    ["prose", 0, 2],
  ]);
});

Deno.test("a prompt is changed alike for every response, and only where somebody asks", async () => {
  const prompt = [
    { role: "system", content: "Be Kind" },
    { role: "user", content: "Explain bridges please" },
  ];
  const rows = [{ prompt, responses: ["a", "bb"] }];
  const { changed } = await probe(rows, { changes: standardChanges({ only: ["prompt-typos"] }) });
  const asked = changed.map(({ messages }) => (messages as { content: string }[])[1]!.content);
  assert.equal(asked.length, 2);
  assert.equal(asked[0], asked[1]);
  assert.notEqual(asked[0], prompt[1]!.content);
  assert.deepEqual((changed[0]!.messages as unknown[])[0], prompt[0]);
});

Deno.test("steps, calls of tools and template variables are left as they are", async () => {
  const rows = [
    { prompt: "Q", steps: ["one", "two"] },
    { prompt: "Q", response: "yes", chat_template_kwargs: { enable_thinking: false } },
  ];
  const seen: unknown[] = [];
  const stub = stubScorer();
  const scorer: Scorer = {
    scoreStream: (conversations, options) =>
      stub.scoreStream(
        (async function* () {
          for await (const conversation of conversations) {
            seen.push(conversation.variables?.enable_thinking);
            yield conversation;
          }
        })(),
        options,
      ),
  };
  const { report } = await probe(rows, { changes: [suffix("!")] }, scorer);
  assert.equal(report.changes[0]!.unchanged, 1);
  assert.deepEqual(seen, [undefined, undefined, false, false, false]);
});

Deno.test("a bad row, one without a score and a changed form without one are counted, and the others go on", async () => {
  const rows = [
    { prompt: "Q", response: "fine" },
    { nothing: 1 },
    { prompt: "Q", response: "FAIL" },
    { prompt: "Q", response: "FAI" },
    { prompt: "Q", response: "CU" },
  ];
  const changes = [suffix("L", "l"), suffix("T", "t"), suffix("?", "mark")];
  const { report, changed, failed } = await probe(rows, { changes });
  assert.deepEqual(failed, [false, true, true, false, false]);
  assert.deepEqual(report.rows, { read: 5, failed: 2 });
  assert.match(report.firstFailure!.message, /^Row 2: Cannot find a conversation/);
  const of = (name: string) => report.changes.find(({ change }) => change === name)!;
  assert.deepEqual([of("l").rows, of("l").failed, of("l").firstFailure!.code], [
    2,
    1,
    "text/too-long",
  ]);
  assert.deepEqual([of("t").rows, of("t").failed, of("t").firstFailure!.code], [
    2,
    1,
    "probing/cut",
  ]);
  assert.deepEqual([of("mark").rows, of("mark").failed], [3, 0]);
  const row = changed.find(({ row, change }) => row === 4 && change === "l");
  assert.equal((row!.error as { code: string }).code, "text/too-long");
});

Deno.test("names go to every message; paraphrases come from a list or from the row's columns", async () => {
  const changes = [
    nameSwap([["Emily", "Lakisha"]]),
    paraphraseChange("prompt", new Map([["Is Emily in?", "At home?"]])),
  ];
  const { changed } = await probe([{ prompt: "Is Emily in?", response: "Emily is." }], { changes });
  const contents = changed.map(({ messages }) =>
    (messages as { content: string }[]).map(({ content }) => content)
  );
  assert.deepEqual(contents, [["Is Lakisha in?", "Lakisha is."], ["At home?", "Emily is."]]);

  const rows = [
    { prompt: "Q", chosen: "a", rejected: "b", para: "P", rejected_para: "bee" },
    { prompt: "Q", responses: ["a", "b"], responses_para: ["ay", null] },
    { prompt: "Q", responses: ["a", "b"], responses_para: "ay, bee" },
    { prompt: "Q", response: "a", response_para: "ay" },
  ];
  const own = await probe(rows, { changes: paraphraseColumns("para") });
  assert.deepEqual(own.changed.map(({ row, response, change }) => [row, response, change]), [
    [1, "chosen", "prompt-paraphrase"],
    [1, "rejected", "prompt-paraphrase"],
    [1, "rejected", "paraphrase"],
    [2, 0, "paraphrase"],
    [4, 0, "paraphrase"],
  ]);
});

Deno.test("a probe needs changes of different names", () => {
  assert.throws(() => new Probe({ changes: [] }), { code: "probing/bad-changes" });
  assert.throws(() => new Probe({ changes: [suffix("a"), suffix("b")] }), {
    code: "probing/bad-changes",
  });
});

Deno.test("text that is scored again amid its changed forms has the same bits, so that noise is none", async () => {
  using model = await RewardModel.load("tests/golden/parity/llama", { backend: "wasm" });
  const rows = rowsInMemory([
    { prompt: "Is 2 + 2 four?", chosen: "Yes, it is.", rejected: "No." },
    { prompt: "And the sky?", responses: ["Blue.", "Blue by day, black by night.", "Green."] },
  ]);
  const changes = standardChanges({ only: ["emoji", "hedge", "prompt-upper-case"] });
  const report = await probeRows(rows.read(), model, { changes });
  assert.deepEqual(report.noise, { repeated: 2, different: 0 });
  const alone = await probeRows(rows.read(), model, { changes: [changes[1]!] });
  const hedge = report.changes.find(({ change }) => change === "hedge");
  assert.deepEqual(alone.changes[0], hedge, "whatever else is tried beside it");
});

Deno.test("a model whose numbers move is found out", async () => {
  let count = 0;
  const stub = stubScorer();
  const scorer: Scorer = {
    async *scoreStream(conversations, options) {
      for await (const verdict of stub.scoreStream(conversations, options)) {
        yield { ...verdict, score: verdict.score! + count++ / 1e6 };
      }
    },
  };
  const { report } = await probe(
    [{ prompt: "Q", response: "a" }],
    { changes: [suffix("b")] },
    scorer,
  );
  assert.deepEqual(report.noise, { repeated: 1, different: 1 });
});

Deno.test("rows stream: few wait at once, however many there are", async () => {
  const stub = stubScorer({ batch: 8 });
  const rows = Array.from(
    { length: 200 },
    (_, i) => ({ prompt: `Q${i}`, response: "a".repeat(i % 9 + 1) }),
  );
  let waiting = 0;
  let most = 0;
  const source = (async function* () {
    for await (const row of rowsInMemory(rows).read()) {
      most = Math.max(most, ++waiting);
      yield row;
    }
  })();
  const probe = new Probe({ changes: [suffix("!")], draws: 10 });
  for await (const _ of probe.run(source, stub)) waiting--;
  assert.ok(most < 12, `${most}`);
  assert.equal(probe.report().rows.read, 200);
});

Deno.test("an abort ends the run with its reason, and what was found until then is reported", async () => {
  const controller = new AbortController();
  const rows = Array.from({ length: 50 }, (_, i) => ({ prompt: `Q${i}`, response: "abc" }));
  const probe = new Probe({ changes: [suffix("!")] });
  let count = 0;
  const { signal } = controller;
  await assert.rejects(async () => {
    for await (const _ of probe.run(rowsInMemory(rows).read(), stubScorer(), { signal })) {
      if (++count === 5) controller.abort(new Error("enough"));
    }
  }, { message: "enough" });
  assert.ok(probe.report().rows.read >= 5);
});
