import { conversationsInOrder, conversationsOfRow } from "../../data/row_conversations.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { Change } from "../../probing/change.ts";
import { standardChanges } from "../../probing/change_list.ts";
import type { ProbeReport } from "../../probing/probe_report.ts";
import { ProbeTally, type ProbeTallyOptions } from "../../probing/probe_tally.ts";
import type { ScoreOptions } from "../../scoring/load_options.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";
import type { Scorer } from "../score/scorer.ts";
import { type ToScore, verdictsInOrder } from "../score/verdicts_in_order.ts";
import {
  type ChangedConversation,
  changedConversations,
  type RowToChange,
} from "./changed_conversations.ts";

/** How to probe. */
export interface ProbeOptions extends ProbeTallyOptions {
  /** What is tried; by default {@linkcode standardChanges}. */
  readonly changes?: readonly Change[] | undefined;
}

/** How a probe goes through rows. */
export interface ProbeRunOptions {
  /** Ends it early, with the signal's reason; what was found until then can still be reported. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the conversations that were scored, and of each layer that was streamed. */
  readonly onProgress?: ScoreOptions["onProgress"];
}

/** One row, probed. */
export interface ProbedRow {
  /** Whether the row has no scores, so that it counts for nothing. */
  readonly failed: boolean;
  /** Conversations scored for it. */
  readonly conversations: number;
  /** A row for each changed response, with its messages and both scores: see {@linkcode Probe.run}. */
  readonly changed: () => Row[];
}

/** A row that waits for the verdicts of all of its forms. */
interface RowForms {
  readonly line: number;
  readonly reason: AssayError | undefined;
  readonly row: RowToChange | undefined;
  /** One list for each change. */
  readonly forms: readonly (readonly (ChangedConversation | undefined)[])[];
}

/** The verdicts of a row's forms. */
interface JudgedForms {
  readonly before: readonly Verdict[];
  readonly repeated: Verdict;
  /** As the forms; `undefined` where a change left a response as it was. */
  readonly after: readonly (readonly (Verdict | undefined)[])[];
}

/** Shapes of the responses' names in changed rows. */
const sides = ["chosen", "rejected"];

/**
 * Scores rows with and without changes that keep their meaning, and tells what the changes do to scores
 * and preferences: what `assay probe` reports. Rows stream through; a key of each prompt and some
 * bytes for up to 10,000 clusters of them are kept.
 *
 * @example
 * ```ts
 * import { openScorer, Probe, rowsInMemory, standardChanges } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * using scorer = await openScorer({ model: "tests/golden/parity/llama" });
 * const changes = standardChanges({ only: ["opener", "prompt-lower-case"] });
 * const probe = new Probe({ changes });
 * const rows = rowsInMemory([{ prompt: "Is 2 + 2 four?", chosen: "Yes.", rejected: "No." }]);
 * for await (const { failed } of probe.run(rows.read(), scorer)) assert.equal(failed, false);
 * const report = probe.report();
 * assert.equal(report.changes.length, 2);
 * assert.deepEqual(report.noise, { repeated: 1, different: 0 });
 * ```
 */
export class Probe {
  /** What is tried. */
  readonly changes: readonly Change[];
  readonly #seed: number;
  readonly #tally: ProbeTally;

  /**
   * A probe of nothing yet.
   *
   * @param options Changes, seed, draws.
   * @throws {AssayError} `probing/bad-changes` for none, or two of one name.
   */
  constructor(options: ProbeOptions = {}) {
    this.changes = checkedChanges(options.changes ?? standardChanges());
    this.#seed = options.seed ?? 0;
    this.#tally = new ProbeTally(this.changes, options);
  }

  /**
   * Probes rows as they come. Of each, `changed()` gives a row for each changed response: `row` (the
   * input's line), `id` where the input has one, `response` (`chosen`, `rejected`, or its index),
   * `change`, `messages` (the changed conversation, which `assay score` takes), `score_before`, `score`,
   * and `error` where it has no score.
   *
   * @param rows Pairs, single conversations or candidates.
   * @param scorer The reward model.
   * @param options Who ends it early, and who is told how far it is.
   * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
   */
  async *run(
    rows: AsyncIterable<ReadRow>,
    scorer: Scorer,
    options: ProbeRunOptions = {},
  ): AsyncGenerator<ProbedRow> {
    const toScore = (read: ReadRow) => formsOf(read, this.changes, this.#seed);
    for await (const { item, verdicts } of verdictsInOrder(rows, toScore, scorer, options)) {
      yield this.#add(item, verdicts);
    }
  }

  /** What was found so far. */
  report(): ProbeReport {
    return this.#tally.report();
  }

  #add(item: RowForms, verdicts: readonly Verdict[]): ProbedRow {
    this.#tally.addConversations(verdicts.length);
    const { row, reason } = item;
    if (row === undefined) {
      this.#tally.addFailedRow(reason!);
      return { failed: true, conversations: 0, changed: () => [] };
    }
    const judged = judgedForms(item, verdicts);
    const failure = [...judged.before, judged.repeated].find(({ score }) => score === null);
    if (failure !== undefined) this.#tally.addFailedRow(failure.error!);
    else this.#addScores(item, judged);
    return {
      failed: failure !== undefined,
      conversations: verdicts.length,
      changed: () => changedRows(item, judged, this.changes),
    };
  }

  #addScores(
    { row, forms }: RowForms,
    { before, repeated, after }: JudgedForms,
  ): void {
    const scores = before.map(({ score }) => score!);
    this.#tally.addRow(scores, repeated.score!);
    const { conversations, kind } = row!;
    const prompt = conversations[0]!.slice(0, -1).map(({ content }) => content).join("\n");
    const cluster = this.#tally.clusterOf(prompt);
    after.forEach((verdicts, index) => {
      const tally = this.#tally.changes[index]!;
      if (verdicts.every((verdict) => verdict === undefined)) return tally.addUnchanged();
      const failed = verdicts.map((verdict, response) => failureOf(verdict, before[response]!))
        .find((error) => error !== undefined);
      if (failed !== undefined) return tally.addFailed(failed);
      tally.add({
        cluster,
        isPair: kind === "pair",
        scores,
        changed: verdicts.map((verdict) => verdict?.score ?? undefined),
        addedLengths: forms[index]!.flatMap((form) => form === undefined ? [] : [form.addedLength]),
      });
    });
  }
}

/**
 * Probes a reward model with rows, as `assay probe` does, in one call.
 *
 * @param rows Pairs, single conversations or candidates.
 * @param scorer The reward model.
 * @param options Changes, seed, draws.
 * @throws {AssayError} `probing/bad-changes`; `gpu/…` where the device fails as a whole.
 */
export async function probeRows(
  rows: AsyncIterable<ReadRow>,
  scorer: Scorer,
  options: ProbeOptions & ProbeRunOptions = {},
): Promise<ProbeReport> {
  const probe = new Probe(options);
  for await (const _ of probe.run(rows, scorer, options));
  return probe.report();
}

function checkedChanges(changes: readonly Change[]): readonly Change[] {
  const names = changes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (names.length > 0 && twice === undefined) return changes;
  throw new AssayError(
    "probing/bad-changes",
    "Cannot probe: expected changes with different names, found " +
      (twice === undefined ? "none" : `two of the name "${twice}"`),
  );
}

/** A row's conversations: as they are, then with each change, then the first of them once more. */
function formsOf(read: ReadRow, changes: readonly Change[], seed: number): ToScore<RowForms> {
  const { line } = read;
  try {
    if (read.row === undefined) throw read.error!;
    const shape = conversationsOfRow(read.row);
    const conversations = conversationsInOrder(shape);
    const row = { line, row: read.row, kind: shape.kind, conversations };
    const forms = changes.map((change) => changedConversations(row, change, seed));
    const changed = forms.flat().flatMap((form) => form === undefined ? [] : [form.conversation]);
    return {
      item: { line, reason: undefined, row, forms },
      conversations: [...conversations, ...changed, conversations[0]!],
    };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const reason = new AssayError(error.code, `Row ${line}: ${error.message}`, { cause: error });
    return { item: { line, reason, row: undefined, forms: [] }, conversations: [] };
  }
}

function judgedForms({ row, forms }: RowForms, verdicts: readonly Verdict[]): JudgedForms {
  const count = row!.conversations.length;
  let next = count;
  return {
    before: verdicts.slice(0, count),
    after: forms.map((list) => list.map((form) => form && verdicts[next++])),
    repeated: verdicts.at(-1)!,
  };
}

/** Why a changed response can't be compared: it has no score, or lost text that it had before. */
function failureOf(verdict: Verdict | undefined, before: Verdict): AssayError | undefined {
  if (verdict === undefined) return undefined;
  if (verdict.error !== null) return verdict.error;
  if (!verdict.truncated || before.truncated) return undefined;
  return new AssayError(
    "probing/cut",
    "Cannot compare a response with its changed form: expected both to fit the model's length, " +
      `found ${verdict.tokens} tokens left of the changed one after it was cut`,
  );
}

function changedRows(item: RowForms, judged: JudgedForms, changes: readonly Change[]): Row[] {
  const { line, row, forms } = item;
  const { id } = row!.row;
  return forms.flatMap((list, index) =>
    list.flatMap((form, response): Row[] => {
      if (form === undefined) return [];
      const verdict = judged.after[index]![response]!;
      const before = judged.before[response]!;
      const error = failureOf(verdict, before) ?? before.error;
      return [{
        row: line,
        ...(id !== undefined && { id }),
        response: row!.kind === "pair" ? sides[response] : response,
        change: changes[index]!.name,
        messages: [...form.conversation] as Conversation,
        score_before: before.score,
        score: verdict.score,
        ...(error && { error: error.toJSON() }),
      }];
    })
  );
}
