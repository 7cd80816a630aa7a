import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { carriedJobs, type InputJob, sharedJobs } from "./input_jobs.ts";
import { jobName, readEnd, readJob, readPlan, type RunEnd, type RunPlan } from "./run_plan.ts";
import type { RunQueue, RunStorage } from "./run_queue.ts";

/** What is submitted. */
export interface Submission extends RunStorage {
  readonly plan: RunPlan;
  /** The rows, where jobs carry them. */
  readonly rows?: AsyncIterable<ReadRow> | undefined;
  /** The file as it is read here, where workers read it too. */
  readonly path?: string | undefined;
  /** Told how many rows are in the queue. */
  readonly onProgress?: ((rows: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What came of it. */
export interface Submitted extends RunEnd {
  /** Whether an earlier submission of the same rows was gone on with. */
  readonly resumed: boolean;
}

/** Jobs that are sent at once. */
const window = 64;

/**
 * Puts the jobs of rows into the queue. A submission that was cut off goes on where it was when the same
 * one is made again: jobs are cut the same way, and each is held against the digest of all rows before
 * it.
 *
 * @throws {AssayError} `fleet/run-exists` where the name is taken by other rows or other settings,
 *   `fleet/run-cancelled`, `fleet/queue-full`, `fleet/queue-lost`.
 */
export async function submitRows(queue: RunQueue, submission: Submission): Promise<Submitted> {
  const { plan, onProgress, signal } = submission;
  const resumed = !await begin(queue, submission);
  const known = resumed ? await lastJob(queue) : undefined;
  const ending = resumed ? await queue.text(queue.subjects.end) : undefined;
  const sending = new Set<Promise<void>>();
  let failure: unknown;
  let end: RunEnd = { jobs: 0, rows: 0, digest: "" };
  let isCompared = known === undefined;
  const jobs = submission.path === undefined
    ? carriedJobs(submission.rows!, plan)
    : sharedJobs(submission.path, plan);
  for await (const made of jobs) {
    signal?.throwIfAborted();
    const { number, rows, before, digest } = made.job;
    end = { jobs: number + 1, rows: before + rows, digest };
    if (number === known?.number) {
      isCompared = true;
      if (known.digest !== digest) throw otherRows(queue.run);
    }
    // What was sent in the last moments before a cut may have gaps.
    if (known !== undefined && number < known.number - 2 * window) continue;
    const sent = send(queue, plan, made).catch((error) => failure ??= error)
      .finally(() => sending.delete(sent));
    sending.add(sent);
    if (sending.size >= window) await Promise.race(sending);
    if (failure !== undefined) break;
    onProgress?.(end.rows);
  }
  await Promise.all(sending);
  if (failure !== undefined) throw failure;
  if (!isCompared) throw otherRows(queue.run);
  if (ending !== undefined && readEnd(ending).digest !== end.digest) throw otherRows(queue.run);
  await queue.put(queue.subjects.end, JSON.stringify(end));
  return { ...end, resumed };
}

/** Makes the run, or finds that the same one is there: `false`. */
async function begin(queue: RunQueue, { plan, mostBytes, replicas }: Submission): Promise<boolean> {
  const isNew = await queue.create({ mostBytes, replicas });
  if (!isNew) await queue.refuseCancelled(`submit run ${JSON.stringify(queue.run)}`);
  const text = JSON.stringify(plan);
  const isOurs = await queue.put(queue.subjects.plan, text);
  const there = isOurs ? text : await queue.text(queue.subjects.plan);
  if (there !== text) refuseOther(queue.run, plan, readPlan(there ?? "", queue.run));
  for (const model of plan.models.keys()) await queue.createConsumer(model, plan.patience);
  return isNew;
}

/** @throws {AssayError} `fleet/run-exists` where the two plans differ in more than the input's name. */
function refuseOther(run: string, plan: RunPlan, there: RunPlan): void {
  const [own, other] = [plan, there].map((plan) => new Map(Object.entries<unknown>(plan)));
  for (const [name, value] of own!) {
    const [wanted, found] = [JSON.stringify(value), JSON.stringify(other!.get(name))];
    if (name === "input" || wanted === found) continue;
    throw new AssayError(
      "fleet/run-exists",
      `Cannot submit run ${
        JSON.stringify(run)
      }: expected a new name, or the same submission again, ` +
        `found a run with ${name} ${found} in place of ${wanted}; choose another --name`,
    );
  }
}

/** The job of an earlier submission that came last. */
async function lastJob(queue: RunQueue): Promise<ReturnType<typeof readJob> | undefined> {
  const last = await queue.message(queue.subjects.wholeJobs(0));
  return last && readJob(last.string());
}

/** The rows first: no job may be handed out before them. */
async function send(queue: RunQueue, plan: RunPlan, { job, text }: InputJob): Promise<void> {
  const { subjects } = queue;
  if (text !== undefined) await queue.put(subjects.rows(job.number), text);
  const message = JSON.stringify(job);
  await Promise.all(
    plan.models.map((_, model) => queue.put(subjects.job(model, jobName(job)), message)),
  );
}

function otherRows(run: string): AssayError {
  return new AssayError(
    "fleet/run-exists",
    `Cannot submit run ${
      JSON.stringify(run)
    }: expected a new name, or the same rows again, found a run ` +
      "of other rows; choose another --name",
  );
}
