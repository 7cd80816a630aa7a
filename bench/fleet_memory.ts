/**
 * `deno run --allow-all bench/fleet_memory.ts --rows 10000000 [--shared] --folder DIR`: the memory that
 * submit and collect take, by the system's own account of their processes, with a worker that makes
 * results up. What was done before is found in the folder and not done again.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { QueueConnection } from "../src/fleet/queue/queue_connection.ts";
import { readJob } from "../src/fleet/queue/run_plan.ts";
import { RunQueue } from "../src/fleet/queue/run_queue.ts";
import { jobName } from "../src/fleet/queue/run_plan.ts";
import { identityDigest } from "../src/fleet/scoring_identity.ts";
import { assay } from "./fleet/fleet_processes.ts";
import { freeWorker } from "./fleet/free_worker.ts";
import { NatsServer } from "./fleet/nats_server.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    shared: { type: "boolean", default: false },
    folder: { type: "string", default: "" },
  },
});
const rows = Number(values.rows);
const folder = values.folder || await Deno.makeTempDir();
await Deno.mkdir(folder, { recursive: true });
const input = `${folder}/rows-${rows}.jsonl`;
const run = `m${rows}${values.shared ? "s" : ""}`;

async function writeInput(): Promise<void> {
  if (await Deno.stat(input).then(() => true, () => false)) return;
  using file = await Deno.open(`${input}.tmp`, { write: true, create: true, truncate: true });
  for (let from = 0; from < rows; from += 50_000) {
    const lines = Array.from(
      { length: Math.min(50_000, rows - from) },
      (_, i) => `{"id":${from + i},"prompt":"p","response":"r${from + i}"}\n`,
    );
    await file.write(new TextEncoder().encode(lines.join("")));
  }
  await Deno.rename(`${input}.tmp`, input);
}

/** Runs a command; gives the most memory that it held, in MiB, and its seconds. */
async function measured(...args: string[]): Promise<{ mebibytes: number; seconds: number }> {
  const start = performance.now();
  const child = assay(...args).spawn();
  if (args.includes("submit")) void child.stdin.close();
  let most = 0;
  const watch = setInterval(async () => {
    const status = await Deno.readTextFile(`/proc/${child.pid}/status`).catch(() => "");
    most = Math.max(most, Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
  }, 100);
  const { code, stderr } = await child.output();
  clearInterval(watch);
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return { mebibytes: Math.round(most), seconds: (performance.now() - start) / 1000 };
}

/** Makes results up for all jobs. */
async function makeResults(queue: RunQueue): Promise<void> {
  const by = await identityDigest(freeWorker.identity);
  await queue.put(queue.subjects.identity(0), JSON.stringify(freeWorker.identity));
  const consumer = await queue.connection.stream.consumers.get(queue.subjects.stream, "model-0");
  for (;;) {
    const messages = await consumer.fetch({ max_messages: 200, expires: 1000 });
    let count = 0;
    const sent: Promise<unknown>[] = [];
    for await (const message of messages) {
      count++;
      const job = readJob(message.string());
      const row = `[{"s":0.5,"t":7}]`;
      const text = [`{"by":"${by}","kernels":"cpu"}`, ...Array(job.rows).fill(row)].join("\n");
      sent.push(
        queue.put(queue.subjects.result(0, jobName(job)), text).then(() => message.ack()),
      );
    }
    await Promise.all(sent);
    if (count === 0) return;
  }
}

await writeInput();
await using server = await NatsServer.start();
const sharing = values.shared ? ["--shared", input, "--job-rows", "2000"] : [];
const submitted = await measured(
  ...["fleet", "submit", input, "--name", run, "--queue", server.address],
  ...sharing,
);
console.log(JSON.stringify({ rows, shared: values.shared, submitted }));
const start = performance.now();
await using connection = await QueueConnection.open({ servers: server.address });
const queue = new RunQueue(connection, run);
await makeResults(queue);
console.log(JSON.stringify({ rows, resultsSeconds: (performance.now() - start) / 1000 }));
const collected = await measured(
  ...["fleet", "collect", run, "--queue", server.address, "--output", "/dev/null"],
);
console.log(JSON.stringify({ rows, shared: values.shared, collected }));
