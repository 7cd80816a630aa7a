import { numberInColumn } from "../../data/column_values.ts";
import { conversationsInOrder, conversationsOfRow } from "../../data/row_conversations.ts";
import { kindOfValue, type ReadRow, type Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { ownValue } from "../../own_value.ts";
import { type SkewReport, SkewTally } from "../../probing/skew.ts";
import type { Conversation } from "../../text/conversation.ts";
import type { Scorer } from "../score/scorer.ts";
import { type ToScore, verdictsInOrder } from "../score/verdicts_in_order.ts";
import type { ProbedRow, ProbeRunOptions } from "./probe.ts";

/** How to read counterfactual pairs. */
export interface SkewOptions {
  /** Column that names the trait; `bias` by default. */
  readonly trait?: string | undefined;
  /** Column that tells which response has it; `with_trait` by default. */
  readonly withTrait?: string | undefined;
  /** Column with people's preference; `human` by default. */
  readonly human?: string | undefined;
  /** Seed of the intervals. Default 0. */
  readonly seed?: number | undefined;
}

/** The trait that two responses of a row differ in. */
export interface TraitOfRow {
  /** Its name. */
  readonly trait: string;
  /** Index of the response that has it. */
  readonly side: 0 | 1;
  /** People's share that prefers it, where that is known. */
  readonly human: number | undefined;
}

/** Two conversations of a row that differ in a trait. */
interface PairWithTrait extends Omit<TraitOfRow, "side"> {
  readonly row: Row;
  readonly prompt: string;
  readonly conversations: readonly [withTrait: Conversation, without: Conversation];
}

type RowOrReason = PairWithTrait | AssayError;

/** The columns of "Flattery, Fluff, and Fog" as its authors published their annotations. */
const published = {
  withTrait: "perturbed (bias-expressing) response",
  human: "human_preference",
} as const;

/**
 * Scores counterfactual pairs, whose two responses differ in one trait only, and tells how often the
 * trait wins, beside how often people prefer it: what `assay probe --skew` reports.
 *
 * A row is a pair or has two responses; `bias` names the trait, `with_trait` the response that has it
 * (`chosen` or `rejected`, or 0 or 1), and `human`, where it is known, people's share that prefers it,
 * from 0 to 1. The rows of "Flattery, Fluff, and Fog" are read as they were published: `query`,
 * `response_1`, `response_2`, and which of them has the trait and which people prefer (or `tie`).
 *
 * @example
 * ```ts
 * import { openScorer, rowsInMemory, Skew } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * using scorer = await openScorer({ model: "tests/golden/parity/llama" });
 * const rows = rowsInMemory([
 *   { prompt: "2+2?", responses: ["4", "It is 4."], bias: "length", with_trait: 1, human: 0.3 },
 * ]);
 * const skew = new Skew();
 * for await (const { failed } of skew.run(rows.read(), scorer)) assert.equal(failed, false);
 * const [length] = skew.report().traits;
 * assert.equal(length!.pairs, 1);
 * ```
 */
export class Skew {
  readonly #options: SkewOptions;
  readonly #tally: SkewTally;

  /**
   * A report of nothing yet.
   *
   * @param options Columns and seed.
   */
  constructor(options: SkewOptions = {}) {
    this.#options = options;
    this.#tally = new SkewTally(options);
  }

  /**
   * Scores rows as they come. `changed()` of each gives the row with `trait_score`, `other_score` and
   * `margin`.
   *
   * @param rows Counterfactual pairs.
   * @param scorer The reward model.
   * @param options Who ends it early, and who is told how far it is.
   * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
   */
  async *run(
    rows: AsyncIterable<ReadRow>,
    scorer: Scorer,
    options: ProbeRunOptions = {},
  ): AsyncGenerator<ProbedRow> {
    const toScore = (read: ReadRow) => this.#toScore(read);
    for await (const { item, verdicts } of verdictsInOrder(rows, toScore, scorer, options)) {
      const failed = verdicts.find(({ error }) => error !== null)?.error ?? undefined;
      const reason = item instanceof AssayError ? item : failed;
      const scores = verdicts.map(({ score }) => score);
      const told = reason ?? this.#add(item as PairWithTrait, scores as [number, number]);
      if (told !== undefined) this.#tally.addFailed(told);
      yield {
        failed: told !== undefined,
        conversations: verdicts.length,
        changed: () => item instanceof AssayError ? [] : [scoredPair(item.row, scores, told)],
      };
    }
  }

  /** What was found so far. */
  report(): SkewReport {
    return this.#tally.report();
  }

  #add({ trait, prompt, human }: PairWithTrait, [withTrait, other]: [number, number]) {
    try {
      this.#tally.add({ trait, prompt, margin: withTrait - other, human });
      return undefined;
    } catch (error) {
      if (error instanceof AssayError) return error;
      throw error;
    }
  }

  #toScore(read: ReadRow): ToScore<RowOrReason> {
    try {
      if (read.row === undefined) throw read.error!;
      const pair = pairOf(read.row, this.#options);
      return { item: pair, conversations: pair.conversations };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      const message = `Row ${read.line}: ${error.message}`;
      return { item: new AssayError(error.code, message, { cause: error }), conversations: [] };
    }
  }
}

function pairOf(row: Row, options: SkewOptions): PairWithTrait {
  const { trait, side, human } = traitOfRow(row, options);
  const conversations = conversationsInOrder(
    conversationsOfRow(isPublished(row) ? publishedRow(row) : row),
  );
  if (conversations.length !== 2) throw badPair("two responses", `${conversations.length}`);
  const [first] = conversations;
  return {
    row,
    trait,
    prompt: first!.slice(0, -1).map(({ content }) => content).join("\n"),
    human,
    conversations: [conversations[side]!, conversations[1 - side]!],
  };
}

function isPublished(row: Row): boolean {
  return ownValue(row, published.withTrait) !== undefined;
}

/**
 * The trait of a counterfactual pair, and which of its responses has it.
 *
 * @param row The row.
 * @param options Columns.
 * @throws {AssayError} `data/bad-row` where a column does not hold what it should.
 */
export function traitOfRow(row: Row, options: SkewOptions = {}): TraitOfRow {
  const isOfPublished = isPublished(row);
  const names = isOfPublished ? published : { withTrait: "with_trait", human: "human" };
  const { trait: traitColumn = "bias", withTrait = names.withTrait, human = names.human } = options;
  const trait = ownValue(row, traitColumn);
  if (typeof trait !== "string" || trait === "") {
    throw badPair(`the trait's name in the column "${traitColumn}"`, kindOfValue(trait));
  }
  const sides = isOfPublished ? ["response_1", "response_2"] : ["chosen", "rejected"];
  const side = sideOf(ownValue(row, withTrait), sides);
  if (side === undefined) {
    throw badPair(
      `${sides.join(" or ")}, or 0 or 1, in the column "${withTrait}"`,
      shown(ownValue(row, withTrait)),
    );
  }
  return { trait, side, human: humanShare(row, human, side, sides) };
}

function publishedRow(row: Row): Row {
  return { prompt: row.query, responses: [row.response_1, row.response_2] };
}

/** The index of a response that is named by its column or by its place. */
function sideOf(value: unknown, sides: readonly string[]): 0 | 1 | undefined {
  const text = typeof value === "bigint" || typeof value === "number" ? String(value) : value;
  if (text === sides[0] || text === "0") return 0;
  return text === sides[1] || text === "1" ? 1 : undefined;
}

/** People's share that prefers the trait: a number, or the response that most of them prefer. */
function humanShare(
  row: Row,
  column: string,
  side: 0 | 1,
  sides: readonly string[],
): number | undefined {
  const value = ownValue(row, column);
  if (value === "tie") return 0.5;
  const named = sides.indexOf(value as string);
  if (named >= 0) return named === side ? 1 : 0;
  const share = shareIn(row, column);
  if (share === undefined || (share >= 0 && share <= 1)) return share;
  throw badPair(
    `people's share from 0 to 1, ${sides.join(", ")} or tie in the column "${column}"`,
    shown(value),
  );
}

/** NaN for what is no number. */
function shareIn(row: Row, column: string): number | undefined {
  try {
    return numberInColumn(row, column);
  } catch (error) {
    if (error instanceof AssayError) return NaN;
    throw error;
  }
}

/** A value in an error: its text where it is short. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return typeof value === "number" || typeof value === "bigint"
    ? String(value)
    : kindOfValue(value);
}

function scoredPair(row: Row, scores: readonly (number | null)[], error?: AssayError): Row {
  const [withTrait = null, other = null] = scores;
  return {
    ...row,
    trait_score: withTrait,
    other_score: other,
    margin: withTrait === null || other === null ? null : withTrait - other,
    ...(error && { error: error.toJSON() }),
  };
}

function badPair(expected: string, found: string): AssayError {
  return new AssayError(
    "data/bad-row",
    `Cannot use the row as a counterfactual pair: expected ${expected}, found ${found}`,
  );
}
