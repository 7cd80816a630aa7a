import configuration from "../../../deno.json" with { type: "json" };
import { conversationsOfRow } from "../../data/row_conversations.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { LoadOptions } from "../../scoring/load_options.ts";
import type { Conversation } from "../../text/conversation.ts";
import { conversationKey } from "../../voting/score_cache.ts";
import type { ScoredRow } from "../../voting/scored_row.ts";
import { readingSettings } from "../reading_settings.ts";
import type { RepeatableRows } from "../repeatable_rows.ts";
import { ScoreCacheFile } from "./score_cache_file.ts";
import { type OpenVoter, openVoter, type VoterSource, type VoterSpec } from "./voter_source.ts";
import { distinctNames, factsOf, type VoterTable } from "./voter_table.ts";

/** How to let voters score. */
export interface ScoreVotersOptions {
  /** Folder of the score cache, which is made where there is none; none by default. */
  readonly cache?: string | undefined;
  /** How models are loaded. */
  readonly load?: LoadOptions | undefined;
  /** Finds voters; a stand-in in tests. */
  readonly open?: OpenVoter | undefined;
  /** Told how far each voter's scoring has come. */
  readonly onProgress?: ((voter: string, done: number, total: number) => void) | undefined;
  /** Told what people should know: what was in the cache, what could not be scored. */
  readonly onNote?: ((message: string) => void | Promise<void>) | undefined;
  /** Ends the scoring; what has been scored is kept. */
  readonly signal?: AbortSignal | undefined;
}

/** What is known of a row before it is scored. */
interface PlannedRow {
  readonly kind: ScoredRow["kind"] | undefined;
  /** Cache keys of its conversations. */
  readonly keys: readonly string[];
  /** Why it has no conversations. */
  readonly error: AssayError | undefined;
}

/**
 * Lets voters score rows, one checkpoint after another, as far as the cache does not know their
 * scores yet.
 *
 * @param rows The rows; they are read again for every voter.
 * @param specs The voters.
 * @param options How to score.
 * @throws {AssayError} What reading, loading and the cache throw; `cli/interrupted`.
 */
export async function scoreVoters(
  rows: RepeatableRows,
  specs: readonly VoterSpec[],
  options: ScoreVotersOptions = {},
): Promise<VoterTable> {
  const open = options.open ?? openVoter;
  const plan: PlannedRow[] = [];
  for await (const item of rows.read()) plan.push(await planRow(item));
  const names: string[] = [];
  const scored: (ScoredRow | undefined)[][] = plan.map(() => []);
  const errors: (AssayError | undefined)[] = plan.map(({ error }) => error);
  for (const spec of plan.length === 0 ? [] : specs) {
    using source = await open(spec);
    const { scores, failures } = await scoreAll(source, plan, rows, options);
    source.names.forEach((name, head) => {
      names.push(name);
      plan.forEach((planned, row) => scored[row]!.push(scoredRowOf(planned, scores, head)));
    });
    plan.forEach(({ keys }, row) => {
      errors[row] ??= keys.map((key) => failures.get(key)).find((error) => error !== undefined);
    });
    const [first] = failures.values();
    if (first !== undefined) {
      await options.onNote?.(
        `warning: ${source.names.join(", ")} could not score ${failures.size} conversations, the ` +
          `first because: ${first.message} [${first.code}]`,
      );
    }
  }
  return {
    voters: factsOf(distinctNames(names), scored),
    joinedBy: null,
    rows: scored,
    errors,
    async *read() {
      let place = 0;
      for await (const item of rows.read()) yield { item, place: place++ };
    },
  };
}

async function planRow({ row, error }: ReadRow): Promise<PlannedRow> {
  if (row === undefined) return { kind: undefined, keys: [], error };
  try {
    const [kind, conversations] = conversationsIn(row);
    const keys = await Promise.all(conversations.map(conversationKey));
    return { kind, keys, error: undefined };
  } catch (cause) {
    if (cause instanceof AssayError) return { kind: undefined, keys: [], error: cause };
    throw cause;
  }
}

function conversationsIn(
  row: NonNullable<ReadRow["row"]>,
): [kind: ScoredRow["kind"], conversations: readonly Conversation[]] {
  const shape = conversationsOfRow(row);
  switch (shape.kind) {
    case "pair":
      return ["pair", [shape.chosen, shape.rejected]];
    case "single":
      return ["single", [shape.conversation]];
    case "best_of_n":
      return ["best_of_n", shape.candidates];
  }
}

/** Scores by key, from the cache and, as far as they lack there, from the model. */
async function scoreAll(
  source: VoterSource,
  plan: readonly PlannedRow[],
  rows: RepeatableRows,
  options: ScoreVotersOptions,
): Promise<{ scores: Map<string, readonly number[]>; failures: Map<string, AssayError> }> {
  const label = source.names[0]!;
  using cache = await ScoreCacheFile.open(options.cache, {
    voter: label,
    revision: source.revision,
    settings: settingsOf(options.load ?? {}),
  });
  if (cache.problem !== undefined) await options.onNote?.(`warning: ${cache.problem}`);
  const scores = new Map<string, readonly number[]>();
  const missing = new Set<string>();
  for (const key of plan.flatMap(({ keys }) => keys)) {
    const known = cache.get(key);
    if (known?.length === source.names.length) scores.set(key, known);
    else missing.add(key);
  }
  const failures = new Map<string, AssayError>();
  if (missing.size === 0) {
    await options.onNote?.(`${label}: all ${scores.size} scores were in the cache`);
    return { scores, failures };
  }
  if (scores.size > 0) {
    await options.onNote?.(
      `${label}: ${scores.size} scores were in the cache, ${missing.size} to go`,
    );
  }
  const total = missing.size;
  const toldInterrupt = (cause: unknown): unknown =>
    options.signal?.aborted ? interrupted(cause, options.cache !== undefined) : cause;
  using voter = await source.load({ ...options.load, signal: options.signal })
    .catch((cause) => {
      throw toldInterrupt(cause);
    });
  const mixed = scores.size > 0 ? otherKernels(label, cache.kernels, voter.kernels) : undefined;
  if (mixed !== undefined) await options.onNote?.(mixed);
  let done = 0;
  const asked: string[] = [];
  const conversations = missingConversations(rows.read(), plan, missing, asked);
  try {
    for await (const result of voter.scoreStream(conversations, { signal: options.signal })) {
      const key = asked.shift()!;
      if (result.scores === null) {
        failures.set(key, result.error);
      } else {
        scores.set(key, result.scores);
        cache.add(key, result.scores, voter.kernels);
      }
      options.onProgress?.(label, ++done, total);
    }
  } catch (cause) {
    throw toldInterrupt(cause);
  }
  return { scores, failures };
}

/** The conversations whose key is missing, each once, in order; their keys go to `asked`. */
async function* missingConversations(
  rows: AsyncIterable<ReadRow>,
  plan: readonly PlannedRow[],
  missing: Set<string>,
  asked: string[],
): AsyncGenerator<Conversation> {
  let index = 0;
  for await (const { row } of rows) {
    const keys = plan[index++]?.keys ?? [];
    if (row === undefined || !keys.some((key) => missing.has(key))) continue;
    const [, conversations] = conversationsIn(row);
    for (const [place, key] of keys.entries()) {
      if (!missing.delete(key)) continue;
      asked.push(key);
      yield conversations[place]!;
    }
  }
}

function scoredRowOf(
  { kind, keys }: PlannedRow,
  scores: ReadonlyMap<string, readonly number[]>,
  head: number,
): ScoredRow | undefined {
  const values = keys.map((key) => scores.get(key)?.[head] ?? NaN);
  switch (kind) {
    case "pair":
      return { kind, chosen: values[0]!, rejected: values[1]! };
    case "single":
      return { kind, score: values[0]! };
    case "best_of_n":
      return { kind, scores: values };
    case undefined:
      return undefined;
  }
}

/** What to say of scores in the cache that other kernels computed than those that go on. */
function otherKernels(
  label: string,
  cached: ReadonlySet<string>,
  own: string | undefined,
): string | undefined {
  const others = [...cached].filter((kernels) => kernels !== own);
  if (own === undefined || others.length === 0) return undefined;
  return `warning: ${label}: scores in the cache were computed by other kernels (${
    others.join(", ")
  }) ` +
    `than the rest is now (${own}); they may differ in their last bits: pin --backend and --kernels, or ` +
    "leave the cache out (--no-cache)";
}

/** The settings that a score can depend on. */
function settingsOf(load: LoadOptions): Record<string, string | number | boolean> {
  return {
    version: configuration.version,
    backend: load.backend ?? "auto",
    kernels: load.kernels ?? "auto",
    ...(load.precision === "f16" && { precision: load.precision }),
    ...(load.webgpu !== undefined && { webgpu: load.webgpu }),
    ...(load.experimental && { experimental: load.experimental }),
    ...readingSettings(load),
  };
}

function interrupted(cause: unknown, isKept: boolean): AssayError {
  return new AssayError(
    "cli/interrupted",
    "Cannot vote: interrupted before every voter had scored every row; " +
      (isKept ? "run the same command again to go on" : "no score was kept (--no-cache)"),
    { cause },
  );
}
