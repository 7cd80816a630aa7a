import assert from "node:assert/strict";
import { serveWorkerMetrics } from "../../src/fleet/worker_metrics.ts";
import { fakeIdentity } from "../server/fake_model.ts";

Deno.test("a worker's figures are served as they are when they are asked for", async () => {
  let counts = { jobs: 0, rows: 0, failed: 0, conversations: 0, tokens: 0, seconds: 0 };
  await using server = await serveWorkerMetrics(
    { model: "demo", identity: fakeIdentity, counts: () => counts },
    "127.0.0.1",
    0,
  );
  const figures = async () => await (await fetch(`${server.address}/metrics`)).text();
  assert.match(await figures(), /^assay_worker_rows_total\{model="demo"\} 0$/m);
  counts = { jobs: 2, rows: 70, failed: 1, conversations: 140, tokens: 9000, seconds: 1.5 };
  const text = await figures();
  assert.match(text, /^assay_worker_rows_total\{model="demo"\} 70$/m);
  assert.match(text, /^assay_worker_failed_rows_total\{model="demo"\} 1$/m);
  assert.match(text, /^assay_worker_computing_seconds_total\{model="demo"\} 1\.5$/m);
  assert.match(text, /^assay_worker_info\{model="demo",version="0\.0\.0",kernels="cpu",.*\} 1$/m);
  assert.equal((await (await fetch(`${server.address}/live`)).text()).trim(), "alive");
  const other = await fetch(`${server.address}/other`);
  assert.equal(other.status, 404);
  await other.body?.cancel();
});
