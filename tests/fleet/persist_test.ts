/** What is asked of the queue once more, and what is not. */
import assert from "node:assert/strict";
import { errors } from "@nats-io/transport-node";
import { JetStreamApiError } from "@nats-io/jetstream";
import { persist } from "../../src/fleet/queue/persist.ts";
import type { QueueConnection } from "../../src/fleet/queue/queue_connection.ts";
import { RunQueue } from "../../src/fleet/queue/run_queue.ts";

function late(): Promise<never> {
  return Promise.reject(new errors.TimeoutError());
}

function notFound(): Promise<never> {
  return Promise.reject(
    new JetStreamApiError({ code: 404, err_code: 10059, description: "stream not found" }),
  );
}

Deno.test("a run is made though the queue did not answer at first", async () => {
  let asked = 0;
  const streams = { info: notFound, add: () => asked++ === 0 ? late() : Promise.resolve({}) };
  const connection = { manager: { streams } } as unknown as QueueConnection;
  assert.equal(await new RunQueue(connection, "r").create({}), true);
  assert.equal(asked, 2);
});

Deno.test("where the queue does not answer, a run that has gone is told from a cut", async () => {
  let asked = 0;
  const once = () => asked++ === 0 ? late() : Promise.resolve("there");
  assert.equal(await persist({}, { doing: "ask", run: "r", look: late }, once), "there");
  await assert.rejects(persist({}, { doing: "ask", run: "r", look: notFound }, late), {
    code: "fleet/unknown-run",
  });
  await assert.rejects(persist({ patience: 0 }, { doing: "ask" }, late), {
    code: "fleet/queue-lost",
  });
});
