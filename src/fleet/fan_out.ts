import { AssayError } from "../error.ts";
import type { Shard } from "./row_shards.ts";
import type { AnsweredRows, ScoringServer, ServerFacts } from "./scoring_server.ts";
import { identityDifference, type ScoringIdentity } from "./scoring_identity.ts";
import { ServerFailure } from "./server_failure.ts";
import { ServerState } from "./server_state.ts";
import { type Attempt, OpenShard, ShardJob } from "./shard_job.ts";

/** How shards are spread over servers. */
export interface FanOutOptions {
  /** What all rows are to depend on; `undefined` takes whatever servers compute with. */
  readonly identity: ScoringIdentity | undefined;
  /** Digest of that. */
  readonly digest: string | undefined;
  /** Ends the run, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Requests to one server at once, at most; 8 by default. */
  readonly mostInFlight?: number | undefined;
  /** Milliseconds that a run goes on while no server answers; 60,000 by default. */
  readonly patience?: number | undefined;
  /** Characters of rows that are read ahead of the first that has no answer; 64 Mi by default. */
  readonly mostAhead?: number | undefined;
  /** For the jitter; `Math.random` by default. */
  readonly random?: (() => number) | undefined;
  /** Told once every row of a shard is answered, in whatever order. */
  readonly onAnswered?: ((open: OpenShard) => void) | undefined;
  /** Told what people should know. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/** A second server is asked where an answer takes so many times as long as answers usually do. */
const hedgeFactor = 2;
/** Milliseconds before that in any case; while nothing is known of how long answers take, the second. */
const hedgeLeast = 250;
const hedgeUnknown = 10_000;
/** Answers of other bits than a server tells, before it is asked no more. */
const mostOtherBits = 3;
/** How much the last answer counts in what is usual. */
const newest = 0.2;

/**
 * Spreads shards over servers: each gets as many at once as it answers quickly, those that fail are relieved
 * of theirs and asked later whether they are back, and where servers have nothing to do they take over
 * what others are late with. Answers come out in the order of the shards. No more is held than the rows
 * that were read ahead of the first that has no answer.
 *
 * A shard may so be computed twice; both answers are the same bytes, and the first is taken.
 */
export class FanOut {
  readonly states: readonly ServerState[];
  readonly #options: FanOutOptions;
  readonly #pending: ShardJob[] = [];
  readonly #open: OpenShard[] = [];
  readonly #running: Set<Attempt> = new Set();
  #input: AsyncIterator<Shard | OpenShard> | undefined;
  #isReading = false;
  #hasEnded = false;
  #ahead = 0;
  #usual: number | undefined;
  #silentSince: number | undefined;
  #failure: { readonly error: unknown } | undefined;
  readonly #ended = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wake: () => void = () => {};

  /**
   * @param servers Those that answered with what they are, or will.
   * @param ready The ones that did.
   */
  constructor(
    servers: readonly ScoringServer[],
    ready: ReadonlySet<ScoringServer>,
    options: FanOutOptions,
  ) {
    this.#options = options;
    const { mostInFlight = 8, random = Math.random } = options;
    this.states = servers.map((server) => {
      const state = new ServerState(server, mostInFlight, random);
      state.isReady = ready.has(server);
      return state;
    });
  }

  /**
   * Has shards scored.
   *
   * @param shards The shards; those that are answered already only keep their place.
   * @throws {AssayError} `fleet/no-server` where none is left, or none answers for long; the signal's reason.
   */
  async *run(shards: AsyncIterator<Shard | OpenShard>): AsyncGenerator<OpenShard> {
    const { signal } = this.#options;
    this.#input = shards;
    const abort = (): void => this.#end(signal!.reason);
    signal?.addEventListener("abort", abort);
    try {
      signal?.throwIfAborted();
      for (;;) {
        this.#pump();
        if (this.#failure !== undefined) throw this.#failure.error;
        const [first] = this.#open;
        if (first?.isDone) {
          this.#open.shift();
          this.#ahead -= sizeOf(first.shard);
          yield first;
        } else if (first === undefined && this.#hasEnded) return;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#end(undefined);
      const closed = this.#input.return?.();
      // After an interrupt the input may never give the row that it was asked for.
      if (!signal?.aborted) await closed;
    }
  }

  #end(error: unknown): void {
    this.#failure ??= { error };
    clearTimeout(this.#timer);
    this.#ended.abort();
    for (const { controller } of this.#running) controller.abort();
    this.#wake();
  }

  /** Does whatever can be done now: reads, asks, asks again, and sets the clock for the next time. */
  #pump(): void {
    if (this.#failure !== undefined) return;
    const now = performance.now();
    for (const state of this.states) if (state.isDue(now)) this.#probe(state);
    this.#expectServers(now);
    this.#read();
    this.#assign(now);
    this.#setClock(now);
    if (this.#open[0]?.isDone || this.#hasEnded && this.#open.length === 0) this.#wake();
  }

  /** Ends the run where no server is left, or none was there for too long. */
  #expectServers(now: number): void {
    const { patience = 60_000 } = this.#options;
    if (this.states.some(({ isReady }) => isReady)) this.#silentSince = undefined;
    else this.#silentSince ??= now;
    const isHopeless = this.states.every(({ isRefused }) => isRefused);
    const isSilent = this.#silentSince !== undefined && now - this.#silentSince > patience;
    if (!isHopeless && !isSilent) return;
    // What is answered needs no server any more, though it is not taken yet.
    if (this.#hasEnded && this.#open.every(({ isDone }) => isDone)) return;
    this.#end(noServer(this.states.map(({ problem }) => problem)));
  }

  #read(): void {
    const { mostAhead = 2 ** 26 } = this.#options;
    const wanted = this.states.reduce((sum, { limit }) => sum + limit.value, 1);
    const isEnough = this.#pending.length >= wanted || this.#ahead >= mostAhead;
    if (this.#isReading || this.#hasEnded || isEnough && this.#open.length > 0) return;
    this.#isReading = true;
    this.#input!.next().then(({ done, value }) => {
      this.#isReading = false;
      if (done) this.#hasEnded = true;
      else this.#add(value);
      this.#pump();
    }, (error) => this.#end(error));
  }

  #add(value: Shard | OpenShard): void {
    const open = value instanceof OpenShard ? value : new OpenShard(value);
    this.#open.push(open);
    this.#ahead += sizeOf(open.shard);
    if (!open.isDone) this.#pending.push(new ShardJob(open, 0, open.shard.lines.length));
  }

  /** Gives every server that is free what comes next, or what another is late with. */
  #assign(now: number): void {
    for (;;) {
      const [state] = this.states.filter((state) => state.free(now) > 0)
        .sort((a, b) => a.inFlight / a.limit.value - b.inFlight / b.limit.value);
      if (state === undefined) return;
      const job = this.#next(state, now) ?? this.#late(state, now);
      if (job !== undefined) {
        this.#ask(state, job, now);
        continue;
      }
      // Others may have been avoided, or none be late that is not this server's own.
      const others = this.states.filter((other) => other !== state && other.free(now) > 0);
      const taken = others.some((other) => {
        const job = this.#next(other, now) ?? this.#late(other, now);
        if (job !== undefined) this.#ask(other, job, now);
        return job !== undefined;
      });
      if (!taken) return;
    }
  }

  /** The first job that waits; one at which this server failed only where no other could take it. */
  #next(state: ServerState, now: number): ShardJob | undefined {
    const isAlone = !this.states.some((other) =>
      other !== state && other.isReady && now >= other.until
    );
    const place = this.#pending.findIndex(({ avoided }) => isAlone || avoided !== state);
    return place === -1 ? undefined : this.#pending.splice(place, 1)[0];
  }

  /** What another server has been computing for long, where nothing else is to be done. */
  #late(state: ServerState, now: number): ShardJob | undefined {
    if (this.#pending.length > 0) return undefined;
    let first: Attempt | undefined;
    for (const attempt of this.#running) {
      if (attempt.by === state || attempt.job.attempts.size > 1) continue;
      if (now - attempt.begun < this.#patience()) continue;
      if (first === undefined || attempt.job.isBefore(first.job)) first = attempt;
    }
    return first?.job;
  }

  #patience(): number {
    return this.#usual === undefined ? hedgeUnknown : hedgeLeast + hedgeFactor * this.#usual;
  }

  #ask(by: ServerState, job: ShardJob, begun: number): void {
    const attempt: Attempt = { job, by, begun, controller: new AbortController() };
    job.attempts.add(attempt);
    this.#running.add(attempt);
    by.inFlight++;
    by.server.score(job.lines, attempt.controller.signal).then(
      (answered) => this.#answered(attempt, answered),
      (error) => this.#failed(attempt, error),
    ).catch((error) => this.#end(error));
  }

  #leave(attempt: Attempt): void {
    const { job, by } = attempt;
    job.attempts.delete(attempt);
    this.#running.delete(attempt);
    by.inFlight--;
  }

  #answered(attempt: Attempt, { rows, digest }: AnsweredRows): void {
    this.#leave(attempt);
    const { job, by, begun } = attempt;
    if (this.#failure !== undefined) return;
    by.answered();
    if (job.isDone) return this.#pump();
    if (this.#options.digest !== undefined && digest !== this.#options.digest) {
      this.#hasOtherBits(by);
      if (job.attempts.size === 0) this.#putBack(job);
      return this.#pump();
    }
    const took = performance.now() - begun;
    by.limit.answered(took / job.tokens);
    by.rows += rows.length;
    this.#usual = this.#usual === undefined ? took : newest * took + (1 - newest) * this.#usual;
    job.answered(rows, digest);
    for (const { controller } of job.attempts) controller.abort();
    if (job.open.isDone) this.#options.onAnswered?.(job.open);
    this.#pump();
  }

  /** It was started anew with something else: what, it tells when it is asked. */
  #hasOtherBits(state: ServerState): void {
    state.isReady = false;
    if (++state.otherBits < mostOtherBits) return;
    const error = new AssayError(
      "fleet/other-identity",
      `Cannot score with ${state.server.name}: expected rows of the identity that it tells, found rows of ` +
        "another, time and again; does a proxy stand before servers that are not alike?",
    );
    this.#tellRefused(state, error);
  }

  #tellRefused(state: ServerState, error: AssayError): void {
    state.failed(new ServerFailure("refused", error), performance.now());
    this.#options.onNote?.(`${error.message}; it is asked no more`);
  }

  #failed(attempt: Attempt, error: unknown): void {
    this.#leave(attempt);
    const { job, by } = attempt;
    if (this.#failure !== undefined) return;
    if (!(error instanceof ServerFailure)) throw error;
    if (!attempt.controller.signal.aborted) this.#tellFailure(by, error);
    if (!job.isDone && job.attempts.size === 0) {
      job.avoided = by;
      for (const next of job.after(error)) this.#putBack(next);
      if (job.open.isDone) this.#options.onAnswered?.(job.open);
    }
    this.#pump();
  }

  #tellFailure(by: ServerState, error: ServerFailure): void {
    if (error.kind === "too-large") return;
    const wasReady = by.isReady;
    by.failed(error, performance.now());
    if (wasReady && !by.isReady) {
      const rest = by.isRefused ? "it is asked no more" : "it is asked again later";
      this.#options.onNote?.(`${error.message}; ${rest}`);
    }
  }

  #putBack(job: ShardJob): void {
    const place = this.#pending.findIndex((other) => job.isBefore(other));
    if (place === -1) this.#pending.push(job);
    else this.#pending.splice(place, 0, job);
  }

  /** Asks a server that was away what it is, and lets it in again. */
  #probe(state: ServerState): void {
    state.isProbed = true;
    state.server.identify(this.#ended.signal).then(
      (facts) => this.#letIn(state, facts),
      (error) => {
        if (!(error instanceof ServerFailure)) throw error;
        // A server that loads its model is not one to be given up soon.
        const { kind } = error;
        const failure = kind === "refused" ? error : new ServerFailure("gone", error.error);
        state.failed(failure, performance.now());
      },
    ).finally(() => {
      state.isProbed = false;
      this.#pump();
    }).catch((error) => this.#end(error));
  }

  #letIn(state: ServerState, { identity }: ServerFacts): void {
    const wanted = this.#options.identity;
    if (wanted !== undefined && identityDifference(wanted, identity) !== undefined) {
      const error = otherIdentity(state.server.name, identity, "the others", wanted);
      return this.#tellRefused(state, error);
    }
    const wasAway = state.problem !== undefined;
    state.answered();
    state.problem = undefined;
    state.isReady = true;
    if (wasAway) this.#options.onNote?.(`${state.server.name} answers again`);
  }

  /** The next look, where something is to be done then that no answer brings about. */
  #setClock(now: number): void {
    clearTimeout(this.#timer);
    const times = this.states.filter(({ isRefused, until }) => !isRefused && until > now)
      .map(({ until }) => until);
    for (const { begun, job } of this.#running) {
      if (job.attempts.size === 1) times.push(Math.max(now + hedgeLeast, begun + this.#patience()));
    }
    if (this.#silentSince !== undefined) times.push(now + 1000);
    if (times.length === 0) return;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, Math.min(...times) - now));
  }
}

function sizeOf({ lines }: Shard): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}

/** The error of a run that no server is left for. */
export function noServer(problems: readonly (AssayError | undefined)[]): AssayError {
  const told = problems.filter((problem) => problem !== undefined);
  if (told.length === 1) return told[0]!;
  const reasons = told.map(({ message }) => message);
  return new AssayError(
    "fleet/no-server",
    `Cannot score: expected a server that answers, found none of ${problems.length}: ${
      [...new Set(reasons)].join("; ")
    }`,
  );
}

/** The error of a server whose bits are not those of another. */
export function otherIdentity(
  name: string,
  identity: ScoringIdentity,
  other: string,
  expected: ScoringIdentity,
): AssayError {
  const { name: part, ours, theirs } = identityDifference(expected, identity)!;
  return new AssayError(
    "fleet/other-identity",
    `Cannot score with ${name} beside ${other}: expected ${part} ${ours}, found ${theirs}, so the bits ` +
      "would not be the same; let them run alike, leave one out, or mark rows by --allow-mixed",
  );
}
