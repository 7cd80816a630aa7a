import assert from "node:assert/strict";
import { missingNatsServer, NatsServer } from "../../bench/fleet/nats_server.ts";
import type { Row } from "../../src/data/rows.ts";
import { AssayError } from "../../src/error.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { FleetWorker } from "../../src/fleet/queue/fleet_worker.ts";
import { QueueConnection } from "../../src/fleet/queue/queue_connection.ts";
import { RunQueue } from "../../src/fleet/queue/run_queue.ts";
import { runNames } from "../../src/fleet/queue/run_names.ts";
import { cancelRun, runStatus, workersThere } from "../../src/fleet/queue/run_status.ts";
import { submitRows } from "../../src/fleet/queue/submit_rows.ts";
import { identityDigest } from "../../src/fleet/scoring_identity.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import type { Scorer } from "../../src/tasks/score/scorer.ts";
import { rowsInMemory } from "../../src/tasks/repeatable_rows.ts";
import { testWhere } from "../requirement.ts";
import {
  collected,
  failsWith,
  identity,
  lengthScorer,
  openRun,
  plan,
  submit,
  worker,
} from "./fake_fleet.ts";

const rows: Row[] = Array.from({ length: 23 }, (_, i): Row => {
  if (i === 3) return { id: i, prompt: "no response" };
  if (i === 4) return { id: 2n ** 70n, prompt: "x", response: "13 characters", odd: [NaN, -0] };
  if (i % 4 === 0) return { id: i, prompt: "x", chosen: "y".repeat(i), rejected: "" };
  return { id: i, prompt: "x", responses: ["a", "b".repeat(i), "c"], rewards: "old" };
});

/** What one machine gives. */
async function alone(rows: readonly Row[], explain = false): Promise<Row[]> {
  const scored = scoreRows(rowsInMemory(rows).read(), lengthScorer, { explain });
  return await Array.fromAsync(scored, ({ row }) => row);
}

/** A test with a server of its own. */
function testQueue(
  name: string,
  run: (server: NatsServer, queue: RunQueue) => Promise<void>,
  settings?: string,
): void {
  testWhere(missingNatsServer, name, async () => {
    await using server = await NatsServer.start(settings);
    const queue = await openRun(server, "r");
    try {
      await run(server, queue);
    } finally {
      await queue.connection[Symbol.asyncDispose]();
    }
  });
}

testQueue(
  "a run's rows come out as one machine gives them, value by value",
  async (server, queue) => {
    const { jobs, resumed } = await submit(queue, rows, { explain: true });
    assert.deepEqual([jobs, resumed], [5, false]);
    const workers = await Promise.all([worker(server), worker(server)]);
    await Promise.all(workers.map(({ ended }) => ended));
    assert.deepEqual(await collected(queue), await alone(rows, true));
    assert.deepEqual(await collected(queue, { after: 21 }), (await alone(rows, true)).slice(21));
    const [status] = await runStatus(queue, await workersThere(queue.connection));
    assert.deepEqual(
      [status?.state, status?.rows, status?.rowsDone, status?.jobsDone],
      ["done", 23, 23, 5],
    );
    assert.deepEqual(await runNames(queue.connection, {}), ["r"]);
  },
);

testQueue(
  "a submission that was cut off goes on; other rows are refused",
  async (server, queue) => {
    const cut = submitRows(queue, {
      plan,
      rows: (async function* () {
        yield* rowsInMemory(rows.slice(0, 12)).read();
        throw new Error("cut");
      })(),
    });
    await assert.rejects(cut, /cut/);
    await failsWith("fleet/not-done", collected(queue, { waits: false }));
    const others = rows.toSpliced(1, 1, { id: "other", prompt: "x", response: "y" });
    await failsWith("fleet/run-exists", submit(queue, others));
    await failsWith("fleet/run-exists", submit(queue, rows.slice(0, 2)));
    await failsWith("fleet/run-exists", submit(queue, rows, { jobRows: 4 }));
    assert.equal((await submit(queue, rows)).resumed, true);
    assert.equal((await submit(queue, rows)).resumed, true); // whole: nothing is added
    await failsWith("fleet/run-exists", submit(queue, [...rows, rows[0]!]));
    await (await worker(server)).ended;
    assert.deepEqual(await collected(queue), await alone(rows));
    const status = await runStatus(queue, []);
    assert.deepEqual(status[0]?.jobs, 5);
  },
);

testQueue(
  "several models score the same rows, each by workers of its name",
  async (server, queue) => {
    await submit(queue, rows.slice(0, 7), { models: ["a", "b"] });
    await failsWith("fleet/other-model", (await worker(server, { name: "c" }, { run: "r" })).ended);
    const workers = await Promise.all([
      worker(server, { name: "a" }),
      worker(server, { name: "b", identity: { ...identity, model: "other" } }),
    ]);
    await Promise.all(workers.map(({ ended }) => ended));
    const both = await collected(queue);
    assert.equal(both.length, 14);
    assert.deepEqual(await collected(queue, { models: [1] }), await alone(rows.slice(0, 7)));
  },
);

testQueue(
  "a row that makes the model fail comes out with its error, and nothing else is lost",
  async (server, queue) => {
    const poisoned = rows.toSpliced(7, 1, { id: 7, prompt: "x", response: "poison" });
    await submit(queue, poisoned, { jobRows: 20 });
    let loads = 0;
    const reload = () => Promise.resolve(void loads++);
    await (await worker(server, { reload })).ended;
    const found = await collected(queue);
    const error = found[7]!.error as { code: string; message: string };
    assert.equal(error.code, "fleet/poison-row");
    assert.match(error.message, /^Row 8: .*the device was lost/);
    const expected = await alone(rows);
    assert.deepEqual(found.toSpliced(7, 1), expected.toSpliced(7, 1));
    assert.ok(loads >= 4 && loads <= 8, `${loads} times loaded anew`);
  },
);

testQueue("a worker whose model can't be loaded anew ends", async (server, queue) => {
  const poison = rows.map((_, id) => ({ id, prompt: "x", response: "poison" }));
  await submit(queue, poison);
  const lost = new AssayError("gpu/no-adapter", "Cannot find an adapter");
  const { ended, notes } = await worker(server, { reload: () => Promise.reject(lost) });
  await failsWith("gpu/no-adapter", ended);
  assert.equal(notes.filter((note) => /the model failed/.test(note)).length, 1);
});

testQueue(
  "a row that ends every worker comes out alone, however many have gone",
  async (server, queue) => {
    const poisoned = rows.slice(0, 6).toSpliced(2, 1, { id: 2, prompt: "x", response: "poison" });
    await submit(queue, poisoned, { jobRows: 6, patience: 0.3 });
    const found = collected(queue);
    let isCollected = false;
    found.finally(() => isCollected = true).catch(() => {});
    let gone = 0;
    while (!isCollected) {
      const connection = await QueueConnection.open({ servers: server.address });
      const scorer: Scorer = {
        async *scoreStream(conversations) {
          try {
            yield* lengthScorer.scoreStream(conversations);
          } catch (error) {
            gone++;
            await connection.nats.close(); // as a process that is killed
            throw error;
          }
        },
      };
      const model = { name: "m", identity, scorer, reload: () => Promise.resolve() };
      await new FleetWorker(connection, model, { run: "r", untilDone: true }).work().catch(
        () => {},
      );
      await connection[Symbol.asyncDispose]();
    }
    const collectedRows = await found;
    const error = collectedRows[2]!.error as { code: string; message: string };
    assert.deepEqual([error.code, gone], ["fleet/poison-row", 4]);
    assert.match(error.message, /^Row 3: .* 2 tries did not \(the worker ended\)/);
    const expected = await alone(rows.slice(0, 6));
    assert.deepEqual(collectedRows.toSpliced(2, 1), expected.toSpliced(2, 1));
  },
);

testQueue(
  "a worker with another revision is refused by name, or its rows are marked",
  async (server, queue) => {
    await submit(queue, rows.slice(0, 5));
    await (await worker(server)).ended;
    const other = { identity: { ...identity, model: "another" } };
    const refused = await worker(server, other, { run: "r" });
    await failsWith("fleet/other-identity", refused.ended);
    const mixed = new RunQueue(queue.connection, "mixed");
    const { promise, resolve } = Promise.withResolvers<void>();
    const submitted = submitRows(mixed, {
      plan: { ...plan, allowMixed: true, jobRows: 1 },
      rows: (async function* () {
        yield* rowsInMemory(rows.slice(0, 5)).read();
        await promise;
        yield* rowsInMemory(rows.slice(5, 10)).read();
      })(),
    });
    while (!await mixed.exists() || await mixed.text(mixed.subjects.plan) === undefined) {
      await new Promise((done) => setTimeout(done, 10));
    }
    const first = await worker(server, {}, { run: "mixed", untilDone: false });
    while (first.worker.figures.told.rows < 5) await new Promise((done) => setTimeout(done, 10));
    first.worker.stop();
    await first.ended;
    resolve();
    await submitted;
    await (await worker(server, other, { run: "mixed" })).ended;
    const digests = await Promise.all([identity, other.identity].map(identityDigest));
    const marks = (await collected(mixed)).map((row) => row.scored_with);
    assert.deepEqual(marks, [...Array(5).fill(digests[0]), ...Array(5).fill(digests[1])]);
  },
);

testQueue("rows larger than a message are carried in several", async (server, queue) => {
  const large: Row[] = [{ prompt: "x", response: "é".repeat(9000) }, {
    prompt: "x",
    response: "y",
  }];
  await submit(queue, large, { jobBytes: 3000 });
  await (await worker(server)).ended;
  assert.deepEqual(await collected(queue), await alone(large));
}, "max_payload: 8192");

testQueue(
  "workers read ranges of a shared file, and notice that it was changed",
  async (server, queue) => {
    const path = await Deno.makeTempFile({ suffix: ".jsonl" });
    const text = (rows: readonly Row[]) =>
      rows.map((row, i) => (i % 7 === 2 ? "\n" : "") + JSON.stringify(row) + "\r\n").join("") +
      "bad";
    const plain = rows.map((row) => ({ ...row, id: Number(row.id), odd: null }));
    await Deno.writeTextFile(path, text(plain));
    const shared = { ...plan, shared: path };
    assert.equal((await submitRows(queue, { plan: shared, path })).rows, 24);
    assert.equal((await submitRows(queue, { plan: shared, path })).resumed, true);
    await (await worker(server)).ended;
    const expected = await Array.fromAsync(
      scoreRows(readRows(path), lengthScorer),
      ({ row }) => row,
    );
    assert.deepEqual(await collected(queue), expected);
    await Deno.writeTextFile(path, text(plain).replace("no response", "NO response"));
    await failsWith("fleet/rows-changed", collected(queue));
    await Deno.writeTextFile(path, "[1]");
    const again = new RunQueue(queue.connection, "list");
    await failsWith("fleet/not-shareable", submitRows(again, { plan: shared, path }));
    await Deno.remove(path);
  },
);

testQueue(
  "clocks that are hours apart change nothing",
  async (server, queue) => {
    const now = Date.now;
    await submit(queue, rows);
    try {
      Date.now = () => now() + 5 * 3600e3;
      const late = await worker(server);
      await late.ended;
      Date.now = () => now() - 9 * 3600e3;
      assert.deepEqual(await collected(queue), await alone(rows));
      const [status] = await runStatus(queue, []);
      assert.ok((status?.rowsPerSecond ?? 1) > 0);
    } finally {
      Date.now = now;
    }
  },
);

testQueue("cancelled, unknown and removed runs", async (server, queue) => {
  await failsWith("fleet/unknown-run", collected(queue));
  await failsWith("fleet/unknown-run", cancelRun(queue, false));
  await submit(queue, rows);
  await cancelRun(queue, false);
  await failsWith("fleet/run-cancelled", submit(queue, rows));
  await failsWith("fleet/run-cancelled", collected(queue));
  await failsWith("fleet/run-cancelled", (await worker(server, {}, { run: "r" })).ended);
  assert.equal((await runStatus(queue, []))[0]?.state, "cancelled");
  await cancelRun(queue, true);
  await failsWith("fleet/unknown-run", runStatus(queue, []));
  assert.equal((await submit(queue, rows)).resumed, false);
  const going = await worker(server, {}, { untilDone: false });
  await collected(queue);
  await cancelRun(queue, true);
  while (!going.notes.some((note) => /gone/.test(note))) {
    await new Promise((done) => setTimeout(done, 20));
  }
  await submit(queue, rows); // its name is free again, for this worker too
  assert.deepEqual(await collected(queue), await alone(rows));
  assert.equal(going.notes.filter((note) => /gone/.test(note)).length, 1);
  await cancelRun(queue, true);
  going.worker.stop();
  await going.ended;
  await submit(queue, rows);
  const bound = await worker(server, {}, { run: "r", untilDone: false });
  await collected(queue);
  await cancelRun(queue, true);
  await bound.ended; // there is nothing else that it was to work for
});

testQueue("a queue without room says so, and what was stored stays", async (server, queue) => {
  const submission = {
    plan: { ...plan, jobRows: 1 },
    mostBytes: 8000,
    rows: rowsInMemory(Array.from({ length: 99 }, (_, id) => ({ id, prompt: "x", response: "y" })))
      .read(),
  };
  await failsWith("fleet/queue-full", submitRows(queue, submission));
  const going = await worker(server, {}, { untilDone: false });
  going.worker.abort();
  await going.ended;
});

testWhere(missingNatsServer, "a queue that is not there, or refuses who asks", async () => {
  await failsWith("fleet/no-queue", QueueConnection.open({ servers: "nats://127.0.0.1:1" }));
  await failsWith("fleet/bad-address", QueueConnection.open({ servers: "http://u:secret@x" }));
  const users = `authorization { users: [
    { user: u, password: "s p", permissions: { publish: [">"], subscribe: [">"] } },
    { user: w, password: p, permissions: { publish: ["nothing"], subscribe: ["_INBOX.>"] } }
  ] }`;
  await using server = await NatsServer.start(users);
  const open = (user?: string, password?: string) =>
    QueueConnection.open({ servers: server.address, user, password });
  await failsWith("fleet/not-authorized", open());
  await failsWith("fleet/not-authorized", open("u", "wrong"));
  await failsWith("fleet/not-authorized", open("w", "p"));
  await using connection = await open("u", "s p");
  assert.equal(connection.servers.join(), server.address);
  await using plain = await NatsServer.start("# jetstream is off");
  await failsWith("fleet/no-jetstream", QueueConnection.open({ servers: plain.address }));
});
