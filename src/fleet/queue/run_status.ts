import type { WorkerCounts } from "./worker_figures.ts";
import type { QueueConnection } from "./queue_connection.ts";
import { runEnd } from "./collect_rows.ts";
import { readJob } from "./run_plan.ts";
import type { RunQueue } from "./run_queue.ts";
import { allWorkers } from "./run_subjects.ts";

/** How far a run is, of one of its models. */
export interface RunStatus {
  readonly run: string;
  /** What the run calls the model; empty where any model would do. */
  readonly model: string;
  /** `submitting`, `running`, `done` or `cancelled`. */
  readonly state: string;
  /** Rows in the queue; all of them once the state is not `submitting`. */
  readonly rows: number;
  /** Rows with a result, as near as whole jobs tell. */
  readonly rowsDone: number;
  readonly jobs: number;
  readonly jobsDone: number;
  /** Jobs that workers have in hand. */
  readonly jobsInHand: number;
  /** Workers that answer and work for it. */
  readonly workers: number;
  /** Rows in a second, from the first result to the last, by the server's clock; null while unknown. */
  readonly rowsPerSecond: number | null;
  /** At that rate; null while unknown. */
  readonly secondsLeft: number | null;
  /** Bytes that the run takes in the queue. */
  readonly bytes: number;
}

/** A worker, as it answers. */
export interface WorkerStatus extends WorkerCounts {
  readonly worker: string;
  readonly model: string;
  readonly identity: string;
  readonly runs: readonly string[];
}

/** The workers that answer within half a second. */
export async function workersThere(connection: QueueConnection): Promise<WorkerStatus[]> {
  const found = new Map<string, WorkerStatus>();
  try {
    const answers = await connection.nats.requestMany(allWorkers, "", { maxWait: 500 });
    for await (const answer of answers) {
      const worker = answer.json<WorkerStatus>();
      found.set(worker.worker, worker);
    }
  } catch {
    // Nobody answers: there is none.
  }
  return [...found.values()].sort((a, b) => a.worker < b.worker ? -1 : 1);
}

/**
 * How far a run is, a status for each of its models. No machine's clock is read but the server's own.
 *
 * @throws {AssayError} `fleet/unknown-run`.
 */
export async function runStatus(
  queue: RunQueue,
  workers: readonly WorkerStatus[],
): Promise<RunStatus[]> {
  const doing = `tell of run ${JSON.stringify(queue.run)}`;
  const plan = await queue.plan(doing, { evenCancelled: true });
  const isCancelled = await queue.text(queue.subjects.cancelled) !== undefined;
  const end = await runEnd(queue);
  const last = end === undefined ? await queue.message(queue.subjects.wholeJobs(0)) : undefined;
  const lastJob = last && readJob(last.string());
  const rows = end?.rows ?? (lastJob ? lastJob.before + lastJob.rows : 0);
  const { bytes } =
    (await queue.persist(doing, () => queue.connection.manager.streams.info(queue.subjects.stream)))
      .state;
  const statuses: RunStatus[] = [];
  for (const [model, name] of plan.models.entries()) {
    const { total, waiting, inHand } = isCancelled
      ? { total: end?.jobs ?? 0, waiting: 0, inHand: 0 }
      : await jobCounts(queue, model);
    const jobs = Math.max(total, end?.jobs ?? 0);
    const jobsDone = isCancelled ? 0 : jobs - waiting - inHand;
    const rowsDone = jobs === 0 ? 0 : Math.round(rows * jobsDone / jobs);
    const rate = isCancelled ? null : await rateOf(queue, model, rowsDone);
    const isDone = end !== undefined && jobsDone === jobs;
    statuses.push({
      run: queue.run,
      model: name,
      state: isCancelled
        ? "cancelled"
        : end === undefined
        ? "submitting"
        : isDone
        ? "done"
        : "running",
      rows,
      rowsDone,
      jobs,
      jobsDone,
      jobsInHand: inHand,
      workers: workers.filter((worker) =>
        worker.runs.includes(queue.run) && (name === "" || name === worker.model)
      ).length,
      rowsPerSecond: rate,
      secondsLeft: isDone ? 0 : rate === null ? null : (rows - rowsDone) / rate,
      bytes,
    });
  }
  return statuses;
}

async function jobCounts(queue: RunQueue, model: number) {
  const { num_pending, num_ack_pending } = await queue.consumer(model);
  const last = await queue.message(queue.subjects.wholeJobs(model));
  const total = last === undefined ? 0 : readJob(last.string()).number + 1;
  return { total, waiting: num_pending, inHand: num_ack_pending };
}

/** Rows in a second between the first and the last result, by the server's clock. */
async function rateOf(queue: RunQueue, model: number, rowsDone: number): Promise<number | null> {
  const results = queue.subjects.results(model);
  const [first, last] = [await queue.firstMessage(results), await queue.message(results)];
  if (first === undefined || last === undefined) return null;
  const seconds = (last.time.getTime() - first.time.getTime()) / 1000;
  return seconds > 0 && rowsDone > 0 ? rowsDone / seconds : null;
}

/**
 * Cancels a run: no job is handed out any more, and results that are there can't be collected.
 *
 * @param remove Whether to remove all of it, so that its name is free.
 */
export async function cancelRun(queue: RunQueue, remove: boolean): Promise<void> {
  const doing = `cancel run ${JSON.stringify(queue.run)}`;
  await queue.plan(doing, { evenCancelled: true }).catch(async (error) => {
    if (!remove || !await queue.exists()) throw error; // one that was never quite made goes too
  });
  const { manager } = queue.connection;
  const { stream } = queue.subjects;
  if (remove) {
    await queue.persist(doing, () => manager.streams.delete(stream));
    return;
  }
  await queue.put(queue.subjects.cancelled, "cancelled");
  const consumers = await queue.persist(doing, () => manager.consumers.list(stream).next());
  for (const { name } of consumers) {
    await queue.persist(doing, () => manager.consumers.delete(stream, name));
  }
}
