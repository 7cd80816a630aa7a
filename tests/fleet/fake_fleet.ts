import assert from "node:assert/strict";
import type { NatsServer } from "../../bench/fleet/nats_server.ts";
import type { Row } from "../../src/data/rows.ts";
import { AssayError } from "../../src/error.ts";
import { collectRows } from "../../src/fleet/queue/collect_rows.ts";
import { FleetWorker, type WorkerOptions } from "../../src/fleet/queue/fleet_worker.ts";
import { QueueConnection } from "../../src/fleet/queue/queue_connection.ts";
import { RunQueue } from "../../src/fleet/queue/run_queue.ts";
import type { RunPlan } from "../../src/fleet/queue/run_plan.ts";
import { submitRows } from "../../src/fleet/queue/submit_rows.ts";
import type { WorkerModel } from "../../src/fleet/queue/worker_model.ts";
import type { ScoringIdentity } from "../../src/fleet/scoring_identity.ts";
import { rowsInMemory } from "../../src/tasks/repeatable_rows.ts";
import type { Scorer } from "../../src/tasks/score/scorer.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";

export const identity: ScoringIdentity = {
  assay: "0",
  model: "m",
  source: null,
  settings: {},
  maxTokens: 100,
  calibrator: null,
  kernels: "cpu",
  precision: "f32",
  weights: "stored",
  processor: "p",
};

/** Scores a conversation by its last message's length; `poison` in it makes all of the model fail. */
export const lengthScorer: Scorer = {
  async *scoreStream(conversations) {
    for await (const conversation of conversations) {
      const { content } = conversation.at(-1)!;
      if (content.includes("poison")) throw new Error("the device was lost");
      yield lengthVerdict(content.length);
    }
  },
};

function lengthVerdict(length: number): Verdict {
  const parts = { rewards: { help: length / 3, harm: -0 } };
  return {
    score: length === 0 ? -0 : length / 7,
    scoreStd: 0.5,
    parts,
    rewards: parts.rewards,
    coefficients: null,
    gating: null,
    kernels: "cpu",
    tokens: length,
    truncated: length > 40,
    error: length === 13 ? new AssayError("scoring/not-finite", "thirteen") : null,
  };
}

export const plan: RunPlan = {
  version: 1,
  models: [""],
  explain: false,
  allowMixed: false,
  jobRows: 5,
  jobBytes: 100_000,
  tries: 2,
  patience: 1,
  shared: null,
  input: "rows",
};

/** A queue's run, as one process sees it. */
export async function openRun(server: NatsServer, run: string, address = server.address) {
  const connection = await QueueConnection.open({ servers: address });
  return new RunQueue(connection, run, { patience: 5000 });
}

export async function submit(
  queue: RunQueue,
  rows: readonly Row[],
  changes: Partial<RunPlan> = {},
) {
  return await submitRows(queue, {
    plan: { ...plan, ...changes },
    rows: rowsInMemory(rows).read(),
  });
}

/** A worker in this process. */
export async function worker(
  server: NatsServer,
  model: Partial<WorkerModel> = {},
  options: WorkerOptions = {},
): Promise<{ worker: FleetWorker; notes: string[]; ended: Promise<void> }> {
  const notes: string[] = [];
  const connection = await QueueConnection.open({ servers: server.address });
  const whole = { name: "m", identity, scorer: lengthScorer, reload: async () => {}, ...model };
  const worker = new FleetWorker(connection, whole, {
    untilDone: true,
    onNote: (message) => notes.push(message),
    ...options,
  });
  const ended = worker.work().finally(() => connection[Symbol.asyncDispose]());
  return { worker, notes, ended };
}

/** The run's rows as they are collected. */
export async function collected(
  queue: RunQueue,
  { models, waits = true, after = 0 }: { models?: number[]; waits?: boolean; after?: number } = {},
): Promise<Row[]> {
  const plan = await queue.plan("collect");
  const rows: Row[] = [];
  for await (const { row } of collectRows(queue, plan, { models, waits, after })) rows.push(row);
  return rows;
}

/** A promise that is to fail with a code. */
export async function failsWith(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof AssayError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}
