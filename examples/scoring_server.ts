// Scores the rows of a request's body into the answer's as they come, line by line, with no row held
// longer than the model computes:
// deno run --allow-read --allow-net=127.0.0.1 examples/scoring_server.ts [MODEL] [PORT]
// curl --data-binary @examples/conversations.jsonl http://127.0.0.1:8080
// (`assay serve` does this and much more; here is what it takes in a server of your own.)
import { jsonLinesStream, rowsStream } from "@assay/assay/data";
import { openScorer, scoringStream } from "@assay/assay/tasks";

const [model = "models/demo", port = "8080"] = Deno.args;
using scorer = await openScorer({ model });
await using server = Deno.serve({ hostname: "127.0.0.1", port: Number(port) }, ({ body }) => {
  if (body === null) return new Response("expected rows as JSON Lines\n", { status: 400 });
  const scored = body.pipeThrough(rowsStream()).pipeThrough(scoringStream(scorer));
  const headers = { "content-type": "application/x-ndjson" };
  return new Response(scored.pipeThrough(jsonLinesStream()), { headers });
});
await server.finished;
