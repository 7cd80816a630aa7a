/** What is said while the queue does not answer. */
import assert from "node:assert/strict";
import type { QueueConnection } from "../../src/fleet/queue/queue_connection.ts";
import { RunQueue } from "../../src/fleet/queue/run_queue.ts";

Deno.test("what waits for the queue at once is told once", async () => {
  const told: string[] = [];
  const connection = { manager: { streams: { info: () => Promise.resolve({}) } } };
  const queue = new RunQueue(connection as unknown as QueueConnection, "r", {
    onWaiting: (message) => void told.push(message),
  });
  const realNow = performance.now;
  let time = 0;
  performance.now = () => time;
  try {
    let failures = 0;
    const work = (): Promise<string> => {
      if (failures >= 6) return Promise.resolve("answered");
      failures++;
      time += 6000;
      return Promise.reject(Object.assign(new Error("no answer"), { name: "JetStreamNotEnabled" }));
    };
    const answers = await Promise.all([1, 2, 3].map(() => queue.persist("write", work)));
    assert.deepEqual(answers, ["answered", "answered", "answered"]);
  } finally {
    performance.now = realNow;
  }
  assert.deepEqual(told, ["the queue does not answer"]);
});
