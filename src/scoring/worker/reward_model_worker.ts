import type { Precision } from "../../gpu/precision.ts";
import type { CheckpointFolder } from "../../checkpoint/folder.ts";
import { AssayError } from "../../error.ts";
import type { Conversation } from "../../text/conversation.ts";
import { type LoadOptions, type Progress, type ScoreOptions, warner } from "../load_options.ts";
import type { MemoryPlan } from "../packs/memory_plan.ts";
import { errorOf, RemoteCalls } from "./remote_calls.ts";
import { type FolderProcedures, folderProcedures } from "./remote_folder.ts";
import { cloneable, RemoteScoring } from "./remote_scoring.ts";
import type { ModelState, RewardModel } from "../reward_model.ts";
import type { ShownTokens } from "../shown_tokens.ts";
import type {
  LoadedFacts,
  OwnerProcedures,
  SourceMessage,
  WorkerProcedures,
} from "./procedures.ts";
import type { Verdict } from "../verdict.ts";
import type { QuantizedWeights } from "../weights_name.ts";
import { nodeWorker } from "../../runtime/worker.ts";
import { endWorker } from "../../runtime/worker_end.ts";
import { checkLoadOptions, checkScoreOptions, ownKinds } from "../check_load_options.ts";
import type { BackendKind, KernelsName } from "../../ops/backend.ts";

/** How a model is loaded into a worker. */
export interface WorkerLoadOptions extends LoadOptions {
  /**
   * A worker whose script calls `serveRewardModel()`, for bundlers that don't find the script of
   * Assay's own by themselves. The model takes it over, and ends it when it is disposed of.
   */
  readonly worker?: Worker | undefined;
}

/**
 * A reward model in a worker of its own, so that the program goes on while it scores: under Deno
 * every wait for the device blocks the thread that waits. Verdicts are those of a {@link RewardModel},
 * to the last bit.
 *
 * It must be disposed of, else its worker keeps the program from ending. A program that calls
 * `Deno.exit` disposes of it by `await using`, or awaits its `[Symbol.asyncDispose]()` before: a process
 * that exits while a worker's device is given back may crash in the device's driver.
 *
 * @example
 * ```ts
 * import { RewardModelWorker } from "@assay/assay";
 * import assert from "node:assert/strict";
 *
 * using model = await RewardModelWorker.load("tests/golden/parity/armo");
 * let ticks = 0;
 * const clock = setInterval(() => ticks++);
 * const [verdict] = await model.score([[
 *   { role: "user", content: "Hi" },
 *   { role: "assistant", content: "Hello." },
 * ]]);
 * clearInterval(clock);
 * assert.equal(typeof verdict?.score, "number");
 * assert.ok(ticks > 0);
 * ```
 */
export class RewardModelWorker
  implements Disposable, AsyncDisposable, Omit<RewardModel, "deviceBytes" | typeof Symbol.dispose> {
  readonly #worker: Worker;
  readonly #calls: RemoteCalls<WorkerProcedures>;
  readonly #scorings = new Map<number, RemoteScoring>();
  readonly #closing = Promise.withResolvers<void>();
  #facts!: LoadedFacts;
  #count = 0;
  #end: Promise<unknown> | undefined;

  private constructor(worker: Worker, folder: CheckpointFolder | undefined, options: LoadOptions) {
    this.#worker = worker;
    const warn = warner(options);
    const own: Omit<OwnerProcedures, keyof FolderProcedures> = {
      loading: (progress) => this.#loading(progress, options),
      warn: (message) => this.#end === undefined ? warn(message) : undefined,
      conversations: async (scoring) => await this.#scorings.get(scoring)?.conversations(),
      verdict: async (scoring, verdict) => {
        const error = verdict.error && errorOf(verdict.error) as AssayError;
        await this.#scorings.get(scoring)?.take({ ...verdict, error });
      },
      scored: (scoring, progress) => this.#scorings.get(scoring)?.progress(progress),
      closing: () => this.#closing.resolve(),
    };
    const files = folder === undefined ? {} : folderProcedures(folder);
    this.#calls = new RemoteCalls<WorkerProcedures>(worker, { ...own, ...files });
    worker.addEventListener("error", (event) => {
      event.preventDefault(); // else Deno ends the whole program
      const error = ended(`its worker failed: ${event.message}`);
      this.#calls.close(error);
      this.#closing.promise.catch(() => {});
      this.#closing.reject(error);
    });
  }

  /**
   * Starts a worker and loads a checkpoint in it.
   *
   * @param source A folder in Hugging Face layout: a path, a URL, a model of the hub
   *   (`hf:org/name[@revision]`), or a {@link CheckpointFolder}, of
   *   which the worker asks this thread for its bytes.
   * @throws {AssayError} As {@link RewardModel.load}; `scoring/worker-ended` where the worker can't
   *   be started; `scoring/no-worker` where the runtime has none.
   */
  static async load(
    source: string | URL | CheckpointFolder,
    options: WorkerLoadOptions = {},
  ): Promise<RewardModelWorker> {
    checkLoadOptions(options, ownKinds.worker); // before a worker is started for it
    const { worker = startWorker(), onProgress: _, onWarning: __, signal, ...data } = options;
    const folder = typeof source === "string" || source instanceof URL ? undefined : source;
    const model = new RewardModelWorker(worker, folder, options);
    const abort = (): void => model.#calls.close(signal!.reason);
    try {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", abort);
      model.#facts = await model.#calls.call("load", sourceMessage(source), data);
      return model;
    } catch (error) {
      model[Symbol.dispose]();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** See {@link RewardModel.name}. */
  get name(): string {
    return this.#facts.name;
  }

  /** See {@link RewardModel.architecture}. */
  get architecture(): string {
    return this.#facts.architecture;
  }

  /** See {@link RewardModel.headKind}. */
  get headKind(): string {
    return this.#facts.headKind;
  }

  /** See {@link RewardModel.labels}. */
  get labels(): readonly string[] {
    return this.#facts.labels;
  }

  /** See {@link RewardModel.label}. */
  get label(): string | null {
    return this.#facts.label;
  }

  /** See {@link RewardModel.parts}. */
  get parts(): readonly string[] {
    return this.#facts.parts;
  }

  /** See {@link RewardModel.objectives}. */
  get objectives(): readonly string[] {
    return this.#facts.objectives;
  }

  /** See {@link RewardModel.backend}. */
  get backend(): BackendKind {
    return this.#facts.backend;
  }

  /** See {@link RewardModel.kernels}. */
  get kernels(): KernelsName {
    return this.#facts.kernels;
  }

  /** See {@link RewardModel.precision}. */
  get precision(): Precision {
    return this.#facts.precision;
  }

  /** See {@link RewardModel.adapter}. */
  get adapter(): string | undefined {
    return this.#facts.adapter;
  }

  /** See {@link RewardModel.weights}. */
  get weights(): QuantizedWeights | undefined {
    return this.#facts.weights;
  }

  /** See {@link RewardModel.plan}. */
  get plan(): MemoryPlan {
    return this.#facts.plan;
  }

  /** See {@link RewardModel.maxTokens}. */
  get maxTokens(): number {
    return this.#facts.maxTokens;
  }

  /**
   * Scores conversations, as {@link RewardModel.score} does.
   *
   * @throws {AssayError} As there; `scoring/worker-ended` where the worker failed or was disposed of.
   */
  score(
    conversations: readonly Conversation[],
    options: ScoreOptions = {},
  ): Promise<Verdict[]> {
    return Array.fromAsync(this.scoreStream(conversations, options));
  }

  /**
   * Scores conversations as they come, as {@link RewardModel.scoreStream} does.
   *
   * @throws As {@link RewardModelWorker.score}.
   */
  async *scoreStream(
    conversations: AsyncIterable<Conversation> | Iterable<Conversation>,
    options: ScoreOptions = {},
  ): AsyncGenerator<Verdict> {
    checkScoreOptions(options);
    const { signal } = options;
    signal?.throwIfAborted();
    const number = this.#count++;
    const scoring = new RemoteScoring(conversations, options);
    const abort = (): void => scoring.finish({ error: signal!.reason });
    signal?.addEventListener("abort", abort);
    this.#scorings.set(number, scoring);
    this.#calls.call("score", number).then(
      () => scoring.finish({}),
      (error: unknown) => scoring.finish({ error }),
    );
    try {
      yield* scoring.verdicts();
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#scorings.delete(number);
      scoring.close();
      this.#calls.call("stop", number).catch(() => {}); // the worker may have ended
    }
  }

  /** See {@link RewardModel.tokens}. */
  tokens(conversation: Conversation): Promise<ShownTokens> {
    return this.#calls.call("tokens", cloneable(conversation));
  }

  /** See {@link RewardModel.state}. */
  state(): Promise<ModelState> {
    return this.#calls.call("state");
  }

  #loading(progress: Progress, { onProgress }: LoadOptions): void {
    try {
      if (this.#end === undefined) onProgress?.(progress);
    } catch (error) {
      this.#calls.close(error as Error);
    }
  }

  /**
   * Ends the worker, and with it whatever it does; calls that are under way throw. The worker gives its
   * device and memory back by itself, in about a second at the most, and keeps the program alive that long.
   */
  [Symbol.dispose](): void {
    this.#end ??= endWorker(this.#worker, () => {
      this.#calls.tell("close"); // it answers by `closing`
      return this.#closing.promise;
    });
    this.#calls.close(ended("it was disposed of"));
  }

  /** As `[Symbol.dispose]`; resolves when the worker has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await this.#end;
  }
}

/** The script lies beside this file: bundlers know this form, where they know any. */
function startWorker(): Worker {
  if (typeof Worker === "function") {
    return new Worker(new URL("./worker_main.ts", import.meta.url), { type: "module" });
  }
  const worker = nodeWorker(new URL("./worker_main.ts", import.meta.url));
  if (worker !== undefined) return worker;
  throw new AssayError(
    "scoring/no-worker",
    "Cannot start a worker: expected a runtime that has workers (Deno, Node, Bun, a browser), found " +
      "none; use RewardModel",
  );
}

function sourceMessage(source: string | URL | CheckpointFolder): SourceMessage {
  if (typeof source === "string") return { kind: "address", address: source };
  if (source instanceof URL) return { kind: "url", address: source.href };
  return { kind: "folder", name: source.name, isListed: source.list !== undefined };
}

function ended(reason: string): AssayError {
  return new AssayError(
    "scoring/worker-ended",
    `Cannot score with this model: ${reason}; load it again to go on`,
  );
}
