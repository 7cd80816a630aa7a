import type { Consumer } from "@nats-io/jetstream";
import { AssayError } from "../../error.ts";
import {
  identityDifference,
  identityDigest,
  readIdentity,
  type ScoringIdentity,
} from "../scoring_identity.ts";
import { JobRows } from "./job_rows.ts";
import { queueFailure } from "./queue_errors.ts";
import type { RunPlan } from "./run_plan.ts";
import type { RunQueue } from "./run_queue.ts";
import { consumerName } from "./run_subjects.ts";

/** A run that a worker takes jobs of. */
export interface WorkerRun extends Disposable {
  readonly queue: RunQueue;
  readonly plan: RunPlan;
  /** For which of the plan's models the worker stands. */
  readonly model: number;
  /** Digest of the worker's identity, as results tell it. */
  readonly by: string;
  readonly rows: JobRows;
  readonly consumer: Consumer;
}

/**
 * Joins a run. The first worker of a model settles what all others must have in common with it.
 *
 * @param queue The run.
 * @param name What the worker's model is called.
 * @param identity What it computes with.
 * @returns `undefined` where the run wants other models.
 * @throws {AssayError} `fleet/other-identity`, `fleet/unknown-run`, `fleet/run-cancelled`.
 */
export async function joinRun(
  queue: RunQueue,
  name: string,
  identity: ScoringIdentity,
): Promise<WorkerRun | undefined> {
  const plan = await queue.plan(`work for run ${JSON.stringify(queue.run)}`);
  const isAnyModel = plan.models.length === 1 && plan.models[0] === "";
  const model = isAnyModel ? 0 : plan.models.indexOf(name);
  if (model === -1) return undefined;
  const by = await identityDigest(identity);
  const subject = queue.subjects.identity(model);
  if (!await queue.put(subject, JSON.stringify(identity))) {
    const first = readIdentity(JSON.parse(await queue.text(subject) ?? "null"), "the first worker");
    const difference = identityDifference(identity, first);
    if (difference !== undefined && !plan.allowMixed) {
      const { name, ours, theirs } = difference;
      throw new AssayError(
        "fleet/other-identity",
        `Cannot work for run ${
          JSON.stringify(queue.run)
        }: expected ${name} ${theirs}, which the run's ` +
          `first worker has, found ${ours}; scores of the two may differ: let all workers be equal, or ` +
          "submit the run with --allow-mixed, which marks rows",
      );
    }
    if (difference !== undefined) await queue.put(`${subject}.${by}`, JSON.stringify(identity));
  }
  const consumer = await queue.persist(
    "join a run",
    () => queue.connection.stream.consumers.get(queue.subjects.stream, consumerName(model)),
  );
  const rows = new JobRows(queue, plan);
  return { queue, plan, model, by, rows, consumer, [Symbol.dispose]: () => rows[Symbol.dispose]() };
}

/** Whether every job of the run was done, as far as it was submitted. */
export async function isDone({ queue, model }: WorkerRun): Promise<boolean> {
  if (await queue.message(queue.subjects.end) === undefined) return false;
  const { num_pending, num_ack_pending } = await queue.consumer(model);
  return num_pending === 0 && num_ack_pending === 0;
}

/**
 * Whether an error tells that a run has gone: it was cancelled, or deleted.
 *
 * @param error What asking for a job threw.
 */
export async function hasGone({ queue }: WorkerRun, error: unknown): Promise<boolean> {
  const failure = queueFailure(error, "work for a run", queue.run);
  const gone = (failure: unknown) =>
    failure instanceof AssayError &&
    (failure.code === "fleet/unknown-run" || failure.code === "fleet/run-cancelled");
  if (gone(failure)) return true;
  if (failure instanceof AssayError && failure.code === "fleet/queue-lost") throw failure;
  try {
    if (!await queue.exists()) return true;
    await queue.refuseCancelled("work for a run");
    return false;
  } catch (error) {
    if (gone(error)) return true;
    throw error;
  }
}
