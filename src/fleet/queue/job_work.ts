import type { JsMsg } from "@nats-io/jetstream";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { attemptsOf, isNoted, mostTries, partsOf, poisonError } from "./attempts.ts";
import type { WorkerModel } from "./worker_model.ts";
import { judgeRows } from "./judge_rows.ts";
import { type Job, jobName, readJob, rowsOf } from "./run_plan.ts";
import { type JobResult, readResultText, resultText, type RowResult } from "./verdict_text.ts";
import type { WorkerFigures } from "./worker_figures.ts";
import type { WorkerRun } from "./worker_run.ts";

/** What working on jobs needs of its worker. */
export interface JobWorker {
  readonly worker: string;
  readonly model: WorkerModel;
  readonly figures: WorkerFigures;
  /** Aborted when no further job is to be begun. */
  readonly stopping: AbortSignal;
  /** Aborted when the job that is computed is to be given back. */
  readonly abort: AbortSignal;
  readonly note: (message: string) => void;
}

/** Milliseconds until a job whose rows could not be read is handed out again. */
const missingRowsPause = 2000;

/** What is done with a job: its rows are read, scored, its result is put into the queue, then it is acknowledged. */
export class JobWork {
  readonly #of: JobWorker;
  /** The last message that handed out each job which is in hand. */
  readonly #inHand = new Map<string, JsMsg>();
  #turn: Promise<unknown> = Promise.resolve();
  /** Why the model could not be loaded anew: then the worker is of no use, and would fail at job after job. */
  #lost: unknown;

  constructor(worker: JobWorker) {
    this.#of = worker;
  }

  /**
   * Handles one message of a run's consumer. Whatever fails, the job is not lost: it is acknowledged
   * only when its result is in the queue.
   *
   * @throws {AssayError} Where the worker can't go on at all.
   */
  async handle(run: WorkerRun, message: JsMsg): Promise<void> {
    const key = message.subject;
    // Handed out again while it is computed here, after a cut: the later message is the one to answer.
    const isInHand = this.#inHand.has(key);
    this.#inHand.set(key, message);
    if (isInHand) return;
    const beat = setInterval(
      () => this.#inHand.get(key)?.working(),
      1000 * run.plan.patience / 3,
    );
    try {
      const isDone = await this.#work(run, message, readJob(message.string()));
      if (isDone) this.#inHand.get(key)?.ack();
      else this.#inHand.get(key)?.nak();
    } catch (error) {
      if (!(error instanceof AssayError) || this.#of.abort.aborted || error === this.#lost) {
        this.#inHand.get(key)?.nak();
        throw error;
      }
      this.#of.note(`${error.message} [${error.code}]`);
      this.#inHand.get(key)?.nak(missingRowsPause);
      if (error.code === "fleet/queue-lost" || error.code === "fleet/queue-failed") throw error;
    } finally {
      clearInterval(beat);
      this.#inHand.delete(key);
    }
  }

  /** Whether it is done: its result is in the queue. */
  async #work(run: WorkerRun, message: JsMsg, job: Job): Promise<boolean> {
    const { queue, model } = run;
    const delivery = message.info.deliveryCount;
    const subject = queue.subjects.result(model, jobName(job));
    if (delivery > 1 && await queue.message(subject) !== undefined) return true;
    const [from, to] = rowsOf(job);
    const rows = (await run.rows.read(job)).slice(from, to);
    const rowResults = await this.#inTurn(() => this.#judge(run, delivery, job, rows));
    if (rowResults === undefined) return false;
    const result: JobResult = rowResults === "divide"
      ? await this.#divide(run, job)
      : { kind: "rows", by: run.by, rows: rowResults };
    const text = resultText(result, run.plan.explain);
    if (!await queue.put(subject, text)) await this.#compare(run, job, subject, text);
    if (rowResults !== "divide") this.#of.figures.add(rowResults);
    return true;
  }

  /** The results of rows; `undefined` where the job is given back. */
  async #judge(
    run: WorkerRun,
    delivery: number,
    job: Job,
    rows: readonly ReadRow[],
  ): Promise<readonly RowResult[] | "divide" | undefined> {
    const { model, worker, stopping, abort, figures } = this.#of;
    if (stopping.aborted || this.#lost !== undefined) return undefined;
    const { queue } = run;
    const attempt = (what: string) =>
      queue.subjects.attempt(run.model, jobName(job), worker, delivery, what);
    const noted = isNoted(job, delivery);
    if (noted) {
      const attempts = await attemptsOf(queue, run.model, job);
      if (attempts.fatal >= mostTries(job, run.plan)) {
        return rows.length > 1 ? "divide" : [poisonError(rows[0]!.line, attempts)];
      }
      await queue.put(attempt("begun"), "");
    }
    const start = performance.now();
    try {
      return await judgeRows(rows, model.scorer, abort);
    } catch (error) {
      if (abort.aborted) {
        if (noted) await queue.put(attempt("returned"), "").catch(() => {});
        throw error;
      }
      const reason = error instanceof Error ? error.message : String(error);
      this.#of.note(`the model failed on job ${jobName(job)} of ${queue.run}: ${reason}`);
      await queue.put(attempt("failed"), reason);
      await model.reload().catch((error) => {
        this.#lost = error;
        throw error;
      });
      return undefined;
    } finally {
      figures.computed(performance.now() - start);
    }
  }

  /** Makes a job of each part; what stands there already was made by another worker. */
  async #divide({ queue, model }: WorkerRun, job: Job): Promise<JobResult> {
    const parts = partsOf(job);
    for (const [from, to] of parts) {
      const part: Job = { ...job, part: [from, to] };
      await queue.put(queue.subjects.job(model, jobName(part)), JSON.stringify(part));
    }
    this.#of.note(
      `job ${
        jobName(job)
      } of ${queue.run} ended its workers: it is divided into ${parts.length} parts`,
    );
    return { kind: "divided", parts };
  }

  /** Another worker was faster: its result must be the same. */
  async #compare(run: WorkerRun, job: Job, subject: string, text: string): Promise<void> {
    const stored = await run.queue.text(subject);
    if (stored === undefined || stored === text) return;
    const [theirs, ours] = [readResultText(stored), readResultText(text)];
    if (theirs.kind === "divided" || ours.kind === "divided") return;
    if (run.plan.allowMixed && theirs.by !== ours.by) return;
    if (theirs.rows.some((row) => row instanceof AssayError)) return; // given up, and scored after all
    const name = jobName(job);
    await run.queue.put(run.queue.subjects.differs(run.model, name), name);
    this.#of.note(
      `another worker's result of job ${name} differs: assay fleet collect will refuse it`,
    );
  }

  /** One job is computed at a time. */
  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    try {
      await before;
      return await work();
    } finally {
      resolve();
    }
  }
}
