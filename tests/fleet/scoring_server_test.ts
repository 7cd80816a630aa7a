/** What a server that is none of ours may answer. */
import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { answerOf } from "../../src/fleet/answer_headers.ts";
import { ScoringServer } from "../../src/fleet/scoring_server.ts";
import { ServerFailure } from "../../src/fleet/server_failure.ts";
import { ServerState } from "../../src/fleet/server_state.ts";
import { shownAddress } from "../../src/fleet/shown_address.ts";

Deno.test("an answer whose lines are no rows is none, whatever its digests say", async () => {
  const texts = ["null\n", "[]\n", "{\n", "{}\n{}\n", ""];
  let text = "";
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      if (request.method === "GET") return new Response("null");
      const [asked, body] = [await request.bytes(), new TextEncoder().encode(text)];
      return new Response(body, { headers: await answerOf({ asked, search: "", body, rows: 1 }) });
    },
  );
  const client = new ScoringServer(`http://127.0.0.1:${server.addr.port}`);
  for (text of texts) {
    await assert.rejects(client.score(["{}"]), {
      kind: "broken",
      message: /expected 1 rows, found/,
    });
  }
  text = "{}\n";
  assert.deepEqual((await client.score(["{}"])).rows, [{}]);
  await assert.rejects(client.identify(), ({ error }) => error.code === "fleet/bad-identity");
});

Deno.test("a server that wants to be left alone for ever is asked again", () => {
  const server = new ServerState(new ScoringServer("http://one"), 8, () => 0.5);
  server.isReady = true;
  server.failed(new ServerFailure("busy", new AssayError("a/b", "busy"), Infinity), 0);
  assert.equal(server.until, 30_000);
});

Deno.test("messages show addresses without credentials", () => {
  for (const address of ["http://u:p@host", "nats://u:p/q@r@host", "u:p/q@host"]) {
    assert.match(shownAddress(address), /^"(\w+:\/\/)?…@host"$/);
  }
  assert.equal(shownAddress("localhost:80"), '"localhost:80"');
});
