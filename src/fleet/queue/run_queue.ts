import { headers, type MsgHdrs } from "@nats-io/transport-node";
import {
  AckPolicy,
  type ConsumerInfo,
  type DirectMsgRequest,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from "@nats-io/jetstream";
import { AssayError } from "../../error.ts";
import { sha256 } from "../../numbers/sha256.ts";
import { persist, type Persistence, toldSeldom } from "./persist.ts";
import type { QueueConnection } from "./queue_connection.ts";
import { queueFailure, unknownRun } from "./queue_errors.ts";
import { readPlan, type RunPlan } from "./run_plan.ts";
import { consumerName, type RunSubjects, runSubjects } from "./run_subjects.ts";

/** How a run's stream is kept. */
export interface RunStorage {
  /** Bytes at most. */
  readonly mostBytes?: number | undefined;
  /** Servers of a cluster that each hold all of it. */
  readonly replicas?: number | undefined;
}

/** Header fields of a message whose bytes stand in further messages. */
const chunksField = "Assay-Chunks";
const digestField = "Assay-Digest";

/** Bytes of a message that its subject and header may take. */
const headroom = 4096;

/**
 * One run's stream: messages under subjects, each of which takes one message, ever. So whoever puts
 * something there a second time, after a cut or a crash, changes nothing.
 */
export class RunQueue {
  readonly connection: QueueConnection;
  readonly run: string;
  readonly subjects: RunSubjects;
  readonly #persistence: Persistence;

  constructor(connection: QueueConnection, run: string, persistence: Persistence = {}) {
    this.connection = connection;
    this.run = run;
    this.subjects = runSubjects(run);
    this.#persistence = toldSeldom(persistence);
  }

  /**
   * Makes the stream where there is none.
   *
   * @returns Whether it is new.
   */
  async create({ mostBytes, replicas }: RunStorage): Promise<boolean> {
    const doing = `submit run ${JSON.stringify(this.run)}`;
    if (await this.exists()) return false;
    await persist(
      this.#persistence,
      { doing, run: this.run },
      () =>
        this.connection.manager.streams.add({
          name: this.subjects.stream,
          subjects: [this.subjects.all],
          retention: RetentionPolicy.Limits,
          storage: StorageType.File,
          discard: DiscardPolicy.New,
          discard_new_per_subject: true,
          max_msgs_per_subject: 1,
          allow_direct: true,
          max_bytes: mostBytes ?? -1,
          num_replicas: replicas ?? 1,
        }),
    );
    return true;
  }

  /** Whether the queue has it. */
  async exists(): Promise<boolean> {
    try {
      await this.persist(
        "look for a run",
        () => this.connection.manager.streams.info(this.subjects.stream),
      );
      return true;
    } catch (error) {
      if (error instanceof AssayError && error.code === "fleet/unknown-run") return false;
      throw error;
    }
  }

  /** Makes the consumer that hands out a model's jobs. */
  async createConsumer(model: number, patience: number): Promise<void> {
    await this.persist(
      "submit a run",
      () =>
        this.connection.manager.consumers.add(this.subjects.stream, {
          durable_name: consumerName(model),
          ack_policy: AckPolicy.Explicit,
          filter_subject: this.subjects.jobs(model),
          ack_wait: Math.round(patience * 1e9),
          max_deliver: -1,
          max_ack_pending: 20_000,
          max_waiting: 8192,
        }),
    );
  }

  /**
   * The plan of the run.
   *
   * @throws {AssayError} `fleet/unknown-run`, `fleet/run-cancelled` unless `evenCancelled`.
   */
  async plan(doing: string, { evenCancelled = false } = {}): Promise<RunPlan> {
    if (!await this.exists()) throw unknownRun(this.run, doing);
    const plan = await this.text(this.subjects.plan);
    if (plan === undefined) throw unknownRun(this.run, doing);
    if (!evenCancelled) await this.refuseCancelled(doing);
    return readPlan(plan, this.run);
  }

  /** @throws {AssayError} `fleet/run-cancelled`. */
  async refuseCancelled(doing: string): Promise<void> {
    if (await this.text(this.subjects.cancelled) === undefined) return;
    throw new AssayError(
      "fleet/run-cancelled",
      `Cannot ${doing}: expected a run that is open, found that ${JSON.stringify(this.run)} was ` +
        `cancelled; \`assay fleet cancel ${this.run} --delete\` frees its name`,
    );
  }

  /**
   * Puts text under a subject, unless something stands there.
   *
   * @returns Whether it is there now because of this call, or an earlier try of it.
   * @throws {AssayError} `fleet/…`.
   */
  async put(subject: string, text: string): Promise<boolean> {
    const bytes = new TextEncoder().encode(text);
    const most = this.connection.mostBytes - headroom;
    if (bytes.length <= most) return await this.#publish(subject, bytes);
    const chunks = Math.ceil(bytes.length / most);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const part = bytes.subarray(chunk * most, (chunk + 1) * most);
      await this.#publish(chunkSubject(subject, chunk), part);
    }
    const fields = headers();
    fields.set(chunksField, `${chunks}`);
    fields.set(digestField, await sha256(bytes));
    return await this.#publish(subject, new Uint8Array(), fields);
  }

  /** The text under a subject; `undefined` where there is none. */
  async text(subject: string): Promise<string | undefined> {
    const message = await this.message(subject);
    if (message === undefined) return undefined;
    const chunks = Number(message.header.get(chunksField) || 0);
    if (chunks === 0) return message.string();
    const parts: Uint8Array[] = [];
    for (let chunk = 0; chunk < chunks; chunk++) {
      const part = await this.message(chunkSubject(subject, chunk));
      if (part === undefined) throw tornMessage(subject);
      parts.push(part.data);
    }
    const bytes = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    if (await sha256(bytes) !== message.header.get(digestField)) throw tornMessage(subject);
    return new TextDecoder().decode(bytes);
  }

  /** The last message under a subject, which may end in `*` or `>`. */
  async message(subject: string): Promise<StoredMsg | undefined> {
    return await this.#find({ last_by_subj: subject });
  }

  /** The first message under a subject, which may end in `*` or `>`. */
  async firstMessage(subject: string): Promise<StoredMsg | undefined> {
    return await this.#find({ seq: 1, next_by_subj: subject });
  }

  async #find(query: DirectMsgRequest): Promise<StoredMsg | undefined> {
    const { direct } = this.connection.manager;
    const found = await this.persist(
      "read the queue",
      () => direct.getMessage(this.subjects.stream, query),
    );
    return found ?? undefined;
  }

  /** The subjects that have a message, of those that fit. */
  async subjectsLike(subject: string): Promise<readonly string[]> {
    const { state } = await this.persist(
      "read the queue",
      () =>
        this.connection.manager.streams.info(this.subjects.stream, { subjects_filter: subject }),
    );
    return Object.keys(state.subjects ?? {});
  }

  /** What the consumer of a model says. */
  async consumer(model: number): Promise<ConsumerInfo> {
    return await this.persist(
      "read the queue",
      () => this.connection.manager.consumers.info(this.subjects.stream, consumerName(model)),
    );
  }

  /** Does something with the run, anew where the queue does not answer. */
  async persist<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    const look = () => this.connection.manager.streams.info(this.subjects.stream);
    return await persist(this.#persistence, { doing, run: this.run, look }, work);
  }

  async #publish(subject: string, bytes: Uint8Array, fields?: MsgHdrs): Promise<boolean> {
    try {
      const { duplicate } = await this.persist(
        `write ${subject}`,
        () =>
          this.connection.stream.publish(subject, bytes, {
            msgID: subject,
            retries: 0,
            ...(fields && { headers: fields }),
          }),
      );
      return !duplicate;
    } catch (cause) {
      if (queueFailure(cause, "", this.run) === "taken") return false;
      throw cause;
    }
  }
}

function chunkSubject(subject: string, chunk: number): string {
  return `${subject}.chunk.${chunk}`;
}

function tornMessage(subject: string): AssayError {
  return new AssayError(
    "fleet/results-differ",
    `Cannot use ${subject}: expected one worker's bytes, found those of two that differ`,
  );
}
