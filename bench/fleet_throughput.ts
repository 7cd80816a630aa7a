/**
 * `deno run --allow-all bench/fleet_throughput.ts [--rows 1600] [--rounds 5]`: two workers of one thread
 * beside one process of two threads, in turn; and what the queue costs a row, with a model that costs
 * nothing.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { collectRows } from "../src/fleet/queue/collect_rows.ts";
import { FleetWorker } from "../src/fleet/queue/fleet_worker.ts";
import { QueueConnection } from "../src/fleet/queue/queue_connection.ts";
import { RunQueue } from "../src/fleet/queue/run_queue.ts";
import type { RunPlan } from "../src/fleet/queue/run_plan.ts";
import { submitRows } from "../src/fleet/queue/submit_rows.ts";
import { readRows } from "../src/data/read_rows.ts";
import { scoreRows } from "../src/tasks/score/score_rows.ts";
import { chaosRows } from "./fleet/chaos_rows.ts";
import { assay } from "./fleet/fleet_processes.ts";
import { freeScorer, freeWorker } from "./fleet/free_worker.ts";
import { NatsServer } from "./fleet/nats_server.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "1600" },
    rounds: { type: "string", default: "5" },
    free: { type: "string", default: "20000" },
  },
});
const [rows, rounds, free] = [values.rows, values.rounds, values.free].map(Number) as [
  number,
  number,
  number,
];
const model = new URL("../models/demo", import.meta.url).pathname;
const folder = await Deno.makeTempDir();
const input = `${folder}/rows.jsonl`;
await Deno.writeTextFile(input, chaosRows(rows));

const plan: RunPlan = {
  version: 1,
  models: [""],
  explain: false,
  allowMixed: false,
  jobRows: 50,
  jobBytes: 2 ** 18,
  tries: 3,
  patience: 30,
  shared: null,
  input,
};

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}

/** Seconds that one process of two threads takes, the loading of its model apart. */
async function alone(): Promise<number> {
  const { stderr } = await assay(
    ...["score", model, input, "--backend", "wasm", "--threads", "2"],
    ...["--output", `${folder}/alone.jsonl`],
  ).output();
  return Number(/ in ([\d.]+) s /.exec(new TextDecoder().decode(stderr))![1]);
}

/** Seconds from the first job that is handed out to the last result: the workers have loaded the model. */
async function together(connection: QueueConnection, round: number): Promise<number> {
  const queue = new RunQueue(connection, `round-${round}`);
  await submitRows(queue, { plan, rows: readRows(input) });
  const until = async (isSo: (waiting: number, inHand: number) => boolean) => {
    for (;;) {
      const { num_pending, num_ack_pending } = await queue.consumer(0);
      if (isSo(num_pending, num_ack_pending)) return performance.now();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const start = await until((_, inHand) => inHand > 0);
  await until((waiting, inHand) => waiting + inHand === 0);
  return (performance.now() - start) / 1000;
}

await using server = await NatsServer.start();
await using connection = await QueueConnection.open({ servers: server.address });
if (rounds > 0) {
  const started = Array.from({ length: 2 }, () =>
    assay(
      ...["worker", model, "--queue", server.address, "--backend", "wasm", "--threads", "1"],
    ).spawn());
  await together(connection, -1); // they are loaded and warm
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const fleet = await together(connection, round);
    const single = await alone();
    ratios.push(single / fleet);
    console.log(`two workers ${fleet.toFixed(2)} s, one process ${single.toFixed(2)} s`);
  }
  for (const worker of started) worker.kill("SIGKILL");
  console.log(JSON.stringify({ rows, rounds, throughputRatio: median(ratios), ratios }));
}

const text = chaosRows(free);
await Deno.writeTextFile(input, text);
const costs: number[] = [];
const direct: number[] = [];
for (let round = 0; round < 5; round++) {
  const queue = new RunQueue(connection, `free-${round}`);
  let start = performance.now();
  await submitRows(queue, { plan: { ...plan, jobRows: 200 }, rows: readRows(input) });
  const worker = new FleetWorker(connection, freeWorker, { run: queue.run, untilDone: true });
  await worker.work();
  for await (const _ of collectRows(queue, plan, { waits: false }));
  costs.push((performance.now() - start) / free);
  start = performance.now();
  for await (const _ of scoreRows(readRows(input), freeScorer));
  direct.push((performance.now() - start) / free);
}
const overhead = costs.map((cost, round) => cost - direct[round]!);
console.log(JSON.stringify({
  rows: free,
  millisecondsPerRow: {
    submitWorkCollect: median(costs),
    withoutQueue: median(direct),
    overhead: median(overhead),
  },
}));
await Deno.remove(folder, { recursive: true });
