import type { Row } from "../data/rows.ts";
import { AssayError } from "../error.ts";
import { failedRow } from "../tasks/score/score_columns.ts";
import type { Shard } from "./row_shards.ts";
import type { ServerFailure } from "./server_failure.ts";
import type { ServerState } from "./server_state.ts";

/** Times that rows are asked for again where a server tells that it failed at them, and for other failures. */
const mostTries = { failed: 3, other: 12 };

/** A shard on its way: the answers so far. */
export class OpenShard {
  readonly answers: (Row | undefined)[];
  /** Digests of the identities that computed it. */
  readonly digests: Set<string> = new Set();
  #missing: number;

  constructor(readonly shard: Shard) {
    this.answers = new Array(shard.lines.length);
    this.#missing = shard.lines.length;
  }

  get isDone(): boolean {
    return this.#missing === 0;
  }

  put(line: number, row: Row): void {
    this.answers[line] = row;
    this.#missing--;
  }
}

/** Lines of a shard that one request asks for. */
export class ShardJob {
  /** Those who were asked and have not answered. */
  readonly attempts: Set<Attempt> = new Set();
  isDone = false;
  /** Who failed at it last, and is asked again only where nobody else can be. */
  avoided: ServerState | undefined;
  #failed = 0;
  #tries = 0;

  constructor(readonly open: OpenShard, readonly from: number, readonly to: number) {}

  get lines(): readonly string[] {
    const { lines } = this.open.shard;
    return this.to - this.from === lines.length ? lines : lines.slice(this.from, this.to);
  }

  /** Estimated tokens. */
  get tokens(): number {
    const { lines, tokens } = this.open.shard;
    return Math.max(1, tokens * (this.to - this.from) / lines.length);
  }

  /** The order in which jobs are done. */
  isBefore(other: ShardJob): boolean {
    const [own, others] = [this.open.shard.index, other.open.shard.index];
    return own < others || own === others && this.from < other.from;
  }

  /** Takes in the rows; the number of a row in the request becomes that in the input. */
  answered(rows: readonly Row[], digest: string): void {
    this.isDone = true;
    this.open.digests.add(digest);
    rows.forEach((row, place) => this.open.put(this.from + place, this.#numbered(row, place)));
  }

  /**
   * What becomes of it after a failure: the same once more, or two halves, until one row alone is at fault, which
   * then comes out with that error.
   */
  after({ kind, error }: ServerFailure): readonly ShardJob[] {
    if (kind === "failed") this.#failed++;
    if (kind !== "busy" && kind !== "refused") this.#tries++;
    const isHopeless = kind === "too-large" || this.#failed >= mostTries.failed ||
      this.#tries >= mostTries.other;
    if (!isHopeless) return [this];
    this.isDone = true;
    if (this.to - this.from > 1) {
      const middle = Math.floor((this.from + this.to) / 2);
      return [
        new ShardJob(this.open, this.from, middle),
        new ShardJob(this.open, middle, this.to),
      ];
    }
    const { read } = this.open.shard.rows.find(({ line }) => line === this.from)!;
    const gaveUp = new AssayError(
      "fleet/gave-up",
      `Cannot score row ${read.line}: no server gave an answer to it, however often it was asked; the ` +
        `last one: ${error.message}`,
    );
    this.open.put(this.from, failedRow(read.row!, gaveUp));
    return [];
  }

  #numbered(row: Row, place: number): Row {
    const { error } = row;
    const { message } = (error ?? {}) as { message?: unknown };
    const own = `Row ${place + 1}: `;
    if (typeof message !== "string" || !message.startsWith(own)) return row;
    const { read } = this.open.shard.rows.find(({ line }) => line === this.from + place)!;
    return {
      ...row,
      error: { ...error as object, message: `Row ${read.line}: ${message.slice(own.length)}` },
    };
  }
}

/** A request under way. */
export interface Attempt {
  readonly job: ShardJob;
  readonly by: ServerState;
  readonly begun: number;
  readonly controller: AbortController;
}
