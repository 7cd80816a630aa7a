/** The route that programs ask which spread rows over servers. */
import assert from "node:assert/strict";
import { readRows } from "../../src/data/read_rows.ts";
import { jsonLinesWriter } from "../../src/data/write_rows.ts";
import { answerHeaders, answerOf } from "../../src/fleet/answer_headers.ts";
import { loadIdentifiedModel } from "../../src/fleet/identified_model.ts";
import { identityDigest } from "../../src/fleet/scoring_identity.ts";
import { serve } from "../../src/server/serve.ts";
import { openScorer } from "../../src/tasks/score/open_scorer.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import { parityFolder } from "../golden/parity.ts";
import { AskedServer } from "./asked_server.ts";

const lines = { "content-type": "application/x-ndjson" };

async function locally(model: string, file: string, explain: boolean): Promise<string> {
  using scorer = await openScorer({ model }, { onWarning: () => {} });
  let text = "";
  const sink = {
    write(bytes: Uint8Array): Promise<void> {
      text += new TextDecoder().decode(bytes);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  const writer = jsonLinesWriter(sink);
  for await (const { row } of scoreRows(readRows(file), scorer, { explain })) {
    await writer.write(row);
  }
  await writer.close();
  return text;
}

Deno.test("/v1/rows answers what assay score writes, byte for byte", async () => {
  const model = parityFolder("armo");
  const file = "examples/conversations.jsonl";
  const load = () => loadIdentifiedModel({ model }, { onWarning: () => {} });
  const server = await serve([{ id: "armo", load }], { port: 0, log: () => {} });
  try {
    await server.ready;
    const body = await Deno.readTextFile(file);
    for (const explain of [false, true]) {
      const search = explain ? "?explain" : "";
      const address = `${server.address}/v1/rows${search}`;
      const answer = await fetch(address, { method: "POST", headers: lines, body });
      const text = await answer.text();
      assert.equal(text, await locally(model, file, explain));
      const encoder = new TextEncoder();
      const told = await answerOf({
        asked: encoder.encode(body),
        search,
        body: encoder.encode(text),
        rows: text.trimEnd().split("\n").length,
      });
      for (const [name, value] of Object.entries(told)) {
        assert.equal(answer.headers.get(name), value, name);
      }
      const { identity, digest } = await (await fetch(`${server.address}/v1/identity`)).json();
      assert.equal(answer.headers.get(answerHeaders.identity), digest);
      assert.equal(await identityDigest(identity), digest);
    }
  } finally {
    await server.stop();
  }
});

Deno.test("/v1/rows keeps rows that fail among the others", async () => {
  await using server = await AskedServer.ready();
  const body = '{"prompt":"a","response":"abc"}\n{"prompt":"a","response":"bad"}\n{"a":1}\n';
  const { status, text } = await server.post("/v1/rows", body, { headers: lines });
  const rows = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(status, 200);
  assert.deepEqual(rows.map(({ score, error }) => [score, error?.code]), [
    [3, undefined],
    [null, "text/too-long"],
    [undefined, "data/bad-row"],
  ]);
});

Deno.test("/v1/rows refuses what does not fit before any of it is computed", async () => {
  await using server = await AskedServer.ready({ mostBytes: 100 }, { mostWaiting: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const [model] = server.loaded;
  model!.held = promise;
  const row = '{"prompt":"a","response":"abc"}\n';
  const first = server.post("/v1/rows", row + row, { headers: lines });
  while (model!.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const second = server.post("/v1/rows", row, { headers: lines });
  const third = await server.post("/v1/rows", row, { headers: lines });
  assert.equal(third.status, 429);
  assert.equal(third.headers.get("retry-after"), "1");
  const large = await server.post("/v1/rows", row.repeat(4), { headers: lines });
  assert.deepEqual([large.status, large.json.error.code], [413, "server/too-large"]);
  const json = await server.post("/v1/rows", row);
  assert.deepEqual([json.status, json.json.error.code], [415, "server/wrong-content-type"]);
  resolve();
  assert.deepEqual([(await first).status, (await second).status], [200, 200]);
  assert.match(
    (await server.ask("/metrics")).text,
    /path="\/v1\/rows",code="tasks\/queue-full"} 1/,
  );
});
