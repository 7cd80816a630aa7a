import { AssayError } from "../../error.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";
import type { ImplicitSpec } from "./open_scorer.ts";
import type { Scorer } from "./scorer.ts";
import {
  beginningOf,
  type ExplainedVerdict,
  explanationOf,
  implicitExplanation,
  mostPieces,
  type Pieces,
  piecesOf,
  type TokensOf,
} from "./token_explanation.ts";

/** A scorer whose tokens can be told. */
export interface ExplainableScorer extends Scorer {
  /** The tokens of a conversation; `RewardModel.tokens` is such. */
  readonly tokens: TokensOf;
}

/** How to explain scores token by token. */
export interface ExplainTokensOptions {
  /** What implicit rewards are made of, where the scorer gives such. */
  readonly implicit?: ImplicitSpec | undefined;
  /** Told once of each thing that is not as people may think. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/** A conversation, and what is scored to explain it. */
interface Plan {
  readonly conversation: Conversation;
  /** Where its beginnings end, or why there are none. */
  readonly pieces: Pieces | AssayError;
  /** The conversation itself first, then its beginnings from the longest to the shortest. */
  readonly scored: number;
}

/**
 * A scorer whose verdicts tell what each token of the response adds to its score.
 *
 * Of a model trained by DPO that is β (log π − log π_ref) of each token (arXiv 2305.18290). Of any other
 * it is the score's change as the response grows: the score of the response up to the end of the token
 * less that of the response up to its beginning, each rendered by the chat template and tokenized as any
 * response is, with what closes a message. Those changes and the score of the empty response add up to
 * the score. Beginnings of a response share their computation (see `PrefixGroup`).
 *
 * @example
 * ```ts
 * import { explainTokens, openScorer, rowsInMemory, scoreRows } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * using model = await openScorer({ model: "tests/golden/parity/llama" });
 * const rows = rowsInMemory([{ prompt: "2 + 2?", response: "It is 4." }]);
 * const explained = scoreRows(rows.read(), explainTokens(model), { explain: "tokens" });
 * for await (const { row } of explained) {
 *   const rewards = row.token_rewards as { text: string; reward: number }[];
 *   assert.equal(rewards.map(({ text }) => text).join(""), "It is 4.");
 *   const sum = rewards.reduce((sum, { reward }) => sum + reward, row.empty_score as number);
 *   assert.ok(Math.abs(sum - (row.score as number)) < 1e-9);
 * }
 * ```
 *
 * @param scorer The reward model: `openScorer`'s, a `RewardModel` or a `RewardModelWorker`.
 * @param options Whether it gives implicit rewards.
 * @throws {AssayError} `scoring/cannot-explain` where the scorer can't tell tokens.
 */
export function explainTokens(
  scorer: Scorer & Partial<ExplainableScorer>,
  options: ExplainTokensOptions = {},
): Scorer {
  if (scorer.tokens === undefined) {
    throw new AssayError(
      "scoring/cannot-explain",
      "Cannot tell what each token adds: expected a scorer that tells tokens, found one without",
    );
  }
  const told = new Set<string>();
  const note = (message: string): void => {
    if (!told.has(message)) options.onNote?.(message);
    told.add(message);
  };
  // Methods of classes, which a copy of an object's own properties would leave behind.
  const explainable: ExplainableScorer = {
    scoreStream: (conversations, scoring) => scorer.scoreStream(conversations, scoring),
    tokens: (conversation) => scorer.tokens!(conversation),
  };
  return {
    hubName: scorer.hubName,
    scoreStream: (conversations, scoring) =>
      options.implicit === undefined
        ? growingVerdicts(explainable, conversations, scoring, note)
        : implicitVerdicts(explainable, options.implicit, conversations, scoring),
  };
}

type Scoring = Parameters<Scorer["scoreStream"]>[1];

async function* growingVerdicts(
  scorer: ExplainableScorer,
  conversations: AsyncIterable<Conversation>,
  options: Scoring,
  note: (message: string) => void,
): AsyncGenerator<ExplainedVerdict> {
  const plans: Plan[] = [];
  async function* beginnings(): AsyncGenerator<Conversation> {
    for await (const conversation of conversations) {
      const pieces = await piecesOrError(conversation, scorer.tokens);
      if (!(pieces instanceof AssayError)) tellOf(pieces, note);
      const ends = pieces instanceof AssayError ? [] : pieces.ends;
      plans.push({ conversation, pieces, scored: 1 + ends.length });
      yield conversation;
      for (const end of [0, ...ends].slice(0, -1).toReversed()) {
        yield beginningOf(conversation, end);
      }
    }
  }
  let verdicts: Verdict[] = [];
  for await (const verdict of scorer.scoreStream(beginnings(), options)) {
    verdicts.push(verdict);
    const [plan] = plans;
    if (verdicts.length < plan!.scored) continue;
    plans.shift();
    yield explained(plan!, verdicts);
    verdicts = [];
  }
}

async function piecesOrError(
  conversation: Conversation,
  tokens: TokensOf,
): Promise<Pieces | AssayError> {
  try {
    return await piecesOf(conversation, tokens);
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
}

function tellOf({ unit, perPiece }: Pieces, note: (message: string) => void): void {
  if (unit === "words") {
    note(
      "the tokenizer changes some responses' texts, in which its tokens can't be found: their rewards " +
        "are of words",
    );
  }
  if (perPiece > 1) {
    note(
      `responses of more than ${mostPieces} tokens are explained several tokens at a time, in ` +
        `${mostPieces} pieces at the most`,
    );
  }
}

function explained(
  { conversation, pieces }: Plan,
  verdicts: readonly Verdict[],
): ExplainedVerdict {
  const [whole] = verdicts as [Verdict];
  if (whole.error !== null) return whole;
  if (pieces instanceof AssayError) return { ...whole, explanation: pieces };
  const explanation = explanationOf(conversation.at(-1)!.content, pieces.ends, verdicts);
  return { ...whole, explanation };
}

async function* implicitVerdicts(
  scorer: ExplainableScorer,
  { reduce }: ImplicitSpec,
  conversations: AsyncIterable<Conversation>,
  options: Scoring,
): AsyncGenerator<ExplainedVerdict> {
  const waiting: Conversation[] = [];
  async function* kept(): AsyncGenerator<Conversation> {
    for await (const conversation of conversations) {
      waiting.push(conversation);
      yield conversation;
    }
  }
  for await (const verdict of scorer.scoreStream(kept(), options)) {
    const conversation = waiting.shift()!;
    const { tokenRewards } = verdict;
    if (verdict.error !== null || tokenRewards === undefined) {
      yield verdict;
      continue;
    }
    const { tokens } = await scorer.tokens(conversation);
    const texts = tokens.slice(tokens.length - tokenRewards.length).map(({ text }) => text);
    const share = reduce === "mean" ? tokenRewards.length : 1;
    const rewards = tokenRewards.map((reward) => reward / share);
    const explanation = implicitExplanation(conversation.at(-1)!.content, texts, rewards);
    yield { ...verdict, explanation };
  }
}
