import type { ReadRow, Row } from "../data/rows.ts";
import type { AssayError } from "../error.ts";
import { failedRow, isScoreColumn } from "../tasks/score/score_columns.ts";
import type { ScoredRow } from "../tasks/score/score_rows.ts";
import { mixedColumn } from "./mixed_column.ts";
import { FanOut, noServer, otherIdentity } from "./fan_out.ts";
import { cutShards, type Shard, type ShardOptions } from "./row_shards.ts";
import { type AskOptions, ScoringServer, type ServerFacts } from "./scoring_server.ts";
import { identityDifference } from "./scoring_identity.ts";
import { ServerFailure } from "./server_failure.ts";
import type { ServerState } from "./server_state.ts";
import type { OpenShard } from "./shard_job.ts";
import { ShardJournal } from "./shard_journal.ts";

/** How rows are scored by servers. */
export interface ScoreByServersOptions extends AskOptions, ShardOptions {
  /** Addresses of servers: `http://host:8000`. */
  readonly servers: readonly string[];
  /** Takes rows of servers that compute otherwise too, and marks each by what computed it. */
  readonly allowMixed?: boolean | undefined;
  /** The file from which a run that was killed goes on; none by default. */
  readonly checkpoint?: string | undefined;
  /** Requests to one server at once, at most; 8 by default. */
  readonly mostInFlight?: number | undefined;
  /** Milliseconds that a run goes on while no server answers; 60,000 by default. */
  readonly patience?: number | undefined;
  /** Characters of rows that are read ahead of the first that has no answer; 64 Mi by default. */
  readonly mostAhead?: number | undefined;
  /** For the jitter of what is asked again; `Math.random` by default. */
  readonly random?: (() => number) | undefined;
  /** Ends the run, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told what people should know. */
  readonly onNote?: ((message: string) => void) | undefined;
  /** Given the servers' states, to be looked at as the run goes on. */
  readonly onStates?: ((states: readonly ServerState[]) => void) | undefined;
}

/**
 * Scores rows by servers, in order: the rows that `scoreRows` gives with the model that they serve, to the
 * last byte. Rows that fail have an `error`, and the others go on.
 *
 * @param rows The input.
 * @throws {AssayError} `fleet/other-identity` where servers would give other bits than each other;
 * `fleet/no-server`, `fleet/unreachable` and the like where none is of use; `fleet/foreign-checkpoint`;
 * the signal's reason.
 */
export async function* scoreByServers(
  rows: AsyncIterable<ReadRow>,
  options: ScoreByServersOptions,
): AsyncGenerator<ScoredRow> {
  const { allowMixed = false, explain = false, signal, onNote } = options;
  const servers = options.servers.map((address) => new ScoringServer(address, options));
  const facts = await identified(servers, options);
  const [first] = facts.values();
  const expected = allowMixed ? undefined : first;
  using journal = options.checkpoint === undefined ? undefined : await ShardJournal.open(
    options.checkpoint,
    { identity: expected?.digest ?? null, explain },
  );
  if (journal !== undefined && journal.size > 0) {
    onNote?.(`going on from ${options.checkpoint}: ${journal.size} shards are answered already`);
  }
  // One after another: the file has one place.
  let kept: Promise<unknown> = Promise.resolve();
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const done = kept.then(work);
    kept = done.catch(() => {});
    return done;
  };
  let lost: { readonly error: unknown } | undefined;
  const fanOut = new FanOut(servers, new Set(facts.keys()), {
    ...options,
    identity: expected?.identity,
    digest: expected?.digest,
    onAnswered(open) {
      if (allowMixed) mark(open);
      if (journal === undefined) return;
      inTurn(() => journal.add(open)).catch((error) => lost ??= { error });
    },
  });
  options.onStates?.(fanOut.states);
  const shards = remembered(
    cutShards(rows, options),
    (shard) => journal && inTurn(() => journal.answered(shard)),
  );
  for await (const { shard, answers } of fanOut.run(shards)) {
    signal?.throwIfAborted();
    if (lost !== undefined) throw lost.error;
    for (const { read, line } of shard.rows) {
      yield scored(line === undefined ? unread(read) : restored(read.row!, answers[line]!));
    }
  }
  await kept;
  if (lost !== undefined) throw lost.error;
}

/** What the servers that answer compute with, all alike. */
async function identified(
  servers: readonly ScoringServer[],
  { allowMixed, signal, onNote }: ScoreByServersOptions,
): Promise<Map<ScoringServer, ServerFacts>> {
  const facts = new Map<ScoringServer, ServerFacts>();
  const problems: AssayError[] = [];
  const told = await Promise.allSettled(servers.map((server) => server.identify(signal)));
  signal?.throwIfAborted();
  for (const [place, result] of told.entries()) {
    if (result.status === "fulfilled") facts.set(servers[place]!, result.value);
    else if (result.reason instanceof ServerFailure) problems.push(result.reason.error);
    else throw result.reason;
  }
  if (facts.size === 0) throw noServer(problems);
  for (const { message } of problems) onNote?.(`${message}; it is asked again later`);
  const [[one, own]] = facts as unknown as [[ScoringServer, ServerFacts]];
  for (const [server, { identity }] of facts) {
    if (identityDifference(own.identity, identity) === undefined) continue;
    const error = otherIdentity(server.name, identity, one.name, own.identity);
    if (!allowMixed) throw error;
    onNote?.(error.message);
  }
  return facts;
}

/** Shards, those that were answered before with their answers. */
async function* remembered(
  shards: AsyncGenerator<Shard>,
  answered: (shard: Shard) => Promise<OpenShard | undefined> | undefined,
): AsyncGenerator<Shard | OpenShard> {
  for await (const shard of shards) {
    yield shard.lines.length === 0 ? shard : await answered(shard) ?? shard;
  }
}

/** Says in each row what computed it: of a shard that several computed, all of them. */
function mark({ answers, digests }: OpenShard): void {
  const by = [...digests].sort().join(" ");
  answers.forEach((row, line) => answers[line] = { ...row, [mixedColumn]: by });
}

function unread({ line, error }: ReadRow): Row {
  return failedRow({ line }, error!);
}

/** What JSON does not hold of the input's own columns: a NaN makes a column one of fractions. */
function restored(input: Row, output: Row): Row {
  for (const [column, value] of Object.entries(input)) {
    if (typeof value !== "number" || Number.isFinite(value) || output[column] !== null) continue;
    if (!isScoreColumn(column)) output[column] = value;
  }
  return output;
}

function scored(row: Row): ScoredRow {
  const { scores, margin, tokens, chosen_tokens: chosen, rejected_tokens: rejected } = row;
  const counted = [tokens, chosen, rejected].flat().filter((count) => typeof count === "number");
  const conversations = Array.isArray(scores) ? scores.length : margin === undefined ? 1 : 2;
  return {
    row,
    failed: row.error !== undefined && row.error !== null,
    conversations: counted.length === 0 ? 0 : conversations,
    tokens: counted.reduce((sum, count) => sum + count, 0),
  };
}
