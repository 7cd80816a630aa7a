import assert from "node:assert/strict";
import { jsonLinesStream, rowsStream } from "../../src/data/row_streams.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { openScorer } from "../../src/tasks/score/open_scorer.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import { scoringStream } from "../../src/tasks/score/scoring_stream.ts";

const examples = "examples/conversations.jsonl";

Deno.test("a request's rows are scored into its answer, as scoreRows() does", async () => {
  using scorer = await openScorer({ model: "tests/golden/parity/llama" }, { backend: "wasm" });
  const scored = await Array.fromAsync(scoreRows(readRows(examples), scorer));
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ body }) =>
      new Response(
        body!.pipeThrough(rowsStream()).pipeThrough(scoringStream(scorer))
          .pipeThrough(jsonLinesStream()),
      ),
  );
  const body = `${await Deno.readTextFile(examples)}no row\n`;
  const answer = await fetch(`http://127.0.0.1:${server.addr.port}`, { method: "POST", body });
  const lines = (await answer.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.pop().error.code, "data/bad-row");
  assert.deepEqual(lines, JSON.parse(JSON.stringify(scored.map(({ row }) => row))));
});

Deno.test("where nobody reads on, the rows are not asked for any further", async () => {
  using scorer = await openScorer(
    { model: "tests/golden/parity/llama" },
    { backend: "wasm", tokensPerPack: 64 },
  );
  let isCancelled = false;
  const line = new TextEncoder().encode('{"prompt":"Hi","response":"Hello."}\n');
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(line),
    cancel: () => void (isCancelled = true),
  });
  const scored = endless.pipeThrough(rowsStream()).pipeThrough(scoringStream(scorer));
  for await (const { score } of scored) {
    assert.equal(typeof score, "number");
    break;
  }
  for (let waits = 0; !isCancelled && waits < 200; waits++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(isCancelled);
});
