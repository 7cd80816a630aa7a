import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { failedRow } from "../../tasks/score/score_columns.ts";
import { judgedRow, rowShape } from "../../tasks/score/score_rows.ts";
import type { ReadRow } from "../../data/rows.ts";
import { identityDigest, readIdentity } from "../scoring_identity.ts";
import { mixedColumn } from "../mixed_column.ts";
import { JobRows } from "./job_rows.ts";
import { jobResults, notDone, type Result, type Waiting } from "./job_results.ts";
import { type Job, jobName, readEnd, readJob, type RunEnd, type RunPlan } from "./run_plan.ts";
import type { RunQueue } from "./run_queue.ts";

/** One collected row. */
export interface CollectedRow {
  /** Which of the plan's models scored it. */
  readonly model: number;
  readonly row: Row;
  /** Whether the row has an `error`. */
  readonly failed: boolean;
}

/** How to collect. */
export interface CollectOptions {
  /** The plan's models that are wanted, by number; all of them by default. */
  readonly models?: readonly number[] | undefined;
  /** Rows of the input to leave out, which were collected before. */
  readonly after?: number | undefined;
  /** Whether to wait for results that are not there yet. */
  readonly waits: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Jobs whose rows and results are asked for before their turn. */
const ahead = 8;

/** A job with all that is collected of it. */
interface ReadJob {
  readonly job: Job;
  readonly rows: readonly ReadRow[];
  /** By model, in the order of the models that are wanted. */
  readonly results: readonly (readonly Result[])[];
}

/**
 * The rows of a run in the input's order, each with the columns of its verdicts, as they come: what
 * `assay score` writes on one machine. Memory does not grow with their number.
 *
 * @throws {AssayError} `fleet/not-done` where a result is missing and is not waited for;
 *   `fleet/results-differ`; `fleet/rows-missing`, `fleet/rows-changed` and what reading a shared file
 *   throws; `fleet/run-cancelled`.
 */
export async function* collectRows(
  queue: RunQueue,
  plan: RunPlan,
  options: CollectOptions,
): AsyncGenerator<CollectedRow> {
  const models = options.models ?? [...plan.models.keys()];
  const after = options.after ?? 0;
  await refuseDiffering(queue);
  const identities = models.map((model) => new Identities(queue, model));
  for await (const { job, rows, results } of readJobs(queue, plan, models, options)) {
    for (const [index, read] of rows.entries()) {
      if (job.before + index < after) continue;
      for (const [place, model] of models.entries()) {
        const { result, by } = results[place]![index]!;
        const hubName = await identities[place]!.hubName(by);
        const mark = plan.allowMixed ? { [mixedColumn]: by } : undefined;
        const options = { explain: plan.explain, hubName };
        const { row, failed } = result instanceof AssayError
          ? { row: failedRow(read.row ?? { line: read.line }, result), failed: true }
          : judgedRow({ read, shape: rowShape(read) }, result, options);
        yield { model, row: mark === undefined ? row : { ...row, ...mark }, failed };
      }
    }
  }
  await refuseDiffering(queue); // what came while rows were collected
}

/** How much there is; `undefined` where the submission is not complete. */
export async function runEnd(queue: RunQueue): Promise<RunEnd | undefined> {
  const text = await queue.text(queue.subjects.end);
  return text === undefined ? undefined : readEnd(text);
}

/** The jobs in their order; some are asked for ahead of their turn. */
async function* readJobs(
  queue: RunQueue,
  plan: RunPlan,
  models: readonly number[],
  { after = 0, waits, signal }: CollectOptions,
): AsyncGenerator<ReadJob> {
  using source = new JobRows(queue, plan);
  const giveUp = new AbortController();
  const waiting: Waiting = {
    waits,
    signal: AbortSignal.any([giveUp.signal, ...(signal ? [signal] : [])]),
  };
  let end: RunEnd | undefined;
  const read = async (number: number): Promise<ReadJob | undefined> => {
    const job = await findJob(number);
    if (job === undefined) return undefined;
    if (job.before + job.rows <= after) return { job, rows: [], results: [] };
    const rows = await source.read(job);
    const results = await Promise.all(
      models.map((model) => jobResults(queue, model, job, waiting)),
    );
    return { job, rows, results };
  };
  const findJob = async (number: number): Promise<Job | undefined> => {
    for (let pause = 20;; pause = Math.min(1000, 2 * pause)) {
      if (end !== undefined && number >= end.jobs) return undefined;
      const subject = queue.subjects.job(models[0] ?? 0, jobName({ number }));
      const text = await queue.text(subject);
      if (text !== undefined) return readJob(text);
      end ??= await runEnd(queue);
      if (end !== undefined) continue;
      await queue.refuseCancelled(`collect run ${JSON.stringify(queue.run)}`);
      if (!waits) throw notDone(queue.run, "not all of its rows were submitted");
      waiting.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  const jobs: Promise<ReadJob | undefined>[] = [];
  try {
    for (let number = 0;; number++) {
      while (jobs.length < ahead) {
        const job = read(number + jobs.length);
        job.catch(() => {}); // told when its turn comes
        jobs.push(job);
      }
      const job = await jobs.shift();
      if (job === undefined) return;
      if (job.rows.length > 0) yield job;
    }
  } finally {
    giveUp.abort();
    await Promise.allSettled(jobs);
  }
}

/** The identities of the workers of a model, by digest. */
class Identities {
  readonly #queue: RunQueue;
  readonly #subject: string;
  readonly #hubNames = new Map<string, Promise<string | undefined>>();
  #first: Promise<{ digest: string; hubName: string | undefined }> | undefined;

  constructor(queue: RunQueue, model: number) {
    this.#queue = queue;
    this.#subject = queue.subjects.identity(model);
  }

  /** Name and commit of a model of the hub, for the column `scored_by`. */
  async hubName(by: string): Promise<string | undefined> {
    const first = await this.#firstOne();
    if (by === first.digest) return first.hubName;
    let found = this.#hubNames.get(by);
    if (found === undefined) {
      found = this.#read(`${this.#subject}.${by}`).then(({ source }) => source ?? undefined);
      this.#hubNames.set(by, found);
    }
    return await found;
  }

  #firstOne(): Promise<{ digest: string; hubName: string | undefined }> {
    return this.#first ??= this.#read(this.#subject).then(async (identity) => ({
      digest: await identityDigest(identity),
      hubName: identity.source ?? undefined,
    }));
  }

  async #read(subject: string) {
    const text = await this.#queue.text(subject);
    return readIdentity(JSON.parse(text ?? "null"), "a worker of the run");
  }
}

/** Two workers gave different results for a job: neither can be believed. */
async function refuseDiffering(queue: RunQueue): Promise<void> {
  const message = await queue.message(queue.subjects.allDiffering);
  if (message === undefined) return;
  throw new AssayError(
    "fleet/results-differ",
    `Cannot collect run ${
      JSON.stringify(queue.run)
    }: expected equal results of equal workers, found ` +
      `two for job ${message.string()} that differ; one of the machines computes wrongly: look with ` +
      "assay doctor on each",
  );
}
