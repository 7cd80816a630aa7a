import type { JsMsg } from "@nats-io/jetstream";
import { AssayError } from "../../error.ts";
import { identityDigest } from "../scoring_identity.ts";
import { JobWork } from "./job_work.ts";
import type { QueueConnection } from "./queue_connection.ts";
import { type Persistence, toldSeldom } from "./persist.ts";
import { runNames } from "./run_names.ts";
import { RunQueue } from "./run_queue.ts";
import { allWorkers, workerSubject } from "./run_subjects.ts";
import { WorkerFigures } from "./worker_figures.ts";
import type { WorkerModel } from "./worker_model.ts";
import { hasGone, isDone, joinRun, type WorkerRun } from "./worker_run.ts";

/** How a worker works. */
export interface WorkerOptions {
  /** The one run to work for; all that want the model by default. */
  readonly run?: string | undefined;
  /** Whether to end when there is nothing left to do in the runs there are. */
  readonly untilDone?: boolean | undefined;
  /** Seconds that a job may still take once the worker is to stop; then it is given back. */
  readonly grace?: number | undefined;
  /** Told what people should know. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/** Jobs in hand at once: one is computed, while another's rows come or its result goes. */
const hands = 2;

/** Milliseconds that a request for a job waits at the server; the client allows no fewer than 1000. */
const shortestWait = 1000;
const longestWait = 4000;

/** Milliseconds that a run without jobs is not asked for one, where there are other runs. */
const emptyTime = 500;

/** Milliseconds until the queue is asked again for runs. */
const lookingTime = 2000;

/** A worker: takes jobs of runs, and puts their results into the queue. */
export class FleetWorker {
  /** A name that no other worker has, nor this one when it is started again. */
  readonly id: string = crypto.randomUUID().slice(0, 12);
  readonly figures: WorkerFigures = new WorkerFigures();
  readonly #connection: QueueConnection;
  readonly #model: WorkerModel;
  readonly #options: WorkerOptions;
  readonly #runs = new Map<string, WorkerRun>();
  /** Until when a run counts as empty that was found so. */
  readonly #emptyUntil = new WeakMap<WorkerRun, number>();
  /** Runs that are not for this worker. */
  readonly #refused = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #abort = new AbortController();
  /** Aborted when nothing is left to do, where it is to end then. */
  readonly #done = new AbortController();
  readonly #ended = AbortSignal.any([this.#done.signal, this.#stopping.signal]);
  readonly #work: JobWork;
  readonly #persistence: Persistence;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(connection: QueueConnection, model: WorkerModel, options: WorkerOptions = {}) {
    this.#connection = connection;
    this.#model = model;
    this.#options = options;
    const note = (message: string) => options.onNote?.(message);
    this.#persistence = toldSeldom({
      signal: this.#abort.signal,
      onWaiting: note,
      waitsForRoom: true,
    });
    this.#work = new JobWork({
      worker: this.id,
      model,
      figures: this.figures,
      stopping: this.#stopping.signal,
      abort: this.#abort.signal,
      note,
    });
  }

  /** The runs that it works for. */
  get runs(): string[] {
    return [...this.#runs.keys()];
  }

  /** Lets it end: the job that is computed is finished within the grace, others are given back at once. */
  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    const grace = setTimeout(() => this.abort(), 1000 * (this.#options.grace ?? 20));
    this.#stopped.finally(() => clearTimeout(grace));
  }

  /** Lets it end at once: the job that is computed is given back. */
  abort(): void {
    this.#stopping.abort();
    this.#abort.abort(
      new AssayError("fleet/worker-stopped", "Cannot go on: the worker was told to stop"),
    );
  }

  #stopped: Promise<void> = Promise.resolve();

  /**
   * Works until it is told to stop, or until nothing is left to do.
   *
   * @throws {AssayError} `fleet/other-identity` and others where the one run that was named can't be
   *   worked for; `fleet/queue-lost` where the connection ended for good.
   */
  async work(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopped = promise;
    const answering = await this.#answer();
    try {
      await this.#look();
      await Promise.all(Array.from({ length: hands }, () => this.#hand()));
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    } finally {
      this.#stopping.abort();
      answering.forEach((subscription) => subscription.unsubscribe());
      for (const run of this.#runs.values()) run[Symbol.dispose]();
      resolve();
    }
  }

  async #hand(): Promise<void> {
    let found = true;
    try {
      while (!this.#ended.aborted) {
        // With nothing to do the server is not asked more often than need be.
        const expires = found || this.#runs.size > 1 ? shortestWait : longestWait;
        found = false;
        for (const run of [...this.#runs.values()]) {
          if (this.#runs.size > 1 && await this.#isEmpty(run)) continue;
          const message = await this.#next(run, expires);
          if (message === null) continue;
          found = true;
          await this.#work.handle(run, message);
          if (this.#stopping.signal.aborted) return;
          if (message.info.pending === 0) await this.#endWhereDone();
        }
        await this.#look();
        if (!found) await this.#endWhereDone();
        if (!found && this.#runs.size !== 1) await this.#pause(100);
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#stopping.abort(); // the other hand ends too
      throw error;
    }
  }

  /** Whether a run has no job just now: of several runs those are not waited for. */
  async #isEmpty(run: WorkerRun): Promise<boolean> {
    const now = performance.now();
    if (now < (this.#emptyUntil.get(run) ?? 0)) return true;
    try {
      const { num_pending, num_ack_pending } = await run.consumer.info();
      if (num_pending > 0 || num_ack_pending > 0) return false;
    } catch {
      return false; // asking for a job tells what is wrong
    }
    this.#emptyUntil.set(run, now + emptyTime);
    return true;
  }

  /** The next job of a run; `null` where none comes in the time. */
  async #next(run: WorkerRun, expires: number): Promise<JsMsg | null> {
    // One for each wait: a promise that outlives them would keep every message.
    const ended = Promise.withResolvers<"ended">();
    const end = () => ended.resolve("ended");
    this.#ended.addEventListener("abort", end);
    try {
      if (this.#ended.aborted) return null;
      const next = run.consumer.next({ expires });
      const message = await Promise.race([next, ended.promise]);
      if (message !== "ended") return message;
      next.then((late) => late?.nak(), () => {}); // for another worker
      return null;
    } catch (error) {
      if (this.#stopping.signal.aborted) return null;
      if (await hasGone(run, error)) {
        this.#leave(run);
        if (this.#options.run !== undefined) this.#done.abort(); // it was to work for nothing else
      } else await this.#pause(200);
      return null;
    } finally {
      this.#ended.removeEventListener("abort", end);
    }
  }

  /** Both hands may find that a run has gone. */
  #leave(run: WorkerRun): void {
    const name = run.queue.run;
    if (this.#runs.get(name) !== run) return;
    this.#options.onNote?.(`run ${name} has gone: it was cancelled or removed`);
    this.#runs.delete(name);
    run[Symbol.dispose]();
  }

  /** Looks for runs, once in a while. */
  #look(): Promise<void> {
    if (performance.now() - this.#lookedAt < lookingTime) return Promise.resolve();
    this.#looking ??= this.#lookNow().finally(() => {
      this.#lookedAt = performance.now();
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const { run } = this.#options;
    const names = run === undefined ? await runNames(this.#connection, this.#persistence) : [run];
    // The name of a run that was removed is free for another one.
    for (const name of this.#refused) if (!names.includes(name)) this.#refused.delete(name);
    for (const name of names) {
      if (this.#runs.has(name) || this.#refused.has(name)) continue;
      const queue = new RunQueue(this.#connection, name, this.#persistence);
      try {
        const joined = await joinRun(queue, this.#model.name, this.#model.identity);
        if (joined !== undefined) this.#runs.set(name, joined);
        else if (run !== undefined) throw otherModel(name, this.#model.name);
        else this.#refused.add(name);
      } catch (error) {
        if (run !== undefined || !(error instanceof AssayError) || this.#abort.signal.aborted) {
          throw error;
        }
        // A run that is just being made has no plan yet.
        if (error.code === "fleet/unknown-run") continue;
        this.#refused.add(name);
        if (error.code !== "fleet/run-cancelled") this.#options.onNote?.(error.message);
      }
    }
  }

  /** Ends where nothing is left to do, if that is wanted. */
  async #endWhereDone(): Promise<void> {
    if (!this.#options.untilDone) return;
    for (const run of this.#runs.values()) if (!await isDone(run)) return;
    this.#done.abort();
  }

  /** Answers whoever asks whether it lives, and what it does. */
  async #answer(): Promise<readonly { unsubscribe(): void }[]> {
    const facts = {
      worker: this.id,
      model: this.#model.name,
      identity: await identityDigest(this.#model.identity),
    };
    return [workerSubject(this.id), allWorkers].map((subject) =>
      this.#connection.nats.subscribe(subject, {
        callback: (error, message) => {
          if (error) return;
          const { runs, figures } = this;
          message.respond(JSON.stringify({ ...facts, runs, ...figures.told }));
        },
      })
    );
  }

  async #pause(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
}

function otherModel(run: string, name: string): AssayError {
  return new AssayError(
    "fleet/other-model",
    `Cannot work for run ${JSON.stringify(run)}: expected a model that it names, found ` +
      `${JSON.stringify(name)}; say with --as for which of them this one stands`,
  );
}
