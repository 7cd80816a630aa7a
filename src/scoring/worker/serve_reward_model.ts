import type { Conversation } from "../../text/conversation.ts";
import { workerPort } from "../../runtime/worker.ts";
import type { ScoreOptions } from "../load_options.ts";
import { RewardModel } from "../reward_model.ts";
import type {
  LoadedFacts,
  OwnerProcedures,
  SourceMessage,
  WorkerProcedures,
} from "./procedures.ts";
import { errorMessage, type Port, RemoteCalls } from "./remote_calls.ts";
import { remoteFolder } from "./remote_folder.ts";

/** For calls whose errors the owner knows best. */
function ignore(): void {}

/** Milliseconds of work between two looks at the messages. */
const breathingTime = 20;

/**
 * Serves a `RewardModelWorker` from inside its worker. A program whose bundler does not find the
 * worker's script by itself makes a worker of its own, whose script calls this, and hands it to
 * `RewardModelWorker.load`.
 *
 * @param port Where the messages come from; the worker's owner by default.
 */
export function serveRewardModel(port: Port = workerPort()): void {
  const running = new Map<number, AbortController>();
  let model: RewardModel | undefined;
  const calls = new RemoteCalls<OwnerProcedures>(
    port,
    {
      async load(source, options) {
        model = await RewardModel.load(sourceOf(source, calls), {
          ...options,
          onProgress: (progress) => void calls.call("loading", progress).catch(ignore),
          onWarning: (message) => void calls.call("warn", message).catch(ignore),
        });
        return factsOf(model);
      },
      async score(scoring) {
        const controller = new AbortController();
        running.set(scoring, controller);
        try {
          await score(model!, scoring, calls, controller.signal);
        } finally {
          running.delete(scoring);
        }
      },
      tokens: (conversation) => model!.tokens(conversation),
      state: () => model!.state(),
      stop: (scoring) => running.get(scoring)?.abort(),
      close() {
        try {
          model?.[Symbol.dispose]();
        } finally {
          calls.tell("closing");
          port.close?.();
        }
      },
    } satisfies WorkerProcedures,
  );
}

function sourceOf(source: SourceMessage, calls: RemoteCalls<OwnerProcedures>) {
  switch (source.kind) {
    case "address":
      return source.address;
    case "url":
      return new URL(source.address);
    case "folder":
      return remoteFolder(source.name, source.isListed, calls);
  }
}

function factsOf(model: RewardModel): LoadedFacts {
  const {
    name,
    architecture,
    headKind,
    labels,
    label,
    parts,
    objectives,
    backend,
    kernels,
    precision,
    adapter,
    weights,
    plan,
    maxTokens,
  } = model;
  return {
    name,
    architecture,
    headKind,
    labels,
    label,
    parts,
    objectives,
    backend,
    kernels,
    precision,
    adapter,
    weights,
    plan,
    maxTokens,
  };
}

async function score(
  model: RewardModel,
  scoring: number,
  calls: RemoteCalls<OwnerProcedures>,
  signal: AbortSignal,
): Promise<void> {
  const options: ScoreOptions = {
    signal,
    onProgress: (progress) => void calls.call("scored", scoring, progress).catch(ignore),
  };
  let handedOver: Promise<unknown> = Promise.resolve();
  let breathedAt = performance.now();
  for await (const verdict of model.scoreStream(conversationsOf(scoring, calls), options)) {
    await handedOver;
    const error = verdict.error && errorMessage(verdict.error);
    handedOver = calls.call("verdict", scoring, { ...verdict, error });
    handedOver.catch(ignore); // awaited in the next turn
    if (performance.now() - breathedAt < breathingTime) continue;
    await new Promise((resolve) => setTimeout(resolve)); // else nobody hears a stop
    breathedAt = performance.now();
  }
  await handedOver;
}

async function* conversationsOf(
  scoring: number,
  calls: RemoteCalls<OwnerProcedures>,
): AsyncGenerator<Conversation> {
  for (let some; (some = await calls.call("conversations", scoring)) !== undefined;) yield* some;
}
