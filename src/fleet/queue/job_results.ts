import { AssayError } from "../../error.ts";
import { type Job, jobName, rowsOf } from "./run_plan.ts";
import type { RunQueue } from "./run_queue.ts";
import { readResultText, type RowResult } from "./verdict_text.ts";

/** The result of one row, and the digest of the identity that gave it. */
export interface Result {
  readonly result: RowResult;
  readonly by: string;
}

/** Whether a result is waited for, and until when. */
export interface Waiting {
  readonly waits: boolean;
  readonly signal: AbortSignal;
}

/** Milliseconds of waiting after which the consumer is asked whether it still has the job. */
const mendingTime = 5000;

/**
 * The results of a job's rows, of its parts where it was divided.
 *
 * @throws {AssayError} `fleet/not-done`, `fleet/run-cancelled`.
 */
export async function jobResults(
  queue: RunQueue,
  model: number,
  job: Job,
  waiting: Waiting,
): Promise<readonly Result[]> {
  const result = readResultText(await waitFor(queue, model, job, waiting));
  if (result.kind === "rows") {
    const [from, to] = rowsOf(job);
    if (result.rows.length === to - from) {
      return result.rows.map((row) => ({ result: row, by: result.by }));
    }
    throw new AssayError(
      "fleet/bad-message",
      `Cannot use the result of job ${jobName(job)}: expected ${to - from} rows, found ` +
        `${result.rows.length}; let all machines run one version of Assay`,
    );
  }
  const parts: Result[] = [];
  for (const part of result.parts) {
    parts.push(...await jobResults(queue, model, { ...job, part: [...part] }, waiting));
  }
  return parts;
}

async function waitFor(
  queue: RunQueue,
  model: number,
  job: Job,
  { waits, signal }: Waiting,
): Promise<string> {
  const subject = queue.subjects.result(model, jobName(job));
  let mendAt = performance.now() + mendingTime;
  for (let pause = 20;; pause = Math.min(1000, 2 * pause)) {
    const text = await queue.text(subject);
    if (text !== undefined) return text;
    if (!waits) throw notDone(queue.run, `there is none for job ${jobName(job)}`);
    signal.throwIfAborted();
    if (performance.now() > mendAt) {
      await queue.refuseCancelled(`collect run ${JSON.stringify(queue.run)}`);
      await mend(queue, model, job);
      mendAt = performance.now() + 4 * mendingTime;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/**
 * Makes a job anew that no worker has and the consumer does not know of any more, as after a crash of
 * the server that lost what it had handed out. A result that comes twice is kept once.
 */
async function mend(queue: RunQueue, model: number, job: Job): Promise<void> {
  const { num_pending, num_ack_pending } = await queue.consumer(model);
  if (num_pending > 0 || num_ack_pending > 0) return;
  if (await queue.message(queue.subjects.result(model, jobName(job))) !== undefined) return;
  const again = `${jobName(job)}.again-${crypto.randomUUID().slice(0, 8)}`;
  await queue.put(queue.subjects.job(model, again), JSON.stringify(job));
}

/** The error of a run that is not done, where nobody waits. */
export function notDone(run: string, found: string): AssayError {
  return new AssayError(
    "fleet/not-done",
    `Cannot collect run ${
      JSON.stringify(run)
    }: expected all results, found that ${found}; wait for ` +
      "them without --no-wait, and see assay fleet status",
  );
}
