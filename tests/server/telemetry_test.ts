/** OpenTelemetry: Deno sends what the server counts, to a collector that listens here. */
import assert from "node:assert/strict";

Deno.test("with OTEL_DENO=true metrics and traces reach a collector", async () => {
  const seen = new Set<string>();
  await using collector = Deno.serve({ port: 0, onListen() {} }, async (request) => {
    const { resourceMetrics = [], resourceSpans = [] } = await request.json();
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { metrics } of scopeMetrics) for (const { name } of metrics) seen.add(name);
    }
    if (resourceSpans.length > 0) seen.add("spans");
    return Response.json({});
  });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--allow-read", "--allow-net=127.0.0.1"],
      ...["src/cli/main.ts", "serve", "tests/golden/parity/llama", "--port", "0"],
    ],
    env: {
      NODEVICE_SELECT: "1",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_METRIC_EXPORT_INTERVAL: "300",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const { promise: address, resolve } = Promise.withResolvers<string>();
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      said += text;
      const found = /at (http:\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    }
  })();
  try {
    const body = JSON.stringify({ prompt: "Hi", response: "Hello." });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${await address}/v1/score`, { method: "POST", headers, body });
    assert.equal(typeof (await answer.json()).score, "number");
    const wanted = ["assay.inference.duration", "assay.queue.wait", "assay.tokens", "spans"];
    for (let tries = 0; !wanted.every((name) => seen.has(name)); tries++) {
      assert.ok(tries < 200, `only ${[...seen]} came; ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    child.kill("SIGTERM");
    await reading;
    await child.status;
  }
});
