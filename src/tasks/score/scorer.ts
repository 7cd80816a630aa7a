import type { ScoreOptions } from "../../scoring/load_options.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";

/** What scoring rows needs of a reward model; `RewardModel` is one. */
export interface Scorer {
  /** Name and commit of a model of the hub; for the column `scored_by`. */
  readonly hubName?: string | undefined;
  /** Verdicts in the order of the conversations, with bounded memory. */
  scoreStream(
    conversations: AsyncIterable<Conversation>,
    options?: ScoreOptions,
  ): AsyncIterable<Verdict>;
}
