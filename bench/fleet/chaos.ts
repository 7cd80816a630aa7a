import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { QueueConnection } from "../../src/fleet/queue/queue_connection.ts";
import { RunQueue } from "../../src/fleet/queue/run_queue.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { NatsServer } from "./nats_server.ts";
import { FleetProcesses } from "./fleet_processes.ts";

/** What may happen to a fleet. */
export const happenings = [
  "a worker is killed",
  "the server is killed and started again",
  "the server is stopped and started again",
  "the submitter is killed",
  "the collector is killed",
  "all connections are cut",
  "answers are lost, then the connections cut",
  "all bytes are lost for a second, then the connections cut",
  "bytes are late",
] as const;

/** How much of what. */
export interface ChaosSettings {
  readonly seed: number;
  readonly workers: number;
  readonly events: number;
  /** The rows, as JSON Lines. */
  readonly input: string;
  readonly rows: number;
  readonly jobRows: number;
  /** Seconds. */
  readonly patience: number;
  /** Where the collected rows go. */
  readonly output: string;
  readonly onEvent?: ((what: string, done: number) => void) | undefined;
}

/** What came to pass. */
export interface ChaosReport {
  readonly events: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Processes that were killed and started again. */
  readonly restarts: number;
}

/** Rows that are submitted before as many were done: the submitter is there to be killed to the end. */
const lead = 0.25;

/**
 * Lets a fleet score rows while things happen to it at random moments of the work, until all are
 * collected.
 */
export async function chaos(settings: ChaosSettings): Promise<ChaosReport> {
  const { events, rows, seed } = settings;
  const random = seededRandom(seed);
  await using server = await NatsServer.start();
  using proxy = new CuttingProxy(server.port);
  await using processes = new FleetProcesses(proxy.address, settings);
  const start = performance.now();
  await processes.begin();
  const moments = Array.from({ length: events }, () => 0.02 + 0.95 * random()).sort((a, b) =>
    a - b
  );
  const counts: Record<string, number> = {};
  await using watch = new Watch(server, settings);
  for (const moment of moments) {
    let done = await watch.share();
    while (done < moment && !processes.isCollected) {
      processes.feed(Math.min(rows, Math.ceil(rows * (done + lead))));
      await new Promise((resolve) => setTimeout(resolve, 50));
      done = await watch.share();
    }
    if (processes.isCollected) break;
    const what = happenings[Math.floor(random() * happenings.length)]!;
    settings.onEvent?.(what, done);
    counts[what] = (counts[what] ?? 0) + 1;
    await happen(what, server, proxy, processes, random);
  }
  processes.feed(rows);
  await processes.collected();
  return {
    events: counts,
    seconds: (performance.now() - start) / 1000,
    restarts: processes.restarts,
  };
}

async function happen(
  what: typeof happenings[number],
  server: NatsServer,
  proxy: CuttingProxy,
  processes: FleetProcesses,
  random: () => number,
): Promise<void> {
  const pause = (milliseconds: number) =>
    new Promise((resolve) => setTimeout(resolve, milliseconds));
  switch (what) {
    case "a worker is killed":
      return await processes.killWorker(random());
    case "the submitter is killed":
      return await processes.killSubmitter();
    case "the collector is killed":
      return await processes.killCollector();
    case "the server is killed and started again":
    case "the server is stopped and started again":
      await server.stop(what.includes("stopped") ? "SIGTERM" : "SIGKILL");
      await pause(300 * random());
      return await server.start();
    case "all connections are cut":
      return proxy.cut();
    case "answers are lost, then the connections cut":
    case "all bytes are lost for a second, then the connections cut":
      proxy.weather = what.startsWith("answers") ? "deaf" : "lost";
      await pause(what.startsWith("answers") ? 300 * random() : 1000);
      proxy.weather = "fair";
      return proxy.cut();
    case "bytes are late":
      proxy.weather = "slow";
      proxy.delay = 20 + 200 * random();
      await pause(1000);
      proxy.weather = "fair";
  }
}

/** Looks how far the run is, past the proxy. */
class Watch implements AsyncDisposable {
  readonly #server: NatsServer;
  readonly #jobs: number;
  #connection: QueueConnection | undefined;

  constructor(server: NatsServer, { rows, jobRows }: ChaosSettings) {
    this.#server = server;
    this.#jobs = Math.ceil(rows / jobRows);
  }

  /** The part of the jobs that are done. */
  async share(): Promise<number> {
    try {
      this.#connection ??= await QueueConnection.open({ servers: this.#server.address });
      const queue = new RunQueue(this.#connection, "chaos", { patience: 0 });
      const { delivered, num_ack_pending } = await queue.consumer(0);
      return Math.max(0, delivered.stream_seq === 0 ? 0 : await this.#done(queue, num_ack_pending));
    } catch {
      return 0; // it is not there yet, or just now
    }
  }

  async #done(queue: RunQueue, inHand: number): Promise<number> {
    const { num_pending } = await queue.consumer(0);
    const last = await queue.message(queue.subjects.wholeJobs(0));
    const there = last === undefined ? 0 : Number(last.subject.split(".").at(-1)) + 1;
    return (there - num_pending - inHand) / this.#jobs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection?.[Symbol.asyncDispose]();
  }
}
