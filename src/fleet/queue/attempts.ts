import { errors } from "@nats-io/transport-node";
import { AssayError } from "../../error.ts";
import { type Job, jobName, rowsOf, type RunPlan } from "./run_plan.ts";
import type { RunQueue } from "./run_queue.ts";
import { workerSubject } from "./run_subjects.ts";

/** Parts that a job is divided into at most. */
const mostParts = 16;

/** What is known of the tries at a job. */
export interface Attempts {
  /** Tries that ended their worker, or in which the model failed. */
  readonly fatal: number;
  /** What the model said when it last failed. */
  readonly reason: string | undefined;
}

/**
 * Looks how often a job ended its worker: tries that were begun, and neither given back nor still going
 * on. A worker that lives answers when it is asked; no clock is read.
 */
export async function attemptsOf(queue: RunQueue, model: number, job: Job): Promise<Attempts> {
  const begun = new Map<string, string>();
  const failed: string[] = [];
  for (const subject of await queue.subjectsLike(queue.subjects.attempts(model, jobName(job)))) {
    const [worker, delivery, what] = subject.split(".").slice(-3) as [string, string, string];
    const attempt = `${worker}.${delivery}`;
    if (what === "begun" && !begun.has(attempt)) begun.set(attempt, worker);
    if (what === "returned") begun.set(attempt, "");
    if (what === "failed") {
      begun.set(attempt, "");
      failed.push(subject);
    }
  }
  let fatal = failed.length;
  for (const worker of begun.values()) if (worker !== "" && !await lives(queue, worker)) fatal++;
  const last = failed.at(-1);
  return { fatal, reason: last && await queue.text(last) };
}

/** Whether a worker answers. One that might, but does not just now, counts as living. */
async function lives(queue: RunQueue, worker: string): Promise<boolean> {
  try {
    await queue.connection.nats.request(workerSubject(worker), "", { timeout: 1000 });
    return true;
  } catch (error) {
    return !(error instanceof errors.NoRespondersError ||
      error instanceof errors.RequestError && error.isNoResponders());
  }
}

/** After how many tries that ended their worker a job is tried no more as it is. */
export function mostTries(job: Job, { tries }: Pick<RunPlan, "tries">): number {
  const [from, to] = rowsOf(job);
  if (to - from === 1) return tries;
  // The first try of a whole job leaves no trace; a part that ends a worker at once is suspicious.
  return job.part === undefined ? Math.max(1, tries - 1) : 1;
}

/** Whether a try is to be noted before it is made: the first one of a whole job is not, which nearly all are. */
export function isNoted(job: Job, delivery: number): boolean {
  const [from, to] = rowsOf(job);
  return delivery > 1 || job.part !== undefined || to - from === 1;
}

/** The parts that a job is divided into, of more than one row. */
export function partsOf(job: Job): readonly (readonly [from: number, to: number])[] {
  const [from, to] = rowsOf(job);
  const size = Math.ceil((to - from) / Math.min(mostParts, to - from));
  const parts: [number, number][] = [];
  for (let at = from; at < to; at += size) parts.push([at, Math.min(to, at + size)]);
  return parts;
}

/** The error of a row that ends every worker. */
export function poisonError(line: number, { fatal, reason }: Attempts): AssayError {
  const why = reason === undefined ? "the worker ended" : `the model failed: ${reason}`;
  return new AssayError(
    "fleet/poison-row",
    `Row ${line}: expected a worker to score it, found that ${fatal} tries did not (${why}); it is left ` +
      "without a score",
  );
}
