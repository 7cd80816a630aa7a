import { checkOptions, oneOf, share, text, wholeFrom } from "../../check_options.ts";
import { numbersInColumn } from "../../data/column_values.ts";
import { conversationsOfRow } from "../../data/row_conversations.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { valueOfText } from "../../data/serialized_text.ts";
import { AssayError } from "../../error.ts";
import { seededRandom } from "../../numbers/seeded_random.ts";
import { ownValue } from "../../own_value.ts";
import { cosineSimilarity } from "../../voting/prior_constraint.ts";
import {
  groupSamples,
  overlap,
  type SampleGroups,
  wordCounts,
} from "../../voting/sample_groups.ts";
import type { OutputRow } from "../output_row.ts";
import { failedRow } from "./failed_row.ts";

/** How pairs are made of samples. */
export interface SamplePairOptions {
  /**
   * How alike two samples are: `words`, the weighted Jaccard index of their words, the default; or
   * `embedding`, 1 − arccos(cosine)/π of the vectors in a column.
   */
  readonly similarity?: "words" | "embedding" | undefined;
  /** Column with a list of vectors, one per sample; `embeddings` by default. */
  readonly embeddings?: string | undefined;
  /** From which similarity on samples say the same. Default 0.5 for words, 0.8 for embeddings. */
  readonly alike?: number | undefined;
  /** Least share of the largest group for a pair to be made. Default 0.5. */
  readonly confidence?: number | undefined;
  /**
   * Which samples make the pair: `random` ones, the default, or by `score` the best of the group and the
   * worst of the others.
   */
  readonly pick?: "random" | "score" | undefined;
  /** Seed of the choice. Default 0. */
  readonly seed?: number | undefined;
}

const optionKinds = {
  similarity: oneOf("words", "embedding"),
  embeddings: text,
  alike: share,
  confidence: share,
  pick: oneOf("random", "score"),
  seed: wholeFrom(0),
};

/** What came of a row of samples. */
export interface SampledPair extends OutputRow {
  /** Why no pair was made of it: the row as it came, for the file of dropped rows. */
  readonly left: "unsure" | "tied" | "alike" | undefined;
  /** Line of the input row, from 1. */
  readonly line: number;
  /** Why the row could not be used. */
  readonly error: AssayError | undefined;
}

/** Samples of a prompt at most: each is compared with each. */
const mostSamples = 1024;

/** Columns that tell something of each sample, which a pair of two of them no longer has. */
const sampleColumns: readonly string[] = [
  "responses",
  "all_generated_responses",
  "scores",
  "best",
  "tokens",
  "score_std",
  "rewards",
  "coefficients",
  "gating",
  "labels",
  "quantiles",
  "spread",
  "step_scores",
  "token_rewards",
  "empty_score",
  "calibrated_scores",
  "calibrated_best",
  "num_correct",
  "lengths",
];

/**
 * Makes preference pairs of samples of a policy (reward learning on policy, arXiv 2403.19279): the
 * samples of a prompt are grouped by what they say, and where the largest group has a large share of
 * them, one of it is preferred to one outside, with that share as the probability that this is right
 * (`label_smoothing` is the rest). A prompt's choice depends on the seed and its place, on nothing else.
 *
 * @example
 * ```ts
 * import { pairsFromSamples, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const responses = ["It is 4.", "It is 4!", "5, I think"];
 * const rows = rowsInMemory([{ prompt: "2 + 2?", responses }]).read();
 * const [pair] = await Array.fromAsync(pairsFromSamples(rows));
 * assert.equal(pair?.row.rejected, "5, I think");
 * assert.equal(pair?.row.confidence, 2 / 3);
 * ```
 *
 * @param rows Rows of candidates: `prompt` and `responses`; `scores` where the choice is by them.
 * @param options How alike samples must be, and how sure the policy.
 * @throws {AssayError} `voting/bad-option`.
 */
export async function* pairsFromSamples(
  rows: AsyncIterable<ReadRow>,
  options: SamplePairOptions = {},
): AsyncGenerator<SampledPair> {
  checkOptions("voting/bad-option", "make pairs of samples", options, optionKinds);
  let source = 0;
  for await (const item of rows) yield pairOf(item, source++, options);
}

function pairOf(item: ReadRow, source: number, options: SamplePairOptions): SampledPair {
  const { line } = item;
  try {
    if (item.row === undefined) throw item.error;
    const made = pairOfRow(item.row, source, options);
    if (typeof made !== "string") {
      return { row: made, failed: false, left: undefined, line, error: undefined };
    }
    return { row: item.row, failed: false, left: made, line, error: undefined };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { row: failedRow(item, error, source), failed: true, left: undefined, line, error };
  }
}

function pairOfRow(
  row: Row,
  source: number,
  options: SamplePairOptions,
): Row | "unsure" | "tied" | "alike" {
  const shape = conversationsOfRow(row);
  const count = shape.kind === "best_of_n" ? shape.candidates.length : 0;
  if (shape.kind !== "best_of_n" || count < 2 || count > mostSamples) {
    throw new AssayError(
      "data/bad-row",
      `Cannot make a pair of samples: expected 2 to ${mostSamples} responses, found ` +
        (shape.kind === "best_of_n" ? String(count) : `a row of the shape ${shape.kind}`),
    );
  }
  const texts = shape.candidates.map((candidate) => candidate.at(-1)!.content);
  const grouped = groupsOf(row, texts, options);
  if (grouped.sizes.length === 1) return "alike";
  if (grouped.largest === null) return "tied";
  if (grouped.confidence < (options.confidence ?? 0.5)) return "unsure";
  const scores = scoresOf(row, count);
  if (options.pick === "score" && scores === undefined) {
    throw new AssayError(
      "data/bad-row",
      `Cannot choose samples by score: expected ${count} finite numbers in column "scores", one per ` +
        "response; score the rows first",
    );
  }
  const [chosen, rejected] = choose(grouped, source, options, scores);
  const pair = pairRow(row, source, grouped, { chosen, rejected, scores });
  if (options.similarity === "embedding") delete pair[options.embeddings ?? "embeddings"];
  return pair;
}

function groupsOf(
  row: Row,
  texts: readonly string[],
  { similarity = "words", embeddings = "embeddings", alike }: SamplePairOptions,
): SampleGroups {
  if (similarity === "words") {
    const words = texts.map(wordCounts);
    return groupSamples(texts.length, (i, j) => overlap(words[i]!, words[j]!), alike ?? 0.5);
  }
  const vectors = vectorsOf(row, embeddings, texts.length);
  const angle = (i: number, j: number): number => cosineSimilarity(vectors[i]!, vectors[j]!);
  return groupSamples(texts.length, angle, alike ?? 0.8);
}

function vectorsOf(row: Row, column: string, count: number): number[][] {
  const value = ownValue(row, column);
  const list = typeof value === "string" ? valueOfText(value)?.value : value;
  if (!Array.isArray(list) || list.length !== count) {
    throw new AssayError(
      "data/bad-row",
      `Cannot compare samples: expected ${count} vectors in column "${column}", one per response, found ` +
        (Array.isArray(list) ? String(list.length) : "no list"),
    );
  }
  return list.map((vector, place) => {
    const name = `${column}[${place}]`;
    const numbers = (numbersInColumn({ [name]: vector }, name) ?? []).map((x) => x ?? NaN);
    if (numbers.length > 0 && numbers.every(Number.isFinite)) return numbers;
    throw new AssayError(
      "data/bad-row",
      `Cannot compare samples: expected a list of finite numbers in ${name}`,
    );
  });
}

/** The samples' scores; `undefined` where not each has one. */
function scoresOf(row: Row, count: number): number[] | undefined {
  const scores = numbersInColumn(row, "scores")?.map((score) => score ?? NaN);
  return scores?.length === count && scores.every(Number.isFinite) ? scores : undefined;
}

/** One of the largest group and one of the others, the first of equals where scores choose. */
function choose(
  { groups, largest }: SampleGroups,
  source: number,
  { pick = "random", seed = 0 }: SamplePairOptions,
  scores: readonly number[] | undefined,
): [chosen: number, rejected: number] {
  const places = [...groups.keys()];
  const inside = places.filter((place) => groups[place] === largest);
  const outside = places.filter((place) => groups[place] !== largest);
  if (pick === "score") {
    const best = (a: number, b: number): number => scores![b]! > scores![a]! ? b : a;
    const worst = (a: number, b: number): number => scores![b]! < scores![a]! ? b : a;
    return [inside.reduce(best), outside.reduce(worst)];
  }
  // Of its own for each row, so that the others have no say.
  const random = seededRandom(seed ^ Math.imul(source + 1, 0x9e3779b1));
  const any = (list: readonly number[]): number => list[Math.floor(random() * list.length)]!;
  return [any(inside), any(outside)];
}

function pairRow(
  row: Row,
  source: number,
  { sizes, confidence }: SampleGroups,
  { chosen, rejected, scores }: {
    readonly chosen: number;
    readonly rejected: number;
    readonly scores: readonly number[] | undefined;
  },
): Row {
  const pair: Row = { ...row };
  const column = ["responses", "all_generated_responses"].find((name) => (row[name] ?? "") !== "")!;
  const value = row[column];
  const list = (typeof value === "string" ? valueOfText(value)?.value : value) as unknown[];
  for (const name of sampleColumns) delete pair[name];
  return {
    ...pair,
    chosen: list[chosen],
    rejected: list[rejected],
    ...(scores && { chosen_score: scores[chosen], rejected_score: scores[rejected] }),
    label_smoothing: 1 - confidence,
    confidence,
    group_sizes: sizes,
    chosen_sample: chosen,
    rejected_sample: rejected,
    source_row: source,
  };
}
