import type { AssayError } from "../error.ts";
import { RequestLimit } from "./request_limit.ts";
import type { ScoringServer } from "./scoring_server.ts";
import type { ServerFailure } from "./server_failure.ts";

/** Failures in a row, of requests that a server took, before it rests. */
const failuresToRest = 3;
/** Milliseconds of the first rest, and the longest, which a server may ask for too. */
const firstRest = 250;
const longestRest = 30_000;
/** Milliseconds that a server which is busy is left alone where it does not say how long. */
const busyPause = 1000;

/** What a run knows of one server: whether it gets rows now, and how many requests at once. */
export class ServerState {
  readonly limit: RequestLimit;
  /** Requests under way. */
  inFlight = 0;
  /** Rows that it scored, for people. */
  rows = 0;
  /** Whether it is known to answer, with bits like the others'. */
  isReady = false;
  /** Whether it is asked no more, since it never will be of use. */
  isRefused = false;
  /** Whether it is being asked whether it is back. */
  isProbed = false;
  /** When it may be asked next. */
  until = 0;
  /** Times that its rows were of another identity than it told. */
  otherBits = 0;
  /** Why it gave no rows last. */
  problem: AssayError | undefined;
  #failures = 0;
  #rests = 0;

  /** @param random From 0 to 1, for the jitter. */
  constructor(
    readonly server: ScoringServer,
    mostInFlight: number,
    readonly random: () => number,
  ) {
    this.limit = new RequestLimit(mostInFlight);
  }

  /** Requests that it may get now. */
  free(now: number): number {
    return this.isReady && now >= this.until ? this.limit.value - this.inFlight : 0;
  }

  /** Whether it is away, and it is time to ask whether it is back. */
  isDue(now: number): boolean {
    return !this.isReady && !this.isRefused && !this.isProbed && now >= this.until;
  }

  /** It answered, rows or what it is. */
  answered(): void {
    this.#failures = 0;
    this.#rests = 0;
  }

  /** It gave no rows. */
  failed({ kind, error, retryAfter }: ServerFailure, now: number): void {
    this.problem = error;
    if (kind === "refused") {
      this.isRefused = true;
      this.isReady = false;
    } else if (kind === "busy") {
      this.limit.refused();
      // However long it says, or whoever says it in its place: it is asked again.
      this.until = now + Math.min(longestRest, retryAfter ?? busyPause) * this.#jitter();
    } else if (kind === "gone" || ++this.#failures >= failuresToRest) this.#rest(now);
  }

  /** Asks nothing of it for a while: each time twice as long, and at random, so that not all come at once. */
  #rest(now: number): void {
    this.isReady = false;
    this.until = now + Math.min(longestRest, firstRest * 2 ** this.#rests++) * this.#jitter();
    this.limit.reset();
  }

  #jitter(): number {
    return 0.5 + this.random();
  }
}
