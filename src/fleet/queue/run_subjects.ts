import { AssayError } from "../../error.ts";

/**
 * What a run's messages are called. Each subject takes one message, ever: who publishes a second one is
 * refused by the server, however long ago the first was.
 */
export interface RunSubjects {
  /** The stream's name. */
  readonly stream: string;
  /** All of them. */
  readonly all: string;
  /** What was asked for: a {@linkcode RunPlan}. */
  readonly plan: string;
  /** How many jobs and rows there are, once all were submitted. */
  readonly end: string;
  /** Stands there where the run was cancelled. */
  readonly cancelled: string;
  /** The rows that a job carries. */
  rows(job: number): string;
  /** Jobs for a model, for its consumer. */
  jobs(model: number): string;
  /** Those that were submitted, without parts of divided ones. */
  wholeJobs(model: number): string;
  /** A job of a model. */
  job(model: number, job: string): string;
  /** Its result. */
  result(model: number, job: string): string;
  /** Results of a model. */
  results(model: number): string;
  /** Whom the model's first worker is. */
  identity(model: number): string;
  /** One try at a job, by a worker; `what` is `begun`, `returned` or `failed`. */
  attempt(model: number, job: string, worker: string, delivery: number, what: string): string;
  /** All tries at a job. */
  attempts(model: number, job: string): string;
  /** Stands there where two workers gave different results for a job. */
  differs(model: number, job: string): string;
  /** All of those. */
  readonly allDiffering: string;
}

const prefix = "assay.run";

/**
 * The subjects of a run.
 *
 * @throws {AssayError} `fleet/bad-name`.
 */
export function runSubjects(run: string): RunSubjects {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(run)) {
    throw new AssayError(
      "fleet/bad-name",
      "Cannot name a run so: expected up to 64 letters, digits, - and _, found " +
        JSON.stringify(run.slice(0, 80)),
    );
  }
  const own = `${prefix}.${run}`;
  return {
    stream: `${streamPrefix}${run}`,
    all: `${own}.>`,
    plan: `${own}.plan`,
    end: `${own}.end`,
    cancelled: `${own}.cancelled`,
    rows: (job) => `${own}.rows.${job}`,
    jobs: (model) => `${own}.job.${model}.>`,
    wholeJobs: (model) => `${own}.job.${model}.*`,
    job: (model, job) => `${own}.job.${model}.${job}`,
    result: (model, job) => `${own}.result.${model}.${job}`,
    results: (model) => `${own}.result.${model}.>`,
    identity: (model) => `${own}.identity.${model}`,
    attempt: (model, job, worker, delivery, what) =>
      `${own}.try.${model}.${job.replace(".", "+")}.${worker}.${delivery}.${what}`,
    attempts: (model, job) => `${own}.try.${model}.${job.replace(".", "+")}.>`,
    differs: (model, job) => `${own}.differs.${model}.${job.replace(".", "+")}`,
    allDiffering: `${own}.differs.>`,
  };
}

/** What the names of all runs' streams begin with. */
export const streamPrefix = "ASSAY_";

/** The consumer that hands out a model's jobs. */
export function consumerName(model: number): string {
  return `model-${model}`;
}

/** The subject that a worker answers at, while it lives. */
export function workerSubject(worker: string): string {
  return `assay.worker.${worker}`;
}

/** The subject that all workers answer at. */
export const allWorkers = "assay.workers";
